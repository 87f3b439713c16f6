# Converters take what users write, a number for a law; pyright sees the stored types alone, and no lengths of stars.
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false
import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from exact import dense, integrated, waves
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from offprior.components.combined import combine
from offprior.compute.precision import sine_and_cosine
from offprior.errors import OffpriorError
from offprior.families.combination import Combination
from offprior.families.grid import Grid
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.families.spherical_cap import SphericalCap
from offprior.laws.normal import Normal
from offprior.mixture import Mixture, draw_prompts
from offprior.posterior import best_fit, posterior, quadrature_refinement
from offprior.posterior.batches import check_prompts

KEY = jax.random.key(0)


def prompt_of(family, points, noise, place=0, queries=7, inputs=(-5.0, 5.0)):
    mixture = Mixture([family], inputs=inputs, noise=noise)
    prompts = draw_prompts(mixture, jax.random.fold_in(KEY, place), 1, points, queries)
    return tuple(np.asarray(array[0], np.float64) for array in prompts[:4])


def answer(family, x, y, queries, noise, nodes=256):
    found = posterior([family.components(nodes)], x[None], y[None], queries[None], [len(y)], noise)
    return found.log_evidence[0, 0, 0], found.mean[0, 0, 0], found.variance[0, 0, 0]


def agree(found, expected, rtol=1e-6, atol=1e-6):
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(left, right, rtol=rtol, atol=atol)


def agrees_at_every_length(family, prompt, noise, brute_force):
    """All lengths in one pass, so that all such tests run the same program."""
    x, y, queries, _ = prompt
    found = posterior([family.components()], x[None], y[None], queries[None], [1, 4, 12], noise)
    for place, length in enumerate([1, 4, 12]):
        expected = brute_force(x[:length, 0], y[:length], queries[:, 0])
        agree((found.log_evidence[0, place, 0], found.mean[0, place, 0], found.variance[0, place, 0]), expected)


@pytest.mark.parametrize("noise", [0.1, 0.5])
def test_sinusoids_agree_with_brute_force_quadrature(noise):
    prompt = prompt_of(Sinusoid(), 12, noise)
    agrees_at_every_length(Sinusoid(), prompt, noise, lambda x, y, at: waves(1.0, 3.0, x, y, at, noise, count=6000))


@pytest.mark.parametrize("a", [0.0, 0.25, 1.0])
def test_combinations_agree_with_brute_force_quadrature(a):
    family = Combination(Linear(), Sinusoid(), a)
    prompt = prompt_of(family, 12, 0.1)
    agrees_at_every_length(family, prompt, 0.1, lambda x, y, at: waves(1.0, 3.0, x, y, at, 0.1, a, 1 - a, count=5000))


def test_a_misfit_agrees_too():
    """A line, seen by sinusoids: all of the posterior within a thousandth of the end of the range."""
    prompt = prompt_of(Linear(), 12, 0.1)
    x, y, queries, _ = prompt
    found = posterior([Sinusoid().components()], x[None], y[None], queries[None], [1, 4, 12], 0.1)
    expected = waves(1.0, 1.005, x[:, 0], y, queries[:, 0], 0.1, count=5000)
    beyond = waves(1.005, 3.0, x[:, 0], y, queries[:, 0], 0.1, count=5000)
    assert beyond[0] < expected[0] - 30
    agree(
        (found.log_evidence[0, 2, 0], found.mean[0, 2, 0], found.variance[0, 2, 0]),
        (expected[0] + np.log(0.005 / 2), *expected[1:]),
    )


@pytest.mark.parametrize("dimension, intercept", [(1, False), (3, True), (9, True)])
def test_lines_agree_with_the_closed_form(dimension, intercept):
    """Bayesian linear regression, by SciPy; nine dimensions and an intercept go through LAPACK."""
    family = Linear(dimension, intercept, scale=0.7, intercept_scale=1.3)
    x, y, queries, _ = prompt_of(family, 12, 0.2)
    scales = np.asarray([0.7] * dimension + [1.3] * intercept)
    columns, asked = (np.column_stack([at, np.ones(len(at))])[:, : len(scales)] for at in (x, queries))
    covariance = (columns * scales**2) @ columns.T + 0.04 * np.eye(12)
    found = answer(family, x, y, queries, 0.2)
    assert found[0] == pytest.approx(multivariate_normal(np.zeros(12), covariance).logpdf(y), rel=1e-9)
    precision = np.diag(scales**-2.0) + columns.T @ columns / 0.04
    mean = asked @ np.linalg.solve(precision, columns.T @ y / 0.04)
    agree(found[1:], (mean, np.einsum("mi,im->m", asked, np.linalg.solve(precision, asked.T))), 1e-9, 1e-9)


