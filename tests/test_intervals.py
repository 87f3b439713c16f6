"""Intervals against SciPy, and a bootstrap that is the same every time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from offprior.analysis.intervals import percentiles, resamples, seed_interval


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=12).filter(lambda values: np.std(values) > 1e-6))
@settings(max_examples=50, deadline=None)
def test_seed_interval_is_the_t_interval_of_scipy(values):
    expected = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    np.testing.assert_allclose(seed_interval(np.array(values)), expected, rtol=1e-9, atol=1e-9)


def test_one_seed_has_no_interval_over_seeds():
    assert np.isnan(seed_interval(np.array([0.3]))).all()


def test_bootstrap_weights_are_weights_and_repeatable():
    weights = resamples(50)
    np.testing.assert_allclose(weights.sum(1), 1.0)
    resamples.cache_clear()
    np.testing.assert_array_equal(weights, resamples(50))


def test_bootstrap_of_a_mean_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    weights, hits = resamples(200), 0
    for _ in range(400):
        low, high = percentiles(weights @ rng.exponential(size=200))
        hits += low <= 1.0 <= high
    assert hits / 400 == pytest.approx(0.95, abs=0.045)


def test_percentiles_of_mostly_unknown_numbers_are_unknown():
    assert np.isnan(percentiles(np.r_[np.full(50, np.nan), np.ones(50)])).all()
