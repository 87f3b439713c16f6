"""Queries between a context's inputs and beyond them, and the gate that a cell's own families and inputs set."""

import numpy as np
import pandas as pd
import pytest
from evaluation_rows import TASKS, cell, table

from offprior.analysis.metrics import metrics
from offprior.errors import OffpriorError
from offprior.table import Table

ERRORS = {"model": 1.0, "B": 2.0, "C": 0.4, "S": 1.6}
RNG = np.random.default_rng(0)


def by_query(probe="convex", queries=8, seeds=(0,), gap=0.001):
    """Rows made of errors query by query, and the arrays that they are made of."""
    truth = RNG.normal(0.7, 1.0, (TASKS, queries))
    lies_between = RNG.random((TASKS, queries)) < 0.7
    frames, errors = [], {}
    for predictor, size in {"model": 0.3, "B": 0.5, "C": 0.05, "S": 0.4}.items():
        for seed in seeds if predictor == "model" else (-1,):
            error = size * RNG.exponential(size=truth.shape) * np.where(lies_between, 1.0, 3.0)
            apart = gap * np.where(lies_between, 1.0, 50.0) * (predictor == "model")
            errors[predictor, seed] = error
            frames.append(
                cell({predictor: 1.0}, probe=probe, seeds=(seed,) if predictor == "model" else (0,)).assign(
                    squared_error=error.mean(1), bayes_gap=apart.mean(1), truth_mean=truth.mean(1),
                    truth_square=(truth**2).mean(1), between=lies_between.mean(1),
                    squared_error_between=(error * lies_between).mean(1),
                    bayes_gap_between=(apart * lies_between).mean(1),
                    truth_mean_between=(truth * lies_between).mean(1),
                    truth_square_between=(truth**2 * lies_between).mean(1),
                )
            )  # fmt: skip
    return pd.concat(frames, ignore_index=True), truth, lies_between, errors


def test_a_placement_s_nmse_is_that_of_its_queries_alone():
    rows, truth, lies_between, errors = by_query(seeds=(0, 1))
    found = metrics(rows).set_index("placement")
    assert list(found.index) == ["all", "between", "beyond"]
    for name, where in {"all": np.ones_like(lies_between), "between": lies_between, "beyond": ~lies_between}.items():
        spread = truth[where].var()
        of = {who: np.mean([e[where].mean() for (p, _), e in errors.items() if p == who]) / spread for who in ERRORS}
        row = found.loc[name]
        assert row["M2"] == pytest.approx(of["model"]) and row["bayes_nmse"] == pytest.approx(of["B"])
        assert row["M4"] == pytest.approx(of["B"] - of["model"])
        assert row["M3"] == pytest.approx(of["B"] - of["C"])
        assert row["M19"] == pytest.approx(of["S"] - of["model"])
        assert row["M20"] == pytest.approx((of["S"] - of["model"]) / (of["S"] - of["C"]))
        assert row["M5"] == pytest.approx((of["B"] - of["model"]) / (of["B"] - of["C"]))
        assert row["share"] == pytest.approx(where.mean())
        assert row["M4_low"] < row["M4"] < row["M4_high"]


def test_the_gate_is_that_of_the_placement():
    own, outside = by_query("in-distribution")[0], by_query()[0]
    found = metrics(pd.concat([own, outside], ignore_index=True)).query("probe == 'convex'").set_index("placement")
    assert found.loc["between", "M1"] < 0.01 < found.loc["beyond", "M1"]
    assert found.loc["beyond", "verdict"] == "under-trained" != found.loc["between", "verdict"]


def test_a_placement_without_queries_or_unknown_has_no_row():
    rows = by_query()[0]
    zero = {f"{name}_between": 0.0 for name in ("squared_error", "bayes_gap", "truth_mean", "truth_square")}
    assert list(metrics(rows.assign(between=0.0, **zero))["placement"]) == ["all", "beyond"]
    assert list(metrics(rows.drop(columns="between"))["placement"]) == ["all"], "an older table"
    assert list(metrics(rows.assign(between=np.nan))["placement"]) == ["all"], "inputs of several numbers"


