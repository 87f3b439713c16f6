"""Anything that answers one prompt, as a predictor: functions, objects, regressors; what goes wrong is recorded."""

import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LinearRegression, QuantileRegressor
from sklearn.neighbors import KNeighborsRegressor

import offprior as op
from offprior.analysis.failures import failures_of
from offprior.errors import OffpriorError, SettingError
from offprior.predictive.from_quantiles import FromQuantiles


def prompts(count=6, n=8, m=5, d=1, seed=0):
    draw = np.random.default_rng(seed)
    return draw.normal(size=(count, n, d)), draw.normal(size=(count, n)), draw.normal(size=(count, m, d))


def nearest(x, y, queries):
    return y[np.abs(queries - x[:, 0]).argmin(1)]


class Nearest:
    def predict(self, x, y, queries):
        return nearest(x, y, queries)


@pytest.mark.parametrize("thing", [nearest, Nearest(), KNeighborsRegressor(1)])
def test_every_form_answers_alike_at_every_length(thing):
    x, y, queries = prompts()
    found = op.wrap(thing, "one").predict_batch(x, y, queries, [1, 4, 8])
    want = op.NearestNeighbours(count=1).predict_batch(x, y, queries, [1, 4, 8])
    np.testing.assert_allclose(found.mean, want.mean)
    assert np.isnan(found.variance).all()


def test_a_regressor_is_fitted_to_each_context_anew_and_left_as_it_was():
    regressor = LinearRegression()
    x, y, queries = prompts(d=2)
    found = op.wrap(regressor).predict_batch(x, y, queries, [8])
    assert not hasattr(regressor, "coef_") and op.wrap(regressor).label == "LinearRegression"
    each = [LinearRegression().fit(*context).predict(asked) for *context, asked in zip(x, y, queries, strict=True)]
    np.testing.assert_allclose(found.mean[:, 0], each)


def test_deviations_and_quantiles_become_variances():
    x, y, queries = prompts()
    process = op.wrap(GaussianProcessRegressor(alpha=0.1, optimizer=None)).predict_batch(x, y, queries, [8])
    assert np.isfinite(process.variance).all() and (process.variance >= 0).all()
    levels = (0.1, 0.5, 0.9)
    z = 1.2815515655446004

    def of_quantiles(x, y, queries):
        return np.zeros(len(queries)), np.tile([-2 * z, 0.5, 2 * z], (len(queries), 1))

    found = op.wrap(of_quantiles, levels=levels).predict_batch(x, y, queries, [4])
    np.testing.assert_allclose(found.variance, 4.0)
    assert not found.mean.any()
    alone = op.wrap(lambda x, y, q: {"quantiles": of_quantiles(x, y, q)[1]}, "q", levels=levels)
    np.testing.assert_allclose(alone.predict_batch(x, y, queries, [4]).mean, 0.5)


