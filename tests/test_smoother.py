"""S: against scikit-learn's Gaussian process, a dense computation, and in other units."""

import warnings

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from offprior.predictors.nadaraya_watson import squared_distances, typical_distance
from offprior.predictors.smoother import Smoother

TOLERANCE = 0.1
"""Nats of log marginal likelihood that scikit-learn may find more."""


def waves(count=4, pairs=15, dimension=1, seed=0, noise=0.1, offset=0.0):
    """A wave along a random direction and a slope, noise, and queries within the range and beyond it."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-5, 5, (count, pairs, dimension))
    queries = rng.uniform(-7, 7, (count, 6, dimension))
    along = rng.normal(size=(count, 1, dimension)) / dimension**0.5
    inner = (x * along).sum(-1)
    y = np.sin(2 * inner) + rng.normal(size=(count, 1)) * inner + offset
    return x, y + noise * rng.normal(size=y.shape), queries


def answers(x, y, queries, lengths=None):
    return Smoother().predict_batch(x, y, queries, lengths or [y.shape[1]])


def dense(fit, b, x, y, queries):
    """Log-density of y, mean and variance of the function, under the fitted process, by its covariance matrices."""
    points = np.concatenate([x[b], queries[b]])[None]
    kernel = fit.amplitude[b] ** 2 * np.exp(-squared_distances(points, points)[0] / (2 * fit.length_scale[b] ** 2))
    kernel += fit.constant[b] ** 2
    n = len(x[b])
    of_y = kernel[:n, :n] + fit.noise[b] ** 2 * np.eye(n)
    solved = np.linalg.solve(of_y, kernel[:n, n:])
    density = multivariate_normal(np.zeros(n), of_y, allow_singular=True).logpdf(y[b])
    return density, solved.T @ y[b], np.diag(kernel[n:, n:] - kernel[n:, :n] @ solved)


@pytest.mark.parametrize(("pairs", "dimension", "offset"), [(4, 1, 0), (15, 1, 0), (15, 3, 0), (15, 1, 5), (41, 20, 0)])
def test_answers_are_those_of_the_fitted_process(pairs, dimension, offset):
    x, y, queries = waves(pairs=pairs, dimension=dimension, offset=offset)
    fit, answer = Smoother().fit(x, y), answers(x, y, queries)
    for b in range(len(y)):
        density, mean, variance = dense(fit, b, x, y, queries)
        assert fit.log_likelihood[b] == pytest.approx(density, abs=1e-4)
        np.testing.assert_allclose(answer.mean[b, 0], mean, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(answer.variance[b, 0], variance, rtol=1e-3, atol=1e-5)
    assert (fit.constant > 0).any() == (offset > 0)


@pytest.mark.parametrize(("pairs", "dimension", "offset"), [(10, 1, 0), (20, 1, 5), (20, 5, 0)])
def test_no_fit_of_scikit_learn_is_likelier(pairs, dimension, offset):
    x, y, queries = waves(count=2, pairs=pairs, dimension=dimension, offset=offset)
    fit, answer = Smoother().fit(x, y), answers(x, y, queries)
    typical, compared = typical_distance(x), 0
    for b in range(len(y)):
        kernel = ConstantKernel(1.0, (1e-4, 1e8)) * RBF(1.0, (0.02, 100.0))
        kernel += ConstantKernel(1.0, (1e-4, 1e6)) if fit.constant[b] > 0 else ConstantKernel(1e-12, "fixed")
        kernel += WhiteKernel(1e-2, (1e-8, 1e2))
        theirs = GaussianProcessRegressor(kernel, n_restarts_optimizer=2, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs.fit(x[b] / typical[b], y[b])
        most = theirs.log_marginal_likelihood_value_
        assert fit.log_likelihood[b] >= most - TOLERANCE
        if fit.log_likelihood[b] <= most + TOLERANCE:
            within = np.abs(queries[b]).max(-1) <= 5
            expected = theirs.predict(queries[b] / typical[b])
            np.testing.assert_allclose(answer.mean[b, 0][within], expected[within], atol=0.1 * y[b].std())
            compared += 1
    assert compared > 0


@pytest.mark.parametrize("pairs", [5, 20])
@pytest.mark.parametrize("factor", [1e-30, 1e-6, 1e12])
def test_units_make_no_difference(pairs, factor):
    """Of y, of x, and where x begins."""
    x, y, queries = waves(pairs=pairs)
    plain = answers(x, y, queries)
    of_y = answers(x, factor * y, queries)
    np.testing.assert_allclose(of_y.mean / factor, plain.mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(of_y.variance / factor**2, plain.variance, rtol=1e-3, atol=1e-6)
    of_x = answers(factor * x, y, factor * queries)
    np.testing.assert_allclose(of_x.mean, plain.mean, rtol=1e-4, atol=1e-5)
    moved = answers(x + 100, y, queries + 100)
    np.testing.assert_allclose(moved.mean, plain.mean, rtol=1e-4, atol=1e-5)


def test_far_from_zero_a_constant_is_fitted():
    """However far y lies, the answers are as good, and beyond the points they stay there."""
    x, y, queries = waves(pairs=20)
    centred, far = (answers(x, y + offset, queries).mean - offset for offset in (1e4, 1e9))
    np.testing.assert_allclose(far, centred, atol=0.05)
    outside = answers(x, y + 1e4, np.full_like(queries, 1e3)).mean[:, 0]
    np.testing.assert_allclose(outside, 1e4, rtol=1e-2)
    assert (np.abs(answers(x, y, np.full_like(queries, 1e6)).mean) < 1e-6).all(), "without an offset it goes to 0"


def test_turned_inputs_make_no_difference():
    x, y, queries = waves(dimension=3)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    np.testing.assert_allclose(answers(x @ turn, y, queries @ turn).mean, answers(x, y, queries).mean, atol=1e-4)


def test_a_prompt_is_answered_by_itself():
    """Whatever stands beside it in a batch, beyond its context, and in whatever order."""
    x, y, queries = waves(pairs=12)
    together = answers(x, y, queries, [5, 12])
    order = np.random.default_rng(0).permutation(5)
    for b in range(len(y)):
        first = np.concatenate([order, np.arange(5, 12)])
        one = answers(x[b : b + 1, first], y[b : b + 1, first], queries[b : b + 1], [5])
        np.testing.assert_allclose(one.mean[0, 0], together.mean[b, 0], rtol=1e-5, atol=1e-6)
        alone = answers(x[b : b + 1, :5], y[b : b + 1, :5], queries[b : b + 1])
        np.testing.assert_allclose(alone.mean[0, 0], together.mean[b, 0], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("pairs", [1, 2, 3, 8])
@pytest.mark.parametrize("value", [0.0, 3.0, -1e9])
def test_a_constant_is_answered_by_itself(pairs, value):
    x, _, queries = waves(pairs=pairs)
    answer = answers(x, np.full(x.shape[:2], value), queries)
    near = np.abs(queries[..., 0] - x[:, :1, 0]) < 0.5 if pairs == 1 else np.ones(queries.shape[:2], bool)
    np.testing.assert_allclose(answer.mean[:, 0][near], value, rtol=1e-3)
    assert np.isfinite(answer.variance).all() and (answer.variance >= 0).all()


def test_the_same_input_again_and_again():
    """With different y it is noise; where all inputs are one, their mean is answered there."""
    x, y, queries = waves(pairs=6)
    twice = answers(np.repeat(x, 2, axis=1), np.repeat(y, 2, axis=1) + np.tile([0.2, -0.2], 6), queries)
    assert np.isfinite(twice.mean).all() and np.isfinite(twice.variance).all()
    one = answers(np.ones_like(x), y, np.ones_like(queries))
    np.testing.assert_allclose(one.mean[:, 0, 0], y.mean(1), atol=0.6 * np.abs(y).max())
    assert np.isfinite(one.variance).all()


def test_without_queries_and_without_context():
    x, y, queries = waves(pairs=3)
    assert answers(x, y, queries[:, :0]).mean.shape == (4, 1, 0)
    assert (answers(x[:, :0], y[:, :0], queries, [0]).mean == 0).all()
