"""Prompts that a predictor does not answer: left out for all, counted, and told."""

import numpy as np
import pandas as pd
import pytest

import offprior as op
from offprior.analysis.failures import failures_in_words
from offprior.analysis.metrics import metrics
from offprior.columns import FAILURE
from offprior.table import Table

MIXTURE = op.Mixture([op.Linear(), op.Sinusoid()])


def nearest(x, y, queries):
    return y[np.abs(queries - x[:, 0]).argmin(1)]


def sometimes(x, y, queries):
    if y[0] > 1:
        raise MemoryError("out of memory")
    return nearest(x, y, queries)


@pytest.fixture(scope="module")
def tables():
    probe = op.probes.Convex(count=2)
    return [
        op.evaluate(op.wrap(thing, "model"), probe, [4, 8], mixture=MIXTURE, tasks=64, queries=8).to_pandas()
        for thing in (sometimes, nearest)
    ]


def test_tasks_that_were_not_answered_are_left_out_for_everybody(tables, tmp_path):
    found, whole = tables
    own = found[found["predictor"] == "model"]
    lost = own[own[FAILURE] != ""]
    assert 0 < len(lost) < len(own) and set(lost[FAILURE]) == {"MemoryError: out of memory"}
    assert lost["squared_error"].isna().all()
    keys = ["probe", "strength", "length", "task"]
    left = whole.merge(lost[keys].assign(is_lost=True), on=keys, how="left")
    left = left[left["is_lost"].isna()].drop(columns="is_lost")
    want, got = metrics(left), metrics(found)
    for name in ("M2", "M3", "M4", "bayes_nmse", "smoother_nmse", "M19"):
        np.testing.assert_allclose(got[name], want[name], rtol=1e-12, err_msg=name)
    counts = lost.groupby(keys[:3]).size()
    for row in got[got["placement"] == "all"].to_dict("records"):
        assert row["failed"] == counts.get((row["probe"], row["strength"], row["length"]), 0)
        assert row["tasks"] + row["failed"] == 64
    Table(found).save(tmp_path / "e.parquet")
    again = Table.load(tmp_path / "e.parquet").to_pandas()
    pd.testing.assert_frame_equal(metrics(again), got)


def test_what_was_not_answered_is_told_with_its_reasons(tables):
    found, whole = tables
    (line,) = failures_in_words(found, "model", "my model")
    assert line.startswith("my model did not answer ") and "MemoryError: out of memory" in line
    assert failures_in_words(whole, "model", "my model") == []


def test_a_predictor_that_answers_nothing_has_no_cells():
    broken = op.wrap(lambda x, y, q: 1 / 0, "model")
    table = op.evaluate(broken, op.probes.Convex(count=2), [4], mixture=MIXTURE, tasks=4, queries=4).to_pandas()
    assert metrics(table).empty
    assert "did not answer 12 of 12" in failures_in_words(table, "model", "m")[0]


def test_what_another_predictor_did_not_answer_is_told_and_does_not_touch_the_model_s_numbers():
    with_bad, without = (
        op.evaluate(
            [op.wrap(nearest, "model"), *others], op.probes.Convex(count=2), [4], mixture=MIXTURE, tasks=32, queries=8
        ).to_pandas()
        for others in ([op.wrap(sometimes, "bad"), op.predictors.Ridge()], [op.predictors.Ridge()])
    )
    wanted = metrics(without)
    pd.testing.assert_frame_equal(metrics(with_bad)[wanted.columns], wanted)
    (line,) = failures_in_words(with_bad, "model", "the model")
    assert line.startswith("bad did not answer ") and "its numbers are missing there" in line