FAULTS = {
    "raises": (lambda x, y, q: 1 / 0, "division by zero"),
    "not finite": (lambda x, y, q: np.full(len(q), np.nan), "5 of 5 means are not finite"),
    "a wrong shape": (lambda x, y, q: np.zeros(3), r"got means of shape \[3\], expected \[5\]"),
    "quantiles that are not finite": (
        lambda x, y, q: {"mean": q[:, 0], "quantiles": np.full((len(q), 5), np.nan)},
        "25 of 25 quantiles are not finite",
    ),
    "an infinite variance": (
        lambda x, y, q: {"mean": q[:, 0], "variance": np.full(len(q), np.inf)},
        "5 of 5 variances are not finite",
    ),
    "nothing": (lambda x, y, q: None, "the answer has no mean"),
    "falling quantiles": (lambda x, y, q: {"quantiles": -np.tile(np.arange(5), (len(q), 1))}, "must not fall"),
    "a negative variance": (lambda x, y, q: {"mean": q[:, 0], "variance": -np.ones(len(q))}, "negative"),
    "other words": (lambda x, y, q: {"median": q}, "unknown parts of an answer: median"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failure_is_recorded_with_its_reason_and_the_rest_goes_on(fault):
    bad, reason = FAULTS[fault]
    x, y, queries = prompts()
    first = x[2, 0, 0]
    mixed = op.wrap(lambda x, y, q: bad(x, y, q) if x[0, 0] == first else nearest(x, y, q), "mixed")
    found = mixed.predict_batch(x, y, queries, [4, 8])
    assert np.isnan(found.mean[2]).all() and np.isfinite(np.delete(found.mean, 2, axis=0)).all()
    assert [failure[:2] for failure in mixed.failures] == [(2, 4), (2, 8)]
    assert all(re.search(reason, failure.reason) for failure in mixed.failures)
    [told] = failures_of(mixed)
    assert re.search(rf"^2 prompts were not answered: .*{reason}.* \(2\)$", told)
    with pytest.raises(OffpriorError, match=f"strict one: prompt 0 with 4 pairs: .*{reason}"):
        op.wrap(bad, "strict one", strict=True).predict_batch(x, y, queries, [4])


def test_answers_are_kept_if_they_are_always_the_same():
    asked = []

    def counted(x, y, queries):
        asked.append(len(y))
        return np.zeros(len(queries))

    x, y, queries = prompts()
    for deterministic, want in ((True, 12), (False, 24)):
        asked.clear()
        wrapped = op.wrap(counted, deterministic=deterministic)
        for _ in range(2):
            wrapped.predict_batch(x, y, queries, [4, 8])
        assert len(asked) == want


def test_many_threads_may_ask_while_answers_are_forgotten(monkeypatch):
    class Slow(dict):
        """Lets other threads in between looking for the oldest answer and forgetting it."""

        def __iter__(self):
            found = list(super().__iter__())
            time.sleep(1e-4)
            return iter(found)

    monkeypatch.setattr("offprior.adapters.wrapped.MOST_KEPT", 3)
    wrapped = op.wrap(nearest, thread_safe=True)
    wrapped._kept = Slow()
    batches = [prompts(40, seed=seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda batch: wrapped.predict_batch(*batch, [2, 8]).mean, batches * 3))
    for mean, batch in zip(found, batches * 3, strict=True):
        np.testing.assert_allclose(mean, op.NearestNeighbours(count=1).predict_batch(*batch, [2, 8]).mean)
    assert not wrapped.failures and len(wrapped._kept) <= 3


def test_what_is_asked_cannot_change_the_prompts():
    def spoils(x, y, queries):
        x[:], y[:], queries[:] = 0, 0, 0
        return np.zeros(len(queries))

    x, y, queries = prompts()
    before = x.copy(), y.copy(), queries.copy()
    op.wrap(spoils).predict_batch(x, y, queries, [4])
    assert all(np.array_equal(a, b) for a, b in zip((x, y, queries), before, strict=True))


def test_limits_are_kept_and_what_is_trained_is_declared():
    wrapped = op.wrap(nearest, longest=6, shortest=3, dimension=1)
    x, y, queries = prompts()
    found = wrapped.predict_batch(x, y, queries, [2, 4])
    assert not found.mean[:, 0].any() and found.mean[:, 1].any()
    mixture = op.Mixture([op.Linear(), op.Sinusoid()])
    table = op.evaluate(wrapped, op.probes.Convex(count=2), [4, 8], mixture=mixture, tasks=4, queries=4).to_pandas()
    own = table[table["predictor"] == "nearest"]
    assert set(own["length"]) == {4} and set(own["seed"]) == {-1}

    class WithASeed(Nearest):
        seed = 7

    assert not op.wrap(WithASeed()).trained
    assert op.wrap(WithASeed(), trained=True, seed=3).seed == 3
    with pytest.raises(SettingError, match="takes inputs of 1 numbers"):
        op.evaluate(wrapped, op.probes.Convex(count=2), [4], mixture=op.Mixture([op.Linear(dimension=2)]), tasks=4)


@pytest.mark.parametrize(
    ("thing", "settings", "told"),
    [
        (KNeighborsRegressor, {}, r"KNeighborsRegressor is a class; give an instance, KNeighborsRegressor\(\)"),
        (3, {}, "int answers no prompts; give a function"),
        (nearest, {"longest": 0}, "longest: got contexts from 1 to 0 pairs"),
        (nearest, {"levels": (0.5, 0.1)}, "levels: got"),
    ],
)
def test_mistakes_are_told_at_once(thing, settings, told):
    with pytest.raises(SettingError, match=told):
        op.wrap(thing, **settings)


@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 3))
def test_any_shapes_of_prompts_are_answered(count, m, d):
    x, y, queries = prompts(count, 3, m, d)
    assert op.wrap(lambda x, y, q: q.sum(1)).predict_batch(x, y, queries, [1, 3]).mean.shape == (count, 2, m)


