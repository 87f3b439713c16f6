"""Where a predictor breaks first, and whose fault it is, from metrics with known answers."""

import numpy as np
import pandas as pd
import pytest

from offprior.analysis.breaks import BOTH, MODEL, OWN, PRIOR, UNDECIDED, UNDER_TRAINED, breaks


def cell(
    probe, strength, *, model, bayes, combined, surprise=20.0, length=20, m1=0.001, spread=0.001, inside=False, off=0.0
):
    shortfall, gap = model - combined, bayes - combined
    sure = {"shortfall_p": 1e-6 if abs(shortfall - 0.02) > spread else 0.5, "bayes_distance_p": 1e-6}
    return {
        "probe": probe, "coordinate": "a", "strength": strength, "length": length, "placement": "all", "M1": m1,
        "M1: linear": m1, "M2": model, "M3": gap, "M3_low": gap, "M3_high": gap, "M4": bayes - model,
        "bayes_nmse": bayes, "combined_nmse": combined, "smoother_nmse": 0.5, "shortfall": shortfall,
        "shortfall_low": shortfall - spread, "shortfall_high": shortfall + spread, "bayes_distance": off,
        "bayes_distance_low": off, "M12": surprise, "verdict": "no prior gap" if gap <= 0.02 else "follows Bayes",
        "provisional": "", "inside": inside, **sure,
    }  # fmt: skip


OWN_PROMPTS = cell("in-distribution", 0.0, model=0.01, bayes=0.01, combined=0.01, surprise=10.0, inside=True)
GOOD = {"model": 0.01, "bayes": 0.01, "combined": 0.01}
BAD = {"model": 0.5, "bayes": 0.5, "combined": 0.0}


def found_in(*cells, **settings):
    return breaks(pd.DataFrame([OWN_PROMPTS, *cells]), **settings)


def test_probes_are_ranked_by_places_from_the_prior_and_then_by_the_shortfall():
    # What is more surprising may lie nearer, as inputs that are moved far are no more surprising than others.
    second = [cell("second", s, **(BAD if s > 1 else GOOD), inside=s == 0, surprise=11.0) for s in (0.0, 1.0, 2.0)]
    first = [cell("first", s, **(BAD if s else GOOD), inside=s == 0, surprise=200.0) for s in (0.0, 1.0, 2.0)]
    worse = [cell("worse", s, model=0.9, bayes=0.5, combined=0.0, surprise=200.0) for s in (1.0, 2.0)]
    worse.insert(0, cell("worse", 0.0, **GOOD, inside=True))
    holds = [cell("holds", 1.0, model=0.025, bayes=0.2, combined=0.01)]
    found = found_in(*second, *first, *worse, *holds)
    assert list(found["probe"]) == ["worse", "first", "second", "holds"]
    assert list(found["rank"]) == [1, 2, 3, 0] and list(found["fault"]) == [BOTH, PRIOR, PRIOR, ""]
    assert list(found["strength"]) == [1.0, 1.0, 2.0, 1.0] and list(found["steps"]) == [1, 1, 2, 1]


def test_the_first_break_of_a_path_is_the_nearest_whatever_its_surprise():
    """A shift of 5 breaks before one of 10, though the prompts at 10 are the less surprising ones."""
    shifts = {0.0: (0.003, 12.0), 2.0: (0.01, 11.9), 5.0: (0.515, 11.5), 10.0: (0.089, 11.0)}
    cells = [
        cell("shift", s, model=m, bayes=0.003, combined=0.003, surprise=n, inside=s == 0)
        for s, (m, n) in shifts.items()
    ]
    first = found_in(*cells).iloc[0]
    assert first["strength"] == 5.0 and first["steps"] == 2 and first["fault"] == MODEL


def test_a_path_between_two_ends_is_counted_from_the_nearer_one():
    cells = [
        cell("convex", a, **(BAD if a in (0.5, 0.75) else GOOD), inside=a in (0.0, 1.0))
        for a in (0, 0.25, 0.5, 0.75, 1)
    ]
    first = found_in(*cells).iloc[0]
    assert (first["strength"], first["steps"]) == (0.75, 1)


def test_plain_places_are_not_listed_where_there_are_others():
    plain = cell("shift", 0.0, model=0.9, bayes=0.003, combined=0.003, inside=True)
    assert found_in(plain, cell("shift", 1.0, **GOOD)).iloc[0]["strength"] == 1.0
    assert found_in(plain).iloc[0]["strength"] == 0.0, "it has no other"


@pytest.mark.parametrize(
    ("numbers", "whose"),
    [
        ({"model": 0.3, "bayes": 0.3, "combined": 0.0}, PRIOR),
        ({"model": 0.1, "bayes": 0.3, "combined": 0.0}, PRIOR),
        ({"model": 0.6, "bayes": 0.3, "combined": 0.0}, BOTH),
        ({"model": 0.3, "bayes": 0.01, "combined": 0.0}, MODEL),
        ({"model": 0.3, "bayes": 0.3, "combined": 0.0, "m1": 0.02}, OWN),
    ],
)
def test_the_fault_is_the_prior_s_where_the_optimum_breaks_as_well(numbers, whose):
    assert list(found_in(cell("one", 0.5, **numbers))["fault"]) == [whose]


