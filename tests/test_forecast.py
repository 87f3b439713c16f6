"""Forecasters as predictors: which prompts they can be asked, and fracast as it is."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

import offprior as op
from offprior.adapters.addresses import predictor_at
from offprior.adapters.declared import Declared
from offprior.adapters.regular_grid import steps_ahead
from offprior.errors import OffpriorError, SettingError

DOCS = Path(__file__).parents[1] / "docs"
LACKS = "needs fracast, which `make adapters` installs"


def grid(n=16, m=4, step=0.1, end=0.0, d=1):
    return [np.tile((end + step * places)[:, None], d) for places in (np.arange(1.0 - n, 1), np.arange(1.0, m + 1))]


def test_queries_are_counted_in_steps_after_the_last_pair():
    x, queries = grid()
    turned = np.random.default_rng(0).permutation(16)
    assert steps_ahead(x[turned].astype(np.float32).astype(float), queries[[3, 0]]).tolist() == [4, 1]


def test_a_series_is_asked_once_whatever_the_order_of_its_pairs():
    asked = []

    def last(series, horizon):
        asked.append(series)
        return np.full(horizon, series[-1])

    x, queries = grid()
    forecaster = op.wrap_forecaster(last)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(16)
        np.testing.assert_allclose(forecaster.predict(x[order], x[order, 0] + 1, queries).mean, 1.0)
    assert len(asked) == 1 and (np.diff(asked[0]) > 0).all()


def moved(x, queries):
    x[3] += 0.02
    return x, queries


OFF = {
    "uneven": (moved, "an input lies 0.2 steps from its place"),
    "between": (lambda x, queries: (x, queries + 0.05), "4 of 4 queries lie between steps"),
    "inside": (lambda x, queries: (x, x[-3:]), "3 of 3 queries do not lie after the context"),
    "two numbers": (lambda x, queries: (np.tile(x, 2), np.tile(queries, 2)), "inputs have 2 numbers"),
    "one pair": (lambda x, queries: (x[:1], queries), "at least two pairs"),
    "equal": (lambda x, queries: (0 * x, queries), "all inputs are equal"),
}


@pytest.mark.parametrize("fault", OFF)
def test_a_prompt_off_the_grid_is_a_failure_that_says_so(fault):
    change, told = OFF[fault]
    x, queries = change(*grid())
    asked = op.wrap(lambda x, y, q: 0 * q[:, 0], "on a grid", regular_grid=True)
    mean = asked.predict_batch(x[None], np.zeros((1, len(x))), queries[None], [len(x)]).mean
    assert np.isnan(mean).all()
    assert f"off a regular grid: {told}" in asked.failures[0].reason or told in asked.failures[0].reason


def last_and_drift(series, horizon):
    return series[-1] + (series[-1] - series[-2]) * np.arange(1, horizon + 1)


def test_a_forecaster_continues_the_series_whatever_the_order_of_the_pairs():
    x, queries = grid()
    order = np.random.default_rng(1).permutation(16)
    drift = op.wrap_forecaster(last_and_drift)
    found = drift.predict(x[order], 3 * x[order, 0] + 2, queries[[2, 0]])
    np.testing.assert_allclose(found.mean, 3 * queries[[2, 0], 0] + 2)
    assert drift.label == "last_and_drift" and not drift.trained and drift.input_dimension == 1


def test_crossing_quantiles_leave_the_median_and_are_sorted_for_the_spread():
    x, queries = grid(m=2)
    z = 1.2815515655446004
    crossing = op.wrap_forecaster(
        lambda series, horizon: np.tile([3 * z, 1.0, -3 * z], (horizon, 1)), "crossing", levels=(0.1, 0.5, 0.9)
    )
    found = crossing.predict(x, x[:, 0], queries)
    np.testing.assert_allclose(found.mean, 1.0)
    np.testing.assert_allclose(found.variance, 9.0)


def test_a_forecast_of_a_wrong_shape_is_a_failure():
    x, queries = grid()
    for given in (np.zeros(3), np.zeros((4, 2))):
        wrong = op.wrap_forecaster(lambda series, horizon, given=given: given, "wrong")
        assert np.isnan(wrong.predict(x, x[:, 0], queries).mean).all()
        assert "expected [4] or [4, 5]" in wrong.failures[0].reason


def test_on_the_grid_law_every_prompt_is_answered_and_a_line_is_continued():
    """The probes reach a forecaster through the mixture's inputs, or their own."""
    mixture = op.Mixture([op.Linear(), op.Sinusoid()], inputs=op.GridThenHorizon(), noise=0.0)
    drift = op.wrap_forecaster(last_and_drift)
    table = op.evaluate(drift, op.probes.Convex(count=3), [2, 16], mixture=mixture, tasks=8, queries=6)
    assert not drift.failures
    lines = table.metrics("last_and_drift").set_index(["probe", "strength"]).loc[("convex", 1.0)]
    np.testing.assert_allclose(lines["M2"], 0, atol=1e-8)
    other = op.evaluate(
        drift, op.probes.Convex(count=2, inputs=op.Uniform(-1.0, 1.0)), [16], mixture=mixture, tasks=4, queries=6
    ).to_pandas()
    own = other[(other["predictor"] == "last_and_drift") & (other["probe"] != "in-distribution")]
    assert own["failure"].str.contains("off a regular grid").all()