@pytest.mark.parametrize(
    "offset, mean, sd", [(Normal(0.8, 0.5), 0.8, 0.5), (0.8, 0.8, 0.0)], ids=["normal offset", "fixed offset"]
)
def test_offsets_are_fixed_or_normal_columns(offset, mean, sd):
    family = Sinusoid(frequency=2.0, offset=offset)
    x, y, queries, _ = prompt_of(family, 6, 0.1)
    features = [np.column_stack([np.sin(2 * at), np.cos(2 * at), np.ones(len(at))]) for at in (x, queries)]
    evidence, centre, variance = dense(*features, np.asarray([1.0, 1.0, sd]), y - mean, 0.1)
    agree(answer(family, x, y, queries, 0.1), (evidence, centre + mean, variance), 1e-8, 1e-9)


def test_laws_without_a_normal_coefficient_are_integrated_too():
    """A uniform amplitude and a known phase, against a two-dimensional sum."""
    family = Sinusoid(amplitude=(0.5, 2.0), frequency=(1.0, 1.5), phase=0.3)
    x, y, queries, _ = prompt_of(family, 5, 0.5)
    parts = []
    for amplitude in 0.5 + 1.5 * (np.arange(200) + 0.5) / 200:
        for omega in 1 + 0.5 * (np.arange(200) + 0.5) / 200:
            values, asked = (amplitude * np.sin(omega * at[:, 0] + 0.3) for at in (x, queries))
            evidence = -((y - values) ** 2).sum() / 0.5 - 5 * np.log(2 * np.pi * 0.25) / 2
            parts.append((-2 * np.log(200), evidence, asked, 0.0 * asked))
    agree(answer(family, x, y, queries, 0.5), integrated(parts), 1e-3, 1e-3)


def test_grids_agree_with_enumeration():
    line = Grid(slope=(-1.0, 1.0, 11.0), offset=(-1.0, 1.0, 5.0))
    wave = Grid(slope=(0.0,), amplitude=(0.2,), frequency=(9.0,), offset=(0.0, 1.0, 7.0))
    family = Combination(line, wave, 0.4)
    x, y, queries, _ = prompt_of(family, 5, 0.3)
    parts = []
    for slope in np.linspace(-1, 1, 11):
        for first in np.linspace(-1, 1, 5):
            for second in np.linspace(0, 1, 7):
                values, asked = (
                    0.4 * (slope * at + first) + 0.6 * (0.2 * np.sin(9 * at) + second)
                    for at in (x[:, 0], queries[:, 0])
                )
                evidence = -((y - values) ** 2).sum() / 0.18 - 5 * np.log(2 * np.pi * 0.09) / 2
                parts.append((-np.log(385), evidence, asked, 0.0 * asked))
    agree(answer(family, x, y, queries, 0.3), integrated(parts), 1e-9, 1e-9)