def test_what_fails_in_distribution_is_under_trained_and_what_fails_under_other_inputs_alone_is_said():
    """M1 of a cell is measured under its own inputs; whether training sufficed is read in distribution."""
    far = cell("one", 0.5, model=0.3, bayes=0.3, combined=0.0, m1=0.3)
    other = {**far, "probe": "other", "M1: linear": np.nan, "M1: sinusoid": 0.3}
    own = {**OWN_PROMPTS, "M1": 0.02, "M1: sinusoid": 0.02}
    found = breaks(pd.DataFrame([own, far, other])).set_index("probe")["fault"]
    assert found["one"] == OWN and found["other"] == UNDER_TRAINED


def test_what_was_never_trained_is_not_called_under_trained():
    far = {"model": 0.6, "bayes": 0.3, "combined": 0.0, "m1": 0.9}
    own = {**OWN_PROMPTS, "M1": 0.9, "M1: linear": 0.9}
    assert list(breaks(pd.DataFrame([own, cell("one", 0.5, **far)]), trained=False)["fault"]) == [BOTH]


def test_what_is_neither_shown_to_break_nor_to_hold_is_undecided():
    """An NMSE of .178 where B has .001, its interval reaching into the margin: no one can say that it holds."""
    wide = cell("wide", 0.5, model=0.178, bayes=0.001, combined=0.001, spread=0.16)
    holds = cell("holds", 0.5, model=0.01, bayes=0.001, combined=0.001)
    found = found_in(holds, wide)
    assert list(found["probe"]) == ["wide", "holds"] and list(found["rank"]) == [0, 0]
    assert list(found["fault"]) == [UNDECIDED, ""]
    assert list(found_in({**wide, "shortfall_p": 0.02})["rank"]) == [1]


def test_without_a_prior_gap_a_model_that_is_off_bayes_is_broken():
    wide = cell("wide", 0.5, model=0.178, bayes=0.001, combined=0.001, spread=0.2, off=0.15)
    assert list(found_in(wide)["fault"]) == [MODEL]
    better = cell("better", 0.5, model=0.1, bayes=0.11, combined=0.1, spread=0.001, off=0.15)
    assert list(found_in(better)["fault"]) == [""], "far from B and no worse than C"


def test_the_number_of_cells_counts():
    """One break of forty at p = .04 is what chance gives; so is one among cells that surely hold, or lie inside."""
    doubtful = {**cell("doubtful", 0.5, model=0.1, bayes=0.1, combined=0.0, spread=0.2), "shortfall_p": 0.04}
    assert list(found_in(doubtful)["fault"]) == [PRIOR]
    chance = [{**doubtful, "probe": f"p{number}", "shortfall_p": 0.5} for number in range(39)]
    holds = [cell(f"p{number}", 0.5, **GOOD) for number in range(39)]
    inside = [cell("doubtful", 0.0, **BAD, inside=True)] * 39
    for company in (chance, holds, [*inside, *chance]):
        found = found_in(doubtful, *company).set_index("probe")
        assert found.loc["doubtful", "fault"] == UNDECIDED and found.loc["doubtful", "rank"] == 0
    broken = [{**doubtful, "probe": f"p{number}"} for number in range(39)]
    assert set(found_in(doubtful, *broken)["fault"]) == {PRIOR}, "forty of forty are not chance"


def test_the_distance_from_bayes_is_counted_over_all_cells_too():
    doubtful = {
        **cell("doubtful", 0.5, model=0.178, bayes=0.001, combined=0.001, spread=0.2, off=0.15),
        **{"bayes_distance_p": 0.02, "shortfall_p": 0.5},
    }
    assert list(found_in(doubtful)["fault"]) == [MODEL]
    chance = [{**doubtful, "probe": f"p{number}", "bayes_distance_p": 0.5} for number in range(9)]
    assert set(found_in(doubtful, *chance)["fault"]) == {UNDECIDED}
    near = [cell(f"p{number}", 0.5, **GOOD, off=0.001) for number in range(9)]
    assert found_in(doubtful, *near).set_index("probe").loc["doubtful", "fault"] == UNDECIDED


def test_without_a_bayes_predictor_nothing_is_called_broken_and_without_c_b_stands_in():
    none = cell("none", 0.5, model=0.5, bayes=np.nan, combined=np.nan)
    without_c = {**cell("without", 0.5, model=0.5, bayes=0.1, combined=0.1), "M3": np.nan, "M3_high": np.nan}
    found = found_in(none, without_c).set_index("probe")
    assert found.loc["none", "rank"] == 0 and found.loc["none", "fault"] == UNDECIDED
    assert found.loc["without", "fault"] == MODEL


def test_lengths_are_compared_at_the_longest_that_all_have():
    cells = [cell("short", 0.5, **BAD, length=length) for length in (5, 20)]
    longer = [cell("long", 0.5, **BAD, length=n) for n in (5, 20, 40)]
    along = [cell("context-length", n, **BAD, length=n) for n in (20, 40)]
    found = found_in(*cells, *longer, *along).set_index("probe")
    assert found.loc["short", "length"] == found.loc["long", "length"] == 20
    assert found.loc["context-length", "length"] == 20, "the nearest of its own"
