"""The cap's draws against its law; its posterior against brute force in the plane and on the sphere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate
from scipy.special import logsumexp

from offprior.families.linear import Linear
from offprior.families.spherical_cap import SphericalCap, angle_quantile
from offprior.laws.normal import Normal
from offprior.mixture import Mixture
from offprior.predictors.bayes import Bayes

KEY = jax.random.key(1)
DRAWN = np.random.default_rng(2)


@pytest.mark.parametrize("dimension, angle", [(2, 60.0), (3, 180.0), (10, 30.0), (10, 180.0), (50, 90.0)])
def test_draws_lie_on_the_cap_and_have_its_law(dimension, angle):
    family = SphericalCap(dimension=dimension, angle=angle, radius=1.5)
    tasks = np.asarray(jax.vmap(family.draw)(jax.random.split(KEY, 20_000)), float)
    np.testing.assert_allclose(np.linalg.norm(tasks, axis=1), 1.5, rtol=1e-5)
    cosine = np.clip(tasks[:, 0] / 1.5, -1, 1)
    largest = np.deg2rad(angle)
    assert np.arccos(cosine).max() < largest + 1e-3
    total = integrate.quad(lambda a: np.sin(a) ** (dimension - 2), 0, largest)[0]
    expected = integrate.quad(lambda a: np.cos(a) * np.sin(a) ** (dimension - 2), 0, largest)[0] / total
    assert abs(cosine.mean() - expected) < 5 * cosine.std() / 20_000**0.5
    np.testing.assert_allclose(tasks[:, 1:].mean(0), 0, atol=0.06)


@pytest.mark.parametrize("dimension, angle", [(3, 180.0), (10, 20.0), (10, 180.0), (40, 120.0)])
def test_quantiles_of_the_angle(dimension, angle):
    """The mass below the quantile is the share, by adaptive quadrature."""
    largest = np.deg2rad(angle)
    with jax.enable_x64(True):
        shares = jnp.asarray([1e-6, 0.01, 0.3, 0.5, 0.9, 0.999])
        found = np.asarray(jax.vmap(lambda u: angle_quantile(u, largest, dimension))(shares))
    # In units of the largest sine: powers of small ones vanish.
    unit = np.sin(min(largest, np.pi / 2))

    def mass(upper):
        return integrate.quad(lambda a: (np.sin(a) / unit) ** (dimension - 2), 0, upper, epsabs=0, epsrel=1e-11)[0]

    np.testing.assert_allclose([mass(a) / mass(largest) for a in found], shares, rtol=1e-8)


def brute(points, x, y, queries, noise, log_weights):
    """Posterior over given slopes with weights."""
    log_mass = log_weights - np.square(y - points @ x.T).sum(1) / (2 * noise**2)
    total = logsumexp(log_mass)
    share = np.exp(log_mass - total)
    values = points @ queries.T
    mean = share @ values
    return total - len(y) * np.log(2 * np.pi * noise**2) / 2, mean, share @ (values - mean) ** 2


@pytest.mark.parametrize("noise, k", [(0.3, 1), (0.3, 5), (0.01, 3)])
def test_in_the_plane_it_is_exact(noise, k):
    family = SphericalCap(dimension=2, angle=100.0, radius=2.0)
    x, queries = DRAWN.normal(size=(k, 2)), DRAWN.normal(size=(5, 2))
    y = x @ [2 * np.cos(1.2), 2 * np.sin(1.2)] + noise * DRAWN.normal(size=k)
    angle = np.deg2rad(100) * (2 * (np.arange(200_000) + 0.5) / 200_000 - 1)
    points = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    evidence, mean, variance = brute(points, x, y, queries, noise, -np.log(200_000.0))
    bayes = Bayes(Mixture([family], noise=noise))
    assert bayes.approximation == ""
    answer = bayes.predict(x, y, queries)
    np.testing.assert_allclose(bayes.log_evidence(x, y), evidence, atol=1e-6)
    np.testing.assert_allclose(answer.mean, mean, atol=1e-6)
    np.testing.assert_allclose(answer.variance, variance, atol=1e-6)


def sphere_points(dimension, largest):
    """A product rule over the angles of a cap: its points, and the logarithms of their weights."""
    at, weights = np.polynomial.legendre.leggauss(60)
    polar = [((at + 1) / 2 * (largest if place == 0 else np.pi), weights) for place in range(dimension - 2)]
    around = 2 * np.pi * (np.arange(120) + 0.5) / 120
    grids = np.meshgrid(*(angle for angle, _ in polar), around, indexing="ij")
    log_weights = sum(np.log(w) for w in np.meshgrid(*(w for _, w in polar), np.ones(120), indexing="ij"))
    sines = np.ones_like(grids[0])
    points = []
    for place, grid in enumerate(grids):
        points.append(sines * np.cos(grid))
        power = dimension - 2 - place
        log_weights = log_weights + power * np.log(np.sin(grid)) if power > 0 else log_weights
        sines = sines * np.sin(grid)
    points.append(sines)
    log_weights = log_weights.ravel()
    return np.stack([p.ravel() for p in points], axis=1), log_weights - logsumexp(log_weights)


def test_in_space_it_is_as_near_as_it_says():
    """Errors beside those of the posterior by direct integration: above them, and below ridge's."""
    family = SphericalCap(dimension=3, angle=120.0)
    points, log_weights = sphere_points(3, np.deg2rad(120))
    mixture = Mixture([family], inputs=Normal(), noise=0.3)
    drawn = mixture.prompts(KEY, 80, 12, 20)
    x, y, queries, truth = (np.asarray(part, float) for part in drawn[:4])
    lengths = [1, 3, 12]
    exact = [
        [brute(points, x[b, :k], y[b, :k], queries[b], 0.3, log_weights)[1] for k in lengths] for b in range(len(x))
    ]
    bayes, ridge = (Bayes(Mixture([one], noise=0.3)) for one in (family, Linear(dimension=3, scale=3**-0.5)))
    assert "a gain over this B is not a gain over Bayes" in bayes.approximation
    means = np.asarray(exact), *(one.predict_batch(x, y, queries, lengths).mean for one in (bayes, ridge))
    ideal, ours, theirs = (np.square(mean - truth[:, None]).mean((0, 2)) for mean in means)
    assert (ideal < ours).all() and (ours < 1.6 * ideal).all() and ours[0] < 1.1 * ideal[0]
    assert (ours < theirs).all()


def test_the_angle_is_a_leaf():
    cosines = jax.vmap(lambda angle: SphericalCap(dimension=6, angle=angle).draw(KEY)[0])(jnp.asarray([20.0, 170.0]))
    assert cosines[0] > np.cos(np.deg2rad(20.0)) > cosines[1]