def test_sinusoids_agree_with_nuts_within_its_error():
    # Inputs within half a wave: one mode, which NUTS can find its way around.
    x, y, queries, _ = prompt_of(Sinusoid(), 5, 0.3, inputs=(-1.0, 1.0))

    def model():
        omega = numpyro.sample("omega", dist.Uniform(1.0, 3.0))
        weights = numpyro.sample("weights", dist.Normal(0.0, 1.0).expand([2]))
        at = omega * x[:, 0].astype(np.float32)
        value = weights[0] * jnp.sin(at) + weights[1] * jnp.cos(at)
        numpyro.sample("y", dist.Normal(value, 0.3), obs=y.astype(np.float32))

    mcmc = numpyro.infer.MCMC(numpyro.infer.NUTS(model), num_warmup=500, num_samples=2000, num_chains=2,
                              chain_method="vectorized", progress_bar=False)  # fmt: skip
    with jax.numpy_dtype_promotion("standard"):  # NumPyro mixes whole numbers in
        mcmc.run(jax.random.key(1))
    drawn = {name: np.asarray(value, np.float64) for name, value in mcmc.get_samples(group_by_chain=True).items()}
    angle = drawn["omega"][..., None] * queries[:, 0]
    values = drawn["weights"][..., :1] * np.sin(angle) + drawn["weights"][..., 1:] * np.cos(angle)
    effective = numpyro.diagnostics.effective_sample_size(values)
    assert effective.min() > 200, "the sampler did not mix: no oracle"
    _, mean, variance = answer(Sinusoid(), x, y, queries, 0.3)
    standard_error = values.std((0, 1)) / np.sqrt(effective)
    np.testing.assert_array_less(np.abs(values.mean((0, 1)) - mean), 4 * standard_error)
    np.testing.assert_allclose(values.var((0, 1)), variance, rtol=0.35)


@settings(max_examples=6)
@given(st.lists(st.sampled_from([0, 1, 2, 5, 12]), min_size=2, max_size=4), st.integers(0, 20))
def test_one_pass_is_prefix_by_prefix(lengths, place):
    """Any lengths, in any order, repeated, none included; what follows a prefix is not seen."""
    prompts = draw_prompts(Mixture(), jax.random.fold_in(KEY, place), 3, 12, 4)
    x, y, queries = (np.asarray(array, np.float64) for array in prompts[:3])
    groups = [combine(Linear().components(), Sinusoid().components(64), 0.5, 0.5)]
    together = posterior(groups, x, y, queries, lengths, 0.1)
    for number, length in enumerate(lengths):
        hidden = y.copy()
        hidden[:, length:] = 7.0
        alone = posterior(groups, x, hidden, queries, [length], 0.1)
        for name in ("log_evidence", "mean", "variance"):
            np.testing.assert_allclose(
                getattr(together, name)[:, number], getattr(alone, name)[:, 0], rtol=1e-7, atol=1e-7, err_msg=name
            )


def test_without_context_it_is_the_prior():
    queries = np.asarray([[[0.5], [2.0]]])
    groups = [Linear(scale=2.0).components(), Sinusoid().components()]
    found = posterior(groups, np.zeros((1, 0, 1)), np.zeros((1, 0)), queries, [0], 0.1)
    assert np.abs(found.log_evidence).max() < 1e-12 and np.abs(found.mean).max() < 1e-12
    np.testing.assert_allclose(found.variance[0, 0], [[1.0, 16.0], [1.0, 1.0]], rtol=1e-12)


@pytest.mark.parametrize("noise", [1e-3, 0.01])
@pytest.mark.parametrize("points", [2, 3, 4])
def test_posteriors_of_many_narrow_modes_agree_with_brute_force(noise, points):
    """Few points, little noise: any frequency at which the residual vanishes is a mode, a thousandth of the range."""
    prompts = draw_prompts(Mixture([Sinusoid()], inputs=(-5.0, 5.0), noise=noise), KEY, 8, points, 6)
    x, y, queries = (np.asarray(array, np.float64) for array in prompts[:3])
    found = posterior([Sinusoid().components()], x, y, queries, [points], noise)
    assert found.quadrature_error.max() < 1e-6
    for place in range(len(x)):
        expected = waves(1.0, 3.0, x[place, :, 0], y[place], queries[place, :, 0], noise, count=round(60 / noise))
        mine = (array[place, 0, 0] for array in (found.log_evidence, found.mean, found.variance))
        agree(mine, expected, 1e-6, 2e-6)


