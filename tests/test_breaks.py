"""Where a predictor breaks first, and whose fault it is, from metrics with known answers."""

import numpy as np
import pandas as pd
import pytest

from offprior.evaluation.breaks import BOTH, MODEL, PRIOR, UNDER_TRAINED, breaks


def cell(probe, strength, *, model, bayes, combined, surprise, length=20, m1=0.001, spread=0.001):
    shortfall = model - combined
    return {
        "probe": probe, "coordinate": "a", "strength": strength, "length": length, "M1": m1, "M2": model,
        "M3": bayes - combined, "M4": bayes - model, "bayes_nmse": bayes, "combined_nmse": combined,
        "shortfall": shortfall, "shortfall_low": shortfall - spread, "shortfall_high": shortfall + spread,
        "M12": surprise, "verdict": "", "provisional": "",
    }  # fmt: skip


OWN = cell("in-distribution", 0.0, model=0.01, bayes=0.01, combined=0.01, surprise=10.0)


def test_probes_are_ranked_by_how_little_outside_they_break():
    far = [cell("far", s, model=0.5, bayes=0.5, combined=0.0, surprise=10 + 40 * s) for s in (0.5, 1.0)]
    near = [cell("near", s, model=0.1 * s, bayes=0.01, combined=0.01, surprise=10 + 10 * s) for s in (0.1, 0.5, 1.0)]
    holds = [cell("holds", 1.0, model=0.025, bayes=0.2, combined=0.01, surprise=200.0)]
    found = breaks(pd.DataFrame([OWN, *far, *near, *holds]))
    assert list(found["probe"]) == ["near", "far", "holds"]
    assert list(found["rank"]) == [1, 2, 0] and list(found["fault"]) == [MODEL, PRIOR, ""]
    # The first broken place of each path, 20 pairs from 5 and 20 nats further than the mixture's own.
    assert list(found["strength"][:2]) == [0.5, 0.5]
    np.testing.assert_allclose(found["outside"][:2], [0.25, 1.0])


@pytest.mark.parametrize(
    ("numbers", "whose"),
    [
        ({"model": 0.3, "bayes": 0.3, "combined": 0.0}, PRIOR),
        ({"model": 0.1, "bayes": 0.3, "combined": 0.0}, PRIOR),
        ({"model": 0.6, "bayes": 0.3, "combined": 0.0}, BOTH),
        ({"model": 0.3, "bayes": 0.01, "combined": 0.0}, MODEL),
        ({"model": 0.3, "bayes": 0.3, "combined": 0.0, "m1": 0.02}, UNDER_TRAINED),
    ],
)
def test_the_fault_is_the_prior_s_where_the_optimum_breaks_as_well(numbers, whose):
    found = breaks(pd.DataFrame([OWN, cell("one", 0.5, surprise=20.0, **numbers)]))
    assert list(found["fault"]) == [whose]


def test_what_was_never_trained_is_not_called_under_trained():
    far = {"model": 0.6, "bayes": 0.3, "combined": 0.0, "m1": 0.9}
    found = breaks(pd.DataFrame([OWN, cell("one", 0.5, surprise=20.0, **far)]), trained=False)
    assert list(found["fault"]) == [BOTH]


def test_an_interval_that_reaches_into_the_margin_breaks_nothing():
    wide = cell("wide", 0.5, model=0.05, bayes=0.0, combined=0.0, surprise=20.0, spread=0.031)
    assert list(breaks(pd.DataFrame([OWN, wide]))["rank"]) == [0]
    assert list(breaks(pd.DataFrame([OWN, {**wide, "shortfall_low": 0.021}]))["rank"]) == [1]


def test_without_a_bayes_predictor_nothing_is_called_broken_and_without_c_b_stands_in():
    none = cell("none", 0.5, model=0.5, bayes=np.nan, combined=np.nan, surprise=20.0)
    without_c = {**cell("without", 0.5, model=0.5, bayes=0.1, combined=0.1, surprise=20.0), "M3": np.nan}
    found = breaks(pd.DataFrame([OWN, none, without_c])).set_index("probe")
    assert found.loc["none", "rank"] == 0 and found.loc["without", "fault"] == MODEL


def test_lengths_are_compared_at_the_longest_that_all_have():
    cells = [cell("short", 0.5, model=0.5, bayes=0.5, combined=0.0, surprise=20.0, length=length) for length in (5, 20)]
    longer = [cell("long", 0.5, model=0.5, bayes=0.5, combined=0.0, surprise=20.0, length=n) for n in (5, 20, 40)]
    along = [cell("context-length", n, model=0.5, bayes=0.5, combined=0.0, surprise=20.0, length=n) for n in (20, 40)]
    found = breaks(pd.DataFrame([OWN, *cells, *longer, *along])).set_index("probe")
    assert found.loc["short", "length"] == found.loc["long", "length"] == 20
    assert found.loc["context-length", "length"] == 20, "the surprise at 40 pairs in distribution is not known"