def test_forecasters_of_a_module_are_found_by_address(tmp_path, monkeypatch):
    (tmp_path / "my_forecasters_of_a_test.py").write_text(
        "import numpy as np\n\n\nclass Last:\n    levels, shortest, longest = (0.1, 0.5, 0.9), 4, 32\n\n"
        "    def forecast(self, series, horizon):\n        return np.tile(series[-1], (horizon, 3))\n\n\nnumber = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    x, queries = grid()
    found = predictor_at("forecast:my_forecasters_of_a_test:Last", Declared(trained=True))
    assert (found.longest, found.levels, found.label, found.trained) == (32, (0.1, 0.5, 0.9), "Last", True)
    np.testing.assert_allclose(found.predict(x, x[:, 0] + 5, queries).mean, 5.0)
    for address, told in {
        "forecast:my_forecasters_of_a_test:number": "got int; give a function of a series",
        "forecast:no_such_module_here:x": "cannot be imported",
        "forecast:fracas": "unknown forecaster 'fracas'",
    }.items():
        with pytest.raises(SettingError, match=told):
            predictor_at(address)


def test_the_tables_of_the_page_are_those_of_the_results(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    figures = importlib.import_module("forecast_figures")
    page = (DOCS / "fracast.md").read_text(encoding="utf-8")
    for probe, coordinate in (("convex", "a"), ("frequency", "ω")):
        assert figures.table(probe, coordinate) in page
        assert len(figures.errors(probe, coordinate).axes) == 3


def test_a_missing_fracast_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "fracast", None)
    with pytest.raises(OffpriorError, match="forecast:fracast: needs fracast, which is not installed; pip install"):
        predictor_at("forecast:fracast")


def test_fracast_s_median_is_its_own_and_it_forecasts_a_sinusoid():
    fracast = pytest.importorskip("fracast", reason=LACKS)
    found = predictor_at("forecast:fracast")
    assert found.trained and found.longest == 2048 and len(found.levels) == 9
    x, queries = grid(256, 48)
    y = np.sin(3 * x[:, 0])
    alone = fracast.FracastModel.from_pretrained().forecast(y)[:, 4]
    mean = found.predict(x, y, queries).mean
    np.testing.assert_allclose(mean, alone, rtol=1e-5, atol=1e-5)
    truth = np.sin(3 * queries[:, 0])
    assert np.mean((mean - truth) ** 2) < 0.25 * np.var(truth)
    short = found.predict_batch(x[None], y[None], queries[None], [4, 256])
    assert not short.mean[0, 0].any() and not found.failures
    with pytest.raises(SettingError, match="weights must be one of"):
        predictor_at("forecast:fracast(weights='w9')")