def test_lengths_that_share_their_panels_agree_with_brute_force_and_with_each_alone():
    """Of many narrow modes and of a single one, of sinusoids and of a line that none of them fits."""
    prompts = draw_prompts(Mixture([Linear(), Sinusoid()], inputs=(-5.0, 5.0), noise=0.01), KEY, 4, 10, 3)
    x, y, queries = (np.asarray(array, np.float64) for array in prompts[:3])
    groups = [Sinusoid().components()]
    lengths = [0, 2, 3, 4, 10]
    assert set(np.asarray(prompts.family).tolist()) == {0, 1}
    together = posterior(groups, x, y, queries, lengths, 0.01)
    assert together.quadrature_error.max() < 1e-6
    for place, length in enumerate(lengths):
        alone = posterior(groups, x, y, queries, [length], 0.01)
        for row in range(len(x)):
            mine, other = (
                (found.log_evidence[row, at, 0], found.mean[row, at, 0], found.variance[row, at, 0])
                for found, at in ((together, place), (alone, 0))
            )
            agree(mine, other, 1e-7, 1e-7)
            if length and prompts.family[row] == 1:  # the other posterior lies at the very end of the range
                expected = waves(1.0, 3.0, x[row, :length, 0], y[row, :length], queries[row, :, 0], 0.01, count=6000)
                agree(mine, expected, 1e-5, 1e-5)


def test_modes_of_unlikely_coefficients_are_found():
    """At a higher noise the wave that fits a line holds nothing, for its amplitude is fifty: it must not be dropped."""
    x = np.asarray([0.44, 1.65, -1.93])
    queries = np.asarray([2.5])
    found = posterior([Sinusoid().components()], x[None, :, None], 1.14 * x[None], queries[None, :, None], [3], 1e-3)
    evidence, mean, variance = waves(2.5, 3.0, x, 1.14 * x, queries, 1e-3, count=100_000)
    mine = found.log_evidence[0, 0, 0], found.mean[0, 0, 0], found.variance[0, 0, 0]
    agree(mine, (evidence + np.log(0.5 / 2), mean, variance))


def test_many_prompts_of_many_coefficients_are_the_single_ones():
    """LAPACK from two threads at once would wait for ever."""
    family = SphericalCap(8)
    prompts = draw_prompts(Mixture([family], noise=0.3), KEY, 40, 6, 2)
    x, y, queries = (np.asarray(array, np.float64) for array in prompts[:3])
    together = posterior([family.components()], x, y, queries, [2, 6], 0.3)
    alone = posterior([family.components()], x[:1], y[:1], queries[:1], [2, 6], 0.3)
    for name in ("log_evidence", "mean", "variance"):
        np.testing.assert_allclose(getattr(together, name)[:1], getattr(alone, name), rtol=1e-6, atol=1e-7)


def test_where_panels_are_too_few_the_error_tells(monkeypatch):
    monkeypatch.setattr(quadrature_refinement, "MOST_PANELS", 2)
    x, y, queries, _ = prompt_of(Sinusoid(), 40, 0.01)
    found = posterior([Sinusoid().components()], x[None], y[None], queries[None], [40], 0.01)
    assert np.isfinite(found.mean).all() and found.quadrature_error[0, 0, 0] > 1e-6


def test_narrow_posteriors_are_refined():
    """At the noise floor the posterior of a frequency is a ten-thousandth of its range."""
    x, y, queries, truth = prompt_of(Sinusoid(), 40, 1e-3)
    coarse, fine = (answer(Sinusoid(), x, y, queries, 1e-3, nodes) for nodes in (256, 1024))
    agree(coarse, fine, 1e-6, 1e-8)
    assert np.abs(coarse[1] - truth).max() < 5e-3
    found = posterior([Sinusoid().components()], x[None], y[None], queries[None], [40], 1e-3)
    assert 0 < found.quadrature_error[0, 0, 0] < 1e-6
    # Around the peak, where brute force can see it.
    peak = waves(1.0, 3.0, x[:, 0], y, queries[:, 0], 1e-3, count=1)
    omega = _peak(x[:, 0], y)
    width = 0.004
    expected = waves(omega - width, omega + width, x[:, 0], y, queries[:, 0], 1e-3, count=2000)
    assert expected[0] > peak[0]
    assert coarse[0] == pytest.approx(expected[0] + np.log(width), abs=1e-4)
    agree(coarse[1:], expected[1:], 1e-4, 1e-6)


