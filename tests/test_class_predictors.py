"""Predictors that know the classes: the best fit inside one, the blend of two, and the posterior of a pool."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from offprior.components import NoClosedForm
from offprior.evaluation.blend import best_blend
from offprior.families.grid import Grid
from offprior.families.linear import Linear
from offprior.families.relu_network import ReluNetwork
from offprior.families.sinusoid import Sinusoid
from offprior.families.task_pool import TaskPool
from offprior.mixture import Mixture
from offprior.posterior import batches, fit_each, posterior
from offprior.predictors.bayes import Bayes
from offprior.predictors.class_blend import ClassBlend
from offprior.predictors.class_fit import ClassFit
from offprior.predictors.pool_posterior import PoolPosterior
from offprior.predictors.predictor import in_order
from offprior.predictors.ridge import Ridge
from offprior.probes.convex import Convex

MIXTURE = Mixture(families=[Linear(), Sinusoid(frequency=(0.5, 1.5))], noise=0.05)


def drawn(mixture, count, pairs, seed=0, queries=16):
    found = mixture.prompts(jax.random.key(seed), count, pairs, queries)
    return tuple(np.asarray(part, np.float64) for part in found[:4]), np.asarray(found.family)


def test_a_fit_inside_a_class_is_the_least_squares_of_a_fine_grid():
    (x, y, queries, _), _ = drawn(MIXTURE, 12, 15)
    values, errors = fit_each([family.components(256) for family in MIXTURE.families], x, y, queries)
    slope = (x[..., 0] * y).sum(1) / (x[..., 0] ** 2).sum(1)
    np.testing.assert_allclose(values[:, 0], slope[:, None] * queries[..., 0], rtol=1e-6)
    for b in range(12):
        least = np.inf
        for frequency in np.linspace(0.5, 1.5, 4001):
            columns = np.stack([np.sin(frequency * x[b, :, 0]), np.cos(frequency * x[b, :, 0])], axis=1)
            coefficients, residual, _, _ = np.linalg.lstsq(columns, y[b], rcond=None)
            if residual[0] < least:
                least, at = residual[0], frequency
                asked = np.stack([np.sin(at * queries[b, :, 0]), np.cos(at * queries[b, :, 0])], axis=1)
                expected = asked @ coefficients
        # The grid's own best is a ten-thousandth of its step squared above the least.
        assert least * (1 - 1e-3) - 1e-6 <= errors[b, 1] <= least * (1 + 1e-6) + 1e-6
        np.testing.assert_allclose(values[b, 1], expected, atol=5e-3)


def test_a_fit_is_made_where_the_context_is():
    """At the context's own places a fit is what `best_fit` says there."""
    (x, y, queries, _), _ = drawn(MIXTURE, 5, 9)
    groups = [family.components(64) for family in (*MIXTURE.families, Grid())]
    together = fit_each(groups, x, y, np.concatenate([queries, x], axis=1))[0]
    np.testing.assert_allclose(together[..., 16:], fit_each(groups, x, y, x)[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(together[..., :16], fit_each(groups, x, y, queries)[0], rtol=1e-9, atol=1e-12)


def test_the_class_of_least_error_answers():
    (x, y, queries, truth), family = drawn(MIXTURE, 64, 20)
    answer = ClassFit().for_mixture(MIXTURE).predict_batch(x, y, queries, [20]).mean[:, 0]
    values, errors = fit_each([each.components(256) for each in MIXTURE.families], x, y, queries)
    np.testing.assert_array_equal(answer, values[np.arange(64), errors.argmin(1)])
    sinusoids = family == 1
    assert (errors.argmin(1)[sinusoids] == 1).all()
    assert np.square(answer - truth).mean() < 4 * 0.05**2


def test_a_family_without_a_closed_form_has_no_fit():
    networks = Mixture(families=[ReluNetwork(dimension=1)])
    with pytest.raises(NoClosedForm, match="relu-network"):
        ClassFit().for_mixture(networks).predict(np.ones((2, 1)), np.ones(2), np.ones((1, 1)))


@pytest.mark.parametrize("pairs", [2, 7])
def test_a_blend_is_fitted_to_pairs_that_were_left_out(pairs):
    """Folds of one pair each, written out with one Bayes predictor a class; w searched on a grid."""
    (x, y, queries, _), _ = drawn(Convex().path(0.5, MIXTURE), 2, pairs)
    predictor = ClassBlend(folds=10).for_mixture(MIXTURE)
    found = predictor.predict_batch(x, y, queries, [pairs]).mean[:, 0]
    classes = [Bayes(Mixture(families=[family], noise=0.05)) for family in MIXTURE.families]
    for b in range(2):
        left = np.empty((2, pairs))
        for i in range(pairs):
            keep = np.delete(np.arange(pairs), i)
            left[:, i] = [c.predict(x[b, keep], y[b, keep], x[b, i : i + 1]).mean[0] for c in classes]
        weights = np.linspace(0, 1, 20001)[:, None]
        error = np.square(weights * left[0] + (1 - weights) * left[1] - y[b]).sum(1)
        weight = weights[error.argmin(), 0]
        whole = [c.predict(x[b], y[b], queries[b]).mean for c in classes]
        np.testing.assert_allclose(found[b], weight * whole[0] + (1 - weight) * whole[1], atol=2e-4)


def test_a_blend_does_not_choose_the_class_that_interpolates():
    """Three pairs of a line fit a sinusoid as well; what a context tells lies in between."""
    (x, y, queries, truth), _ = drawn(Mixture(families=[Linear()], noise=0.05), 64, 12)
    predictor = ClassBlend().for_mixture(MIXTURE)
    found = predictor.predict_batch(x, y, queries, [3, 12]).mean
    means = posterior(predictor.groups, x, y, queries, [3, 12], 0.05, variance=False).mean
    errors = np.square(found - truth[:, None]).mean((0, 2))
    of_classes = np.square(means - truth[:, None, None]).mean((0, 3))
    of_oracle = np.square(best_blend(means, truth) - truth[:, None]).mean((0, 2))
    assert (of_oracle <= errors + 1e-12).all()
    assert errors[0] < 0.7 * of_classes[0, 1], "at three pairs nearer than the sinusoids"
    assert errors[1] < 0.2 * of_classes[1, 1], "at twelve nearly the lines"


def test_a_blend_without_pairs_to_leave_out_is_even():
    (x, y, queries, _), _ = drawn(MIXTURE, 3, 5)
    predictor = ClassBlend().for_mixture(MIXTURE)
    means = posterior(predictor.groups, x, y, queries, [0, 1], 0.05, variance=False).mean
    found = predictor.predict_batch(x, y, queries, [0, 1]).mean
    np.testing.assert_allclose(found, means.mean(2), rtol=1e-12, atol=1e-15)
    alone = ClassBlend().for_mixture(Mixture(families=[Linear()]))
    exact = Bayes(Mixture(families=[Linear()])).predict_batch(x, y, queries, [0, 5])
    np.testing.assert_allclose(alone.predict_batch(x, y, queries, [0, 5]).mean, exact.mean, rtol=1e-9)


def test_pairs_come_in_the_order_of_their_inputs():
    (x, y, _, _), _ = drawn(Mixture(families=[Linear(dimension=2)]), 3, 9)
    order = np.random.default_rng(0).permutation(9)
    for one, other in zip(in_order(x, y), in_order(x[:, order], y[:, order]), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (np.diff(in_order(x, y)[0][..., 0], axis=1) > 0).all()


def pool_of(size, dimension=3):
    return Mixture(families=[TaskPool(family=Linear(dimension=dimension), size=size)], noise=0.5)


def test_the_pool_posterior_is_enumerated():
    mixture = pool_of(50)
    (x, y, queries, _), _ = drawn(mixture, 4, 6)
    pool = mixture.families[0]
    weights = np.asarray(jax.vmap(pool.task)(np.arange(50)).slopes, np.float64)
    found = PoolPosterior().for_mixture(mixture).predict_batch(x, y, queries, [0, 6])
    for place, k in enumerate([0, 6]):
        misfit = np.square(y[:, None, :k] - np.einsum("bkd,td->btk", x[:, :k], weights)).sum(-1)
        share = np.exp(-(misfit - misfit.min(1, keepdims=True)) / (2 * 0.5**2))
        share /= share.sum(1, keepdims=True)
        values = np.einsum("bmd,td->btm", queries, weights)
        mean = np.einsum("bt,btm->bm", share, values)
        np.testing.assert_allclose(found.mean[:, place], mean, rtol=1e-9, atol=1e-12)
        variance = np.einsum("bt,btm->bm", share, values**2) - mean**2
        np.testing.assert_allclose(found.variance[:, place], variance, rtol=1e-6, atol=1e-9)


def test_a_pool_in_blocks_is_the_pool(monkeypatch):
    """Streamed over blocks of tasks, the last of them not full, it is what one pass says."""
    mixture = pool_of(1000)
    (x, y, queries, _), _ = drawn(mixture, 5, 6)
    groups = [mixture.families[0].components()]
    whole = posterior(groups, x, y, queries, [0, 2, 6], 0.5)
    monkeypatch.setattr(batches, "NODES_A_BLOCK", 96)
    blocks = batches._blocks_of_nodes(groups[0])
    assert blocks is not None and blocks.log_weights.shape == (11, 96)
    streamed = posterior(groups, x, y, queries, [0, 2, 6], 0.5)
    np.testing.assert_allclose(streamed.log_evidence, whole.log_evidence, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(streamed.mean, whole.mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(streamed.variance, whole.variance, rtol=1e-6, atol=1e-9)
    assert (streamed.quadrature_error == 0).all()


def test_a_large_pool_is_ridge():
    """As M grows the pool posterior becomes the posterior under the law that the tasks are drawn from."""
    (x, y, queries, _), _ = drawn(Mixture(families=[Linear(dimension=2)], noise=0.5), 16, 6)
    ridge = Ridge().for_mixture(pool_of(1, 2)).predict_batch(x, y, queries, [6]).mean
    apart = []
    for size in (8, 256, 2**17):
        pool = PoolPosterior().for_mixture(pool_of(size, 2)).predict_batch(x, y, queries, [6]).mean
        apart.append(np.sqrt(np.square(pool - ridge).mean()))
    assert apart[0] > 0.1 and apart[2] < apart[1] < apart[0] and apart[2] < 0.02, apart


def test_without_a_pool_it_is_one_of_the_first_family():
    predictor = PoolPosterior(size=7).for_mixture(MIXTURE)
    assert predictor.pool.size == 7 and isinstance(predictor.pool.family, Linear)


MEASURED = """
import pathlib
import numpy as np
from offprior.families.linear import Linear
from offprior.families.task_pool import TaskPool
from offprior.mixture import Mixture
from offprior.predictors.pool_posterior import PoolPosterior

mixture = Mixture(families=[TaskPool(family=Linear(dimension=8), size=2**20)], noise=0.5)
rng = np.random.default_rng(0)
x, queries = rng.normal(size=(8, 16, 8)), rng.normal(size=(8, 16, 8))
answer = PoolPosterior().for_mixture(mixture).predict_batch(x, rng.normal(size=(8, 16)), queries, [1, 8, 16])
assert np.isfinite(answer.mean).all()
# Not what getrusage says, which a process inherits from the one that started it.
lines = pathlib.Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_a_million_tasks_take_less_than_two_gigabytes():
    environment = {**os.environ, "JAX_NUM_CPU_DEVICES": "1"}
    done = subprocess.run(
        [sys.executable, "-c", MEASURED], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    kilobytes = int(done.stdout)
    assert kilobytes < 2_000_000, f"{kilobytes / 1e6:.2f} GB"
