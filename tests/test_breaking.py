"""What an atlas says: where a predictor breaks, before anything else, with S beside B and C."""

import dataclasses

import pandas as pd
import pytest
from fixture_table import report_data

from offprior.analysis.breaks import MODEL, PRIOR, UNDECIDED, breaks
from offprior.figures.figure import ReportData
from offprior.report import where_it_breaks as breaking
from offprior.report.report import write_page


def row(probe, fault, error, rank):
    return {
        "rank": rank, "probe": probe, "coordinate": "s", "strength": 2.0, "length": 20, "outside": 0.5, "M2": error,
        "M2_low": error - 0.01, "M2_high": error + 0.01, "bayes_nmse": 0.3, "combined_nmse": 0.001,
        "smoother_nmse": 0.123, "shortfall": error, "shortfall_low": error - 0.01, "shortfall_high": error + 0.01,
        "fault": fault, "verdict": "undecided", "provisional": "", "inside": False, "placement": "all", "seeds": 1,
        "M1": 0.001, "M3": 0.299, "M4": 0.3 - error, "interval_over": "tasks",
    }  # fmt: skip


@pytest.fixture
def data():
    found = pd.DataFrame([row("shift", MODEL, 1.75, 1), row("convex", PRIOR, 0.31, 2), row("phase", "", 0.004, 0)])
    return ReportData(label="mine", metrics=found, breaks=found, manifest={"judged": "mine"})


def test_the_summary_says_where_it_breaks_first(data):
    said = breaking.breaking_summary(data, "mine")
    assert said.startswith(
        "mine breaks on 2 of 3 probes (false-discovery rate 5% over all cells tested). "
        "First: shift breaks at s = 2, 20 pairs, with an error of 1.750"
    )
    assert "(B 0.300, C 0.001, S 0.123)" in said and said.endswith("It holds on phase.")


def test_a_sentence_per_probe_says_whose_fault_it_is(data):
    sentences = [found["sentence"] for found in breaking.breaks(data)]
    assert "The fault is the predictor's" in sentences[0] and "The fault is the prior's" in sentences[1]
    assert sentences[2].startswith("phase holds; it comes closest to breaking at s = 2")
    assert [found["S"] for found in breaking.breaks(data)] == ["0.123"] * 3


def test_an_undecided_probe_is_not_said_to_hold(data):
    rows = data.breaks.assign(fault=[MODEL, UNDECIDED, ""], rank=[1, 0, 0])
    said = breaking.breaking_summary(dataclasses.replace(data, breaks=rows), "mine")
    assert "mine breaks on 1 of 3 probes" in said and "1 is undecided. It holds on phase." in said
    assert breaking.breaks(dataclasses.replace(data, breaks=rows))[1]["sentence"].startswith("convex is undecided")


def test_a_predictor_that_holds_everywhere_is_told_in_numbers(data):
    held = data.breaks.assign(fault="", rank=0)
    said = breaking.breaking_summary(ReportData(metrics=data.metrics, breaks=held), "mine")
    assert said.startswith("mine breaks on none of 3 probes")


def test_an_older_table_has_no_smoother(data):
    older = ReportData(metrics=data.metrics, breaks=data.breaks.drop(columns="smoother_nmse"))
    assert breaking.breaks(older)[0]["S"] == "–" and ", S " not in breaking.breaking_summary(older, "mine")


def test_the_page_opens_with_it(tmp_path):
    table = report_data(probes=("in-distribution", "mixture-weight"))
    found = breaks(table.metrics)
    data = dataclasses.replace(table, breaks=found, training=pd.DataFrame(), panels=pd.DataFrame())
    text = write_page(data, tmp_path / "report").read_text(encoding="utf-8")
    opening = text.partition("<blockquote>")[2].partition("</blockquote>")[0]
    assert "breaks on" in opening and "of 1 probes" in opening and "normalised error of" not in opening
    assert text.index('id="breaks"') < text.index('id="trained"') < text.index('id="verdicts"')
