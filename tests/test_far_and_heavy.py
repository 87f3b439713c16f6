"""Data far from a prior, and priors with heavy tails."""

# Converters take what users write, a number for a law; pyright sees the stored types alone.
# pyright: reportArgumentType=false
import numpy as np
import pytest
from exact import waves
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import gammaln, logsumexp
from scipy.stats import norm
from scipy.stats import t as student

from offprior.components import Components
from offprior.errors import OffpriorError
from offprior.families.heavy_tailed_linear import HeavyTailedLinear
from offprior.families.linear import Linear
from offprior.families.low_rank_linear import LowRankLinear
from offprior.families.sinusoid import Sinusoid
from offprior.families.sparse_linear import SparseLinear
from offprior.laws.normal import Normal
from offprior.laws.rayleigh import Rayleigh
from offprior.mixture import Mixture
from offprior.posterior import posterior
from offprior.predictors._references import References
from offprior.predictors.bayes import Bayes

X = np.linspace(-4.2, 3.9, 12)
QUERIES = np.asarray([0.5, -2.0, 3.0])


def answer(group: Components, y, noise=0.1, x=X, queries=QUERIES):
    found = posterior([group], x[None, :, None], y[None], queries[None, :, None], [len(y)], noise)
    return found.log_evidence[0, 0, 0], found.mean[0, 0, 0], found.variance[0, 0, 0]


@pytest.mark.parametrize("y", [np.sin(1.7 * X) + 1e3, 1e4 * np.sin(1.7 * X + 0.3)], ids=["offset", "factor"])
def test_variances_of_far_data_agree_with_brute_force(y):
    """E[f²] − mean² was 0 at one query and 64 for .05 at another. The grid is where the posterior is."""
    found = answer(Sinusoid().components(), y)
    coarse = np.linspace(1.0, 3.0, 4001)
    best = coarse[np.argmax([waves(at, at, X, y, QUERIES, 0.1, count=1)[0] for at in coarse])]
    best = minimize_scalar(
        lambda at: -waves(at, at, X, y, QUERIES, 0.1, count=1)[0], (best - 5e-4, best, best + 5e-4), tol=1e-9
    ).x
    low, high = best - 12 * 0.1 / np.abs(y).max(), best + 12 * 0.1 / np.abs(y).max()
    evidence, mean, variance = waves(low, high, X, y, QUERIES, 0.1, count=4000)
    assert found[0] == pytest.approx(evidence + np.log((high - low) / 2), rel=1e-9)
    np.testing.assert_allclose(found[1], mean, rtol=1e-5)
    np.testing.assert_allclose(found[2], variance, rtol=0.05)


@settings(max_examples=8)
@given(st.floats(-6, 6), st.floats(-1e6, 1e6))
def test_variances_do_not_depend_on_units_or_offsets(decimals, offset):
    """With y, prior and noise in other units variances are in their square; a Gaussian's do not depend on y."""
    factor = 10.0**decimals
    y = np.cos(X)
    line = Linear(intercept=True, intercept_scale=1e6).components()
    np.testing.assert_allclose(answer(line, y + offset)[2], answer(line, y)[2], rtol=1e-9)
    plain, scaled = (
        answer(Sinusoid(amplitude=Rayleigh(unit), offset=Normal(0.0, 2 * unit)).components(), unit * y, 0.1 * unit)
        for unit in (1.0, factor)
    )
    np.testing.assert_allclose(scaled[1], factor * plain[1], rtol=1e-6, atol=1e-7 * factor)
    np.testing.assert_allclose(scaled[2], factor**2 * plain[2], rtol=1e-6)


@pytest.mark.parametrize(
    "family",
    [Sinusoid(), Sinusoid(amplitude=1.0), SparseLinear(dimension=1, sparsity=1), HeavyTailedLinear()],
    ids=lambda family: family.label,
)
@pytest.mark.parametrize("far", [1e9, 1e200])
def test_data_beyond_double_precision_is_refused_in_a_line(family, far):
    bayes = Bayes(Mixture([family]))
    for call in (bayes.log_evidence, lambda x, y: bayes.predict(x, y, x), bayes.family_posterior):
        with pytest.raises(OffpriorError, match=r"times what the prior expects there .*rescale y"):
            call(X[:, None], far * np.cos(X))