def test_several_processes_give_the_answers_of_one():
    """Those that fail are asked again here, so that their reasons are known."""
    draw = np.random.default_rng(3)
    x, y, queries = draw.normal(size=(24, 9, 1)), draw.normal(size=(24, 9)), draw.normal(size=(24, 4, 1))
    one, two = (op.wrap(KNeighborsRegressor(3), processes=count) for count in (1, 2))
    answers = [each.predict_batch(x, y, queries, [2, 5, 9]).mean for each in (one, two)]
    np.testing.assert_array_equal(*answers)
    assert np.isnan(answers[1][:, 0]).all() and np.isfinite(answers[1][:, 1:]).all()
    assert len(two.failures) == 24 and "n_neighbors" in two.failures[0].reason
    with pytest.raises(SettingError, match="processes: got 2; more than one needs a deterministic thing"):
        op.wrap(KNeighborsRegressor(3), processes=2, deterministic=False)
    lock = threading.Lock()
    bound = op.wrap(lambda x, y, queries: nearest(x, y, queries) if lock else None, "bound", processes=2)
    with pytest.raises(SettingError, match="processes: what is asked cannot be pickled"):
        bound.predict_batch(x, y, queries, [5, 9])


def test_a_process_that_dies_loses_no_answers():
    draw = np.random.default_rng(4)
    x, y, queries = draw.normal(size=(40, 3, 1)), draw.normal(size=(40, 3)), draw.normal(size=(40, 2, 1))
    here = os.getpid()

    def dies_elsewhere(x, y, queries):
        return nearest(x, y, queries) if os.getpid() == here else os._exit(1)

    found = op.wrap(dies_elsewhere, "frail", processes=2)
    want = op.wrap(nearest, "one").predict_batch(x, y, queries, [3]).mean
    np.testing.assert_array_equal(found.predict_batch(x, y, queries, [3]).mean, want)
    assert found.failures == []


REGRESSORS_OF_QUANTILES = {
    "linear": lambda: QuantileRegressor(quantile=0.9, alpha=0.0),
    "boosted": lambda: GradientBoostingRegressor(loss="quantile", alpha=0.9, n_estimators=5, random_state=0),
    "boosted on histograms": lambda: HistGradientBoostingRegressor(
        loss="quantile", quantile=0.9, max_iter=5, min_samples_leaf=2, random_state=0
    ),
}


@pytest.mark.parametrize("name", REGRESSORS_OF_QUANTILES)
def test_a_regressor_of_a_quantile_gives_all_of_them(name):
    made = REGRESSORS_OF_QUANTILES[name]
    draw = np.random.default_rng(0)
    x, queries = draw.uniform(-1, 1, (1, 60, 1)), draw.uniform(-1, 1, (1, 5, 1))
    y = x[..., 0] + draw.exponential(size=(1, 60))
    wrapped = op.wrap(made())
    found = wrapped._ask(x[0], y[0], queries[0])["quantiles"]
    level = "alpha" if name == "boosted" else "quantile"
    wanted = [made().set_params(**{level: each}).fit(x[0], y[0]).predict(queries[0]) for each in wrapped.levels]
    np.testing.assert_allclose(found, np.sort(np.stack(wanted, 1), 1))
    assert (np.diff(found, axis=1) >= 0).all() and np.ptp(found) > 1
    mean = wrapped.predict_batch(x, y, queries, [60]).mean[0, 0]
    assert isinstance(wrapped.predictive(x, y, queries, 0.0), FromQuantiles)
    np.testing.assert_allclose(mean, found[:, 2], err_msg="the mean is the median, not the given quantile")


def test_a_regressor_with_another_loss_gives_means():
    x, y, queries = prompts(1)
    squared = GradientBoostingRegressor(n_estimators=3, random_state=0)
    found = op.wrap(squared).predict_batch(x, y, queries, [8])
    np.testing.assert_allclose(found.mean[0, 0], squared.fit(x[0, :8], y[0, :8]).predict(queries[0]))
    assert np.isnan(found.variance).all()