def test_a_table_gives_all_queries_unless_asked():
    own = Table(by_query()[0])
    assert list(own.metrics()["placement"]) == list(own.verdicts()["placement"]) == ["all"]
    assert list(own.verdicts(placement="beyond")["placement"]) == ["beyond"]
    assert len(own.verdicts(placement=None)) == 3
    with pytest.raises(OffpriorError, match="got 'behind'; choose from all, between, beyond"):
        own.metrics(placement="behind")


def gated(gaps, **columns):
    """A convex cell with columns of its own, beside in-distribution prompts with a gap for each family."""
    rows = table(ERRORS).assign(made_of="linear|sinusoid", gate="in-distribution")
    own = (rows["probe"] == "in-distribution") & (rows["predictor"] == "model")
    rows.loc[own, "bayes_gap"] = rows.loc[own, "family"].map(gaps)
    convex = rows["probe"] == "convex"
    for name, value in columns.items():
        rows.loc[convex, name] = value
    return rows


def judged(rows):
    return metrics(rows).query("probe == 'convex'").iloc[0]


def test_every_family_of_a_cell_has_to_pass_and_no_other():
    """The pooled M1 would pass: lines hide what sinusoids miss."""
    gaps = {"linear": 0.0, "sinusoid": 0.05}
    assert 0.025 / 4 < 0.01 < 0.05 / 3
    assert judged(gated(gaps))["verdict"] == "under-trained"
    assert judged(gated(gaps, made_of="linear"))["verdict"] == "generalises"
    sinusoids = judged(gated(gaps, made_of="sinusoid"))
    assert sinusoids["verdict"] == "under-trained" and sinusoids["M1"] == pytest.approx(0.05 / 3)
    assert sinusoids["M1_low"] <= sinusoids["M1"] <= sinusoids["M1_high"]
    unknown = judged(gated({"linear": 0.0, "sinusoid": 0.0}, made_of="linear|of no prompt"))
    assert np.isnan(unknown["M1"]) and unknown["verdict"] == "undecided"


def test_the_gate_is_measured_where_the_cell_says():
    good, bad = {"linear": 0.0, "sinusoid": 0.0}, {"linear": 0.05, "sinusoid": 0.05}
    elsewhere = gated(bad).query("probe == 'in-distribution'").assign(probe="in-distribution, one-sided 0.6")
    rows = pd.concat([gated(good, gate="in-distribution, one-sided 0.6"), elsewhere], ignore_index=True)
    assert judged(rows)["verdict"] == "under-trained", "under its own inputs it misses B"
    assert judged(gated(good))["verdict"] == "generalises"
    lacking = judged(gated(good, gate="in-distribution, of no rows"))
    assert np.isnan(lacking["M1"]) and lacking["verdict"] == "undecided"
    own = gated(bad, gate="")
    own.loc[(own["probe"] == "convex") & (own["predictor"] == "model"), "bayes_gap"] = 0.003
    assert judged(own)["M1"] == pytest.approx(0.001), "a covariate shift: the cell's own prompts"
    own["gate"] = own["gate"].where(own["gate"] != "", None)
    assert judged(own)["M1"] == pytest.approx(0.05 / 3), "older tables name none: in distribution"


def test_another_table_s_gate_goes_before_the_own_one():
    good, bad = gated({"linear": 0.0, "sinusoid": 0.0}), gated({"linear": 0.05, "sinusoid": 0.05})
    assert Table(bad).verdicts(gate=Table(good))["verdict"].iloc[0] == "generalises"
    assert Table(good).verdicts(gate=Table(bad))["verdict"].iloc[0] == "under-trained"
    assert Table(good).verdicts(gate=Table(bad.query("length > 10")))["verdict"].iloc[0] == "generalises"
