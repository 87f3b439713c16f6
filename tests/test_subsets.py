"""Sampled subsets against enumeration, where there are few enough to enumerate."""

import dataclasses
import math

import jax
import numpy as np
import pytest

from offprior.components import Components, NoClosedForm, Subsets
from offprior.evaluation.evaluate import evaluate
from offprior.families.combination import Combination
from offprior.families.linear import Linear
from offprior.families.sparse_linear import SparseLinear
from offprior.mixture import Mixture
from offprior.posterior import best_fit, posterior
from offprior.predictors.bayes import Bayes
from offprior.predictors.least_squares import LeastSquares
from offprior.probes.in_distribution import InDistribution

KEY = jax.random.key(0)
LENGTHS = [0, 1, 4, 10]


def sampled(family: SparseLinear, particles: int) -> Components:
    """What `components` gives where there are too many sets, of a family that has few."""
    sizes = [family.sparsity] if family.sparsity else range(1, family.dimension + 1)
    return dataclasses.replace(family, particles=particles)._sampled(sizes)


def prompts(family, count=6, noise=0.3):
    drawn = Mixture([family], noise=noise).prompts(KEY, count, 10, 8)
    return [np.asarray(part, float) for part in drawn[:4]]


@pytest.mark.parametrize("dimension, sparsity", [(8, 3), (5, 0)])
def test_sampled_sets_agree_with_all_of_them(dimension, sparsity):
    family = SparseLinear(dimension=dimension, sparsity=sparsity)
    x, y, queries, _ = prompts(family)
    exact, near = (
        posterior([group], x, y, queries, LENGTHS, 0.3) for group in (family.components(), sampled(family, 1000))
    )
    np.testing.assert_allclose(near.log_evidence, exact.log_evidence, atol=0.25)
    error = np.square(near.mean - exact.mean).mean((0, 2, 3)) / np.square(exact.mean).mean()
    assert (error < 2e-3).all()
    np.testing.assert_allclose(near.variance.mean((0, 2, 3)), exact.variance.mean((0, 2, 3)), rtol=0.05)
    rougher = posterior([sampled(family, 50)], x, y, queries, LENGTHS, 0.3)
    assert np.square(rougher.mean - exact.mean).mean() > np.square(near.mean - exact.mean).mean(), "more are better"


def test_one_prompt_is_as_in_a_batch_and_one_length_as_among_others():
    family = SparseLinear(dimension=8, sparsity=3)
    x, y, queries, _ = prompts(family)
    whole = posterior([sampled(family, 100)], x, y, queries, LENGTHS, 0.3)
    alone = posterior([sampled(family, 100)], x[2:3], y[2:3], queries[2:3], [4], 0.3)
    np.testing.assert_allclose(alone.mean[0, 0], whole.mean[2, 2], rtol=1e-9)
    later = y.copy()
    later[:, 4:] = 9
    np.testing.assert_allclose(
        posterior([sampled(family, 100)], x, later, queries, [4], 0.3).mean[:, 0], whole.mean[:, 2], rtol=1e-9
    )


def test_many_sets_have_an_approximate_posterior_where_it_is_asked_for():
    family = SparseLinear(dimension=20, sparsity=10, particles=100)
    with pytest.raises(NoClosedForm, match="an approximate posterior with particles"):
        SparseLinear(dimension=20, sparsity=10).components()
    mixture = Mixture([family, Linear(dimension=20)], noise=0.3)
    bayes = Bayes(mixture)
    assert "100 sets of coordinates are sampled" in bayes.approximation
    x, y, queries, truth = (np.asarray(a, float) for a in Mixture([family], noise=0.3).prompts(KEY, 12, 30, 8)[:4])
    rivals = Bayes(Mixture([Linear(dimension=20, scale=0.5**0.5)], noise=0.3)), LeastSquares()
    ours, *theirs = (
        np.square(one.predict_batch(x, y, queries, [30]).mean[:, 0] - truth).mean() for one in (bayes, *rivals)
    )
    assert all(ours < error for error in theirs)
    with pytest.raises(NoClosedForm, match="sampled subsets"):
        Combination(family, Linear(dimension=20)).components()


def test_the_report_of_an_evaluation_says_that_it_is_approximate():
    mixture = Mixture([SparseLinear(dimension=20, sparsity=6, particles=16)], noise=0.3)
    with pytest.warns(UserWarning, match="B and C are approximate: sparse-linear: 16 sets"):
        evaluate([LeastSquares()], InDistribution(), lengths=[3], mixture=mixture, tasks=4, queries=4)


def test_the_nearest_function_of_few_columns():
    """A sparse truth is found; of a dense one the greedy fit is worse than that of all columns, and has few."""
    family = SparseLinear(dimension=8, sparsity=3)
    queries = np.random.default_rng(1).normal(size=(3, 30, 8))
    sparse = queries @ np.asarray([0, 1.0, 0, 0, -2, 0.5, 0, 0])
    group = sampled(family, 10)
    np.testing.assert_allclose(best_fit([group], queries, sparse)[:, 0], sparse, atol=1e-9)
    dense = queries @ np.ones(8)
    fitted = best_fit([group], queries, dense)[:, 0]
    for b in range(3):
        weights = np.linalg.lstsq(queries[b], fitted[b], rcond=None)[0]
        assert (np.abs(weights) > 1e-6).sum() == 3
    exact = best_fit([family.components()], queries, dense)[:, 0]
    errors = [np.square(fit - dense).mean(1) for fit in (exact, fitted)]
    assert (errors[0] <= errors[1] + 1e-9).all() and (errors[1] < 2 * errors[0]).all()


def test_sizes_are_drawn_as_the_prior_has_them():
    from offprior.posterior.subsets import _drawn

    family = SparseLinear(dimension=6, sparsity=0)
    subsets = sampled(family, 10).subsets
    assert isinstance(subsets, Subsets)
    weights = np.exp(subsets.log_weights) * [math.comb(6, size) for size in range(7)]
    np.testing.assert_allclose(weights, [0, *[1 / 6] * 6], atol=1e-12)
    masks = _drawn(np.random.default_rng(0), np.asarray(subsets.log_weights), 12_000)
    np.testing.assert_allclose(np.bincount(masks.sum(1), minlength=7) / 12_000, weights, atol=0.02)
    np.testing.assert_allclose(masks.mean(0), masks.mean(), atol=0.02)