def _peak(x, y):
    """The frequency that fits best, by ever finer search."""
    low, high = 1.0, 3.0
    for _ in range(6):
        grid = np.linspace(low, high, 400)
        errors = []
        for omega in grid:
            columns = np.stack([np.sin(omega * x), np.cos(omega * x)], axis=1)
            errors.append(((y - columns @ np.linalg.lstsq(columns, y, rcond=None)[0]) ** 2).sum())
        best = grid[int(np.argmin(errors))]
        step = grid[1] - grid[0]
        low, high = best - 2 * step, best + 2 * step
    return best


def test_many_prompts_are_the_single_ones_whatever_the_memory():
    prompts = draw_prompts(Mixture(), KEY, 37, 10, 5)
    x, y, queries = (np.asarray(array, np.float64) for array in prompts[:3])
    groups = [combine(Linear().components(), Sinusoid().components(64), 0.5, 0.5)]
    together = posterior(groups, x, y, queries, [3, 10], 0.1)
    frugal = posterior(groups, x[:9], y[:9], queries[:9], [3, 10], 0.1, memory_bytes=1 << 20)
    for name in ("log_evidence", "mean", "variance"):
        np.testing.assert_allclose(getattr(together, name)[:9], getattr(frugal, name), rtol=1e-8, atol=1e-8)
    unspread = posterior(groups, x[:9], y[:9], queries[:9], [3, 10], 0.1, variance=False, memory_bytes=1 << 20)
    np.testing.assert_allclose(unspread.mean, frugal.mean, rtol=1e-8, atol=1e-8)
    assert np.isnan(unspread.variance).all()


def test_the_process_keeps_its_precision():
    x, y, queries, _ = prompt_of(Linear(), 3, 0.1)
    mean = answer(Linear(), x, y, queries, 0.1)[1]
    assert mean.dtype == np.float64 and jnp.ones(1).dtype == jnp.float32
    with jax.enable_x64(True):
        np.testing.assert_array_equal(answer(Linear(), x, y, queries, 0.1)[1], mean)
        assert jnp.ones(1).dtype == jnp.float64


def test_best_fit_finds_the_truth_in_its_class_and_nothing_of_it_is_better():
    families = [Linear(), Sinusoid(), Grid()]
    groups = [family.components() for family in families]
    prompts = draw_prompts(Mixture(families, noise=0.0), KEY, 24, 1, 40)
    queries, truth = (np.asarray(array, np.float64) for array in (prompts.queries, prompts.truth))
    fits = best_fit(groups, queries, truth)
    errors = ((fits - truth[:, None]) ** 2).mean(-1)
    for place in range(3):
        here = np.asarray(prompts.family) == place
        assert here.any() and errors[here, place].max() < 1e-9
    slopes = (queries[..., 0] * truth).sum(1) / (queries[..., 0] ** 2).sum(1)
    np.testing.assert_allclose(fits[:, 0], slopes[:, None] * queries[..., 0], rtol=1e-6, atol=1e-7)
    for row in range(4):
        at = queries[row, :, 0]
        omega = _peak(at, truth[row])
        columns = np.stack([np.sin(omega * at), np.cos(omega * at)], axis=1)
        least = ((truth[row] - columns @ np.linalg.lstsq(columns, truth[row], rcond=None)[0]) ** 2).mean()
        assert errors[row, 1] <= least * 1.0001 + 1e-9


@given(st.floats(-1e5, 1e5))
def test_sines_are_exact(angle):
    with jax.enable_x64(True):
        found = [float(each) for each in sine_and_cosine(jnp.asarray(angle))]
    np.testing.assert_allclose(found, [np.sin(angle), np.cos(angle)], rtol=0, atol=4e-16)


def test_bad_shapes_and_noise_are_told():
    with pytest.raises(ValueError, match=r"expected \[prompts, n, d\]"):
        check_prompts((3, 1), (3,), (7, 1), (3,), 0.1)
    x, y, queries, _ = prompt_of(Linear(), 3, 0.1)
    group = Linear().components()
    with pytest.raises(ValueError, match="3 pairs"):
        posterior([group], x[None], y[None], queries[None], [4], 0.1)
    with pytest.raises(OffpriorError, match="noise floor"):
        posterior([group], x[None], y[None], queries[None], [3], 0.0)