def test_data_within_reach_is_answered_however_little_the_noise():
    """Rounding is more than a nat there, and there is nothing to say about the scale of y."""
    x = X[:, None]
    assert Bayes(Mixture([Linear()], noise=1e-9)).predict(x, 0.7 * X, x).mean == pytest.approx(0.7 * X)
    far = References(Mixture()).batch(x[None], 1e5 * X[None], x[None], [0, 12])
    np.testing.assert_allclose(far.bayes_mean[0, 1], 1e5 * X, rtol=1e-3)


@pytest.mark.parametrize("degrees", [2.2, 3.0, 8.0])
def test_heavy_tails_have_their_variance(degrees):
    """ν/(ν − 2), which an even share of probability a node misses by half."""
    found = posterior([HeavyTailedLinear(degrees=degrees).components()], np.zeros((1, 0, 1)), np.zeros((1, 0)),
                      np.ones((1, 1, 1)), [0], 0.1)  # fmt: skip
    assert found.variance[0, 0, 0, 0] == pytest.approx(degrees / (degrees - 2), rel=1e-9)


@pytest.mark.parametrize("degrees", [1.5, 3.0])
@pytest.mark.parametrize("slope", [0.3, 30.0, 1e4])
def test_heavy_tails_agree_with_a_sum_over_slopes(degrees, slope):
    x = X[:3]
    y = slope * x + np.asarray([0.1, -0.05, 0.02])
    centre, width = (x @ y) / (x @ x), 0.1 / np.sqrt(x @ x)
    slopes = centre + width * np.linspace(-12, 12, 20_001)
    log_density = norm(0, 0.1).logpdf(y[:, None] - x[:, None] * slopes).sum(0) + student(degrees).logpdf(slopes)
    total = logsumexp(log_density)
    share = np.exp(log_density - total)
    mean = share @ slopes
    family = HeavyTailedLinear(degrees=degrees)
    evidence, found, variance = answer(family.components(), y, x=x, queries=np.ones(1))
    assert evidence == pytest.approx(total + np.log(slopes[1] - slopes[0]), abs=1e-4)
    assert found[0] == pytest.approx(mean, abs=1e-6 * width) and variance[0] == pytest.approx(
        share @ (slopes - mean) ** 2, rel=1e-6
    )
    assert bool(family.components().approximation) == (degrees <= 2)


@pytest.mark.parametrize("family, shape", [(HeavyTailedLinear(dimension=6), 1.5), (LowRankLinear(shared=False), 1.5)])
@pytest.mark.parametrize("size", [0.1, 1.0, 4.0])
def test_random_scales_agree_with_a_sum_over_them(family, shape, size):
    """In d dimensions, given the scale, y is normal; the scale's posterior is narrow and anywhere."""
    generator = np.random.default_rng(4)
    x = generator.normal(size=(14, family.dimension))
    y = x @ (size * generator.normal(size=family.dimension)) + 0.1 * generator.normal(size=14)
    log_t = np.linspace(-14, 6, 8001)
    squares = np.exp(log_t) if isinstance(family, LowRankLinear) else np.exp(-log_t)
    eigenvalues, directions = np.linalg.eigh(x @ x.T)
    spread = squares[:, None] * eigenvalues + 0.01
    log_density = -(np.square(directions.T @ y) / spread + np.log(2 * np.pi * spread)).sum(1) / 2
    log_density += shape * (np.log(shape) + log_t - np.exp(log_t)) - gammaln(shape) + np.log(log_t[1] - log_t[0])
    found = posterior([family.components()], x[None], y[None], x[None], [0, 14], 0.1)
    assert found.log_evidence[0, 1, 0] == pytest.approx(logsumexp(log_density), abs=1e-6)
    prior = np.square(x).sum(1) * (3.0 if isinstance(family, HeavyTailedLinear) else 1.0)
    np.testing.assert_allclose(found.variance[0, 0, 0], prior, rtol=1e-9)
