"""The verdict rule, to the letter."""

import numpy as np
import pandas as pd
import pytest
from evaluation_rows import table
from hypothesis import given
from hypothesis import strategies as st

from offprior.analysis import verdict as rule
from offprior.analysis.intervals import ratio
from offprior.analysis.metrics import metrics
from offprior.analysis.verdict import families_that_fail, provisional, verdict, verdicts

NUMBERS = st.floats(-2, 2)
GAP = (0.2, 0.4)
"""An interval of M3 above its margin."""
ABOVE, AROUND, UNKNOWN = (0.01, 0.3), (-0.01, 0.3), (np.nan, np.nan)
"""Intervals of M19."""


@pytest.mark.parametrize(
    ("m1", "gap", "gain", "smoother", "expected"),
    [
        (0.005, GAP, (0.05, 0.2), ABOVE, "generalises"),
        (0.005, GAP, (0.05, 0.2), AROUND, "smooths"),
        (0.005, GAP, (0.05, 0.2), (-0.3, -0.1), "smooths"),
        (0.005, GAP, (0.05, 0.2), (0.0, 0.3), "smooths"),
        (0.005, GAP, (0.05, 0.2), UNKNOWN, "undecided"),  # no rows of S
        (0.005, GAP, (0.001, 0.2), ABOVE, "generalises"),
        (0.005, GAP, (0.001, 0.019), ABOVE, "follows Bayes (slightly better)"),
        (0.005, GAP, (0.001, 0.019), UNKNOWN, "follows Bayes (slightly better)"),
        (0.005, GAP, (-0.019, -0.001), ABOVE, "follows Bayes (slightly worse)"),
        (0.005, GAP, (-0.0015, -0.0005), ABOVE, "follows Bayes (slightly worse)"),
        (0.005, GAP, (0.0, 0.0), ABOVE, "follows Bayes"),
        (0.005, GAP, (-0.01, 0.019), ABOVE, "follows Bayes"),
        (0.005, GAP, (-0.01, 0.021), ABOVE, "undecided"),
        (0.005, GAP, (-0.021, 0.01), ABOVE, "undecided"),
        (0.005, GAP, (-0.3, -0.1), ABOVE, "worse than Bayes"),
        (0.005, GAP, (-0.021, -0.001), ABOVE, "worse than Bayes"),
        (0.0101, GAP, (0.05, 0.2), ABOVE, "under-trained"),
        (0.01, GAP, (0.05, 0.2), ABOVE, "generalises"),
        (0.005, (0.01, 0.02), (0.05, 0.2), ABOVE, "no prior gap"),
        (0.5, (0.0, 0.001), (-0.5, -0.2), ABOVE, "no prior gap"),
        (0.005, (0.01, 0.0201), (0.05, 0.2), ABOVE, "undecided"),
        (0.5, (0.01, 0.3), (0.05, 0.2), ABOVE, "undecided"),
        (0.005, (0.0201, 0.4), (0.05, 0.2), ABOVE, "generalises"),
        (np.nan, GAP, (0.05, 0.2), ABOVE, "undecided"),
        (0.005, GAP, UNKNOWN, ABOVE, "undecided"),
        (0.005, UNKNOWN, (0.05, 0.2), ABOVE, "generalises"),  # C has no closed form
        (0.005, UNKNOWN, UNKNOWN, ABOVE, "undecided"),
    ],
)
def test_rule(m1, gap, gain, smoother, expected):
    assert verdict(m1, gap, gain, smoother) == expected


@given(NUMBERS, NUMBERS, st.floats(0, 2), NUMBERS, st.floats(0, 2), NUMBERS)
def test_every_cell_has_one_known_verdict(m1, gap, wide, low, width, smoother):
    assert verdict(m1, (gap, gap + wide), (low, low + width), (smoother, smoother + 1)) in rule.VERDICTS


@given(st.floats(0, 0.01), st.floats(0.021, 2), NUMBERS, st.floats(0, 0.5), st.floats(0, 1), st.booleans())
def test_more_gain_is_never_a_worse_verdict(m1, gap, low, width, more, structured):
    order = [rule.WORSE, rule.SLIGHTLY_WORSE, rule.FOLLOWS, rule.SLIGHTLY_BETTER, rule.SMOOTHS, rule.GENERALISES]
    smoother = ABOVE if structured else AROUND
    before, after = (verdict(m1, (gap, gap), (low + by, low + width + by), smoother) for by in (0.0, more))
    # `undecided` lies on both sides of `follows`: only the decided ones are ordered.
    if rule.UNDECIDED not in (before, after):
        assert order.index(after) >= order.index(before)


@given(st.floats(-0.5, 0.5), st.floats(0, 0.5))
def test_the_margin_is_the_same_in_both_directions(low, width):
    """A gain and the same loss: the words are each other's mirror image."""
    mirror = {rule.SLIGHTLY_BETTER: rule.SLIGHTLY_WORSE, rule.SMOOTHS: rule.WORSE}
    mirror |= {there: here for here, there in mirror.items()}
    one, other = verdict(0.0, GAP, (low, low + width), AROUND), verdict(0.0, GAP, (-low - width, -low), AROUND)
    assert other == mirror.get(one, one)


@given(NUMBERS, st.floats(-0.5, 0.5), st.floats(0, 0.5), st.floats(0, 0.5))
def test_a_wider_interval_never_decides_more(m1, low, width, more):
    wide = verdict(m1, GAP, (low - more, low + width + more), ABOVE)
    narrow = verdict(m1, GAP, (low, low + width), ABOVE)
    if wide in (rule.GENERALISES, rule.WORSE):
        assert narrow in (wide, rule.SLIGHTLY_BETTER, rule.SLIGHTLY_WORSE)


def test_few_seeds_are_provisional():
    assert provisional(1) == "1 seed: provisional"
    assert provisional(4) == "4 seeds: provisional"
    assert provisional(5) == ""


def test_a_family_that_fails_by_itself_is_named():
    cells = pd.DataFrame([{"M1": 0.08, "M1: linear": 0.001, "M1: sinusoid": 0.08}, {"M1": 0.001, "M1: linear": 0.001}])
    assert [families_that_fail(cell) for cell in cells.to_dict("records")] == [["sinusoid"], []]


SIGN = {rule.GENERALISES: 1, rule.SMOOTHS: 1, rule.SLIGHTLY_BETTER: 1}


def many(*groups):
    """Metrics of one probe's cells: each group a number of cells, their verdict, p-values and what else they have.

    Estimates lie where the verdict has them: M4 = ±.01 where it is close, ±.5 elsewhere, M19 above 0.
    """
    rows = [
        {
            "probe": "convex", "placement": "all", "verdict": verdict, "M3_p": 0.001,
            **({"M3": 0.001, "M3_low": 0.0} if verdict == rule.NO_PRIOR_GAP else {"M3": 0.3, "M3_low": 0.1}),
            "M4": SIGN.get(verdict, -1) * (0.01 if verdict.startswith("follows") else 0.5), "M4_p": p,
            "M4_p_above": close, "M4_p_below": close, "M19": 0.1, "M19_p": smoother, "inside": False, **dict(*more),
        }
        for count, verdict, p, close, smoother, *more in groups
        for _ in range(count)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_many_cells_need_more_than_one_does():
    """One cell of forty at p = .04 is what chance gives; ten of ten are not."""
    alone = many((1, rule.WORSE, 0.04, 1.0, 1.0))
    assert list(rule.controlled(alone)) == [rule.WORSE]
    by_chance = many((1, rule.WORSE, 0.04, 1.0, 1.0), (39, rule.UNDECIDED, 0.5, 1.0, 1.0))
    assert set(rule.controlled(by_chance)) == {rule.UNDECIDED}
    assert set(rule.controlled(many((10, rule.WORSE, 0.04, 1.0, 1.0)))) == {rule.WORSE}


def test_each_part_of_a_claim_is_controlled():
    chance = (39, rule.UNDECIDED, 0.5, 1.0, 1.0)
    cells = many((1, rule.GENERALISES, 1e-6, 1.0, 0.04), (1, rule.GENERALISES, 1e-6, 1.0, 1e-6), chance)
    assert list(rule.controlled(cells)[:2]) == [rule.SMOOTHS, rule.GENERALISES], "above B surely, above S perhaps"
    cells = many((1, rule.SLIGHTLY_WORSE, 0.04, 1e-6, 1.0), (1, rule.FOLLOWS, 0.5, 0.04, 1.0), chance)
    assert list(rule.controlled(cells)[:2]) == [rule.FOLLOWS, rule.UNDECIDED]
    cells = many((1, rule.NO_PRIOR_GAP, 1.0, 1.0, 1.0), (1, rule.UNDER_TRAINED, 1e-6, 1.0, 1e-6), chance)
    assert list(rule.controlled(cells)[:2]) == [rule.NO_PRIOR_GAP, rule.UNDER_TRAINED]
    cells.loc[:, "M3_p"] = [0.04, *[0.6] * 40]
    cells.loc[:, "M3"] = 0.01
    assert set(rule.controlled(cells)) == {rule.UNDECIDED, rule.UNDER_TRAINED}, "nor is a gap known by chance"


@pytest.mark.parametrize(
    ("doubtful", "company", "left"),
    [
        # Cells that are surely ±.5 say nothing for a cell that may be inside ±.02.
        ((1, rule.FOLLOWS, 0.9, 0.045, 1.0), (15, rule.WORSE, 1e-6, 1e-6, 1.0), rule.UNDECIDED),
        ((1, rule.FOLLOWS, 0.9, 0.045, 1.0), (15, rule.GENERALISES, 1e-6, 1e-6, 1e-6), rule.UNDECIDED),
        # Nor do cells surely worse than S for one that may be better, nor those worse than B.
        ((1, rule.GENERALISES, 1e-6, 1.0, 0.045), (15, rule.SMOOTHS, 1e-6, 1.0, 1e-6, {"M19": -0.3}), rule.SMOOTHS),
        ((1, rule.GENERALISES, 1e-6, 1.0, 0.045), (15, rule.WORSE, 1e-6, 1.0, 1e-6), rule.SMOOTHS),
        ((1, rule.SMOOTHS, 0.045, 1.0, 1.0), (15, rule.WORSE, 1e-6, 1.0, 1.0), rule.UNDECIDED),
        ((1, rule.WORSE, 0.045, 1.0, 1.0), (15, rule.SMOOTHS, 1e-6, 1.0, 1.0), rule.UNDECIDED),
        # Nor do cells surely without a gap for one that may have one, or the other way round.
        (
            (1, rule.WORSE, 1e-6, 1.0, 1.0, {"M3_p": 0.045}),
            (15, rule.NO_PRIOR_GAP, 1.0, 1.0, 1.0, {"M3_p": 1e-6}),
            rule.UNDECIDED,
        ),
        (
            (1, rule.NO_PRIOR_GAP, 1.0, 1.0, 1.0, {"M3_p": 0.045}),
            (15, rule.WORSE, 1e-6, 1.0, 1.0, {"M3_p": 1e-6}),
            rule.UNDECIDED,
        ),
    ],
)
def test_cells_that_contradict_a_claim_do_not_rescue_a_doubtful_one(doubtful, company, left):
    """Alone it holds, and in the company of its own kind; among cells of the opposite kind it is one of sixteen."""
    assert list(rule.controlled(many(doubtful))) == [doubtful[1]]
    assert rule.controlled(many(doubtful, company))[0] == left
    _, verdict, p, close, smoother, *more = doubtful
    sure = [{name: 1e-6 if value == 0.045 else value for name, value in of.items()} for of in more]
    own = (15, verdict, *(1e-6 if value == 0.045 else value for value in (p, close, smoother)), *sure)
    assert rule.controlled(many(doubtful, own))[0] == verdict


def test_cells_inside_the_prior_are_no_company():
    """There C is B by construction: that they have no gap is nothing that was found."""
    none = {"M3": 0.001, "M3_low": 0.0}
    doubtful, chance = ({**none, "M3_p": p} for p in (0.045, 0.5))
    cells = [(1, rule.NO_PRIOR_GAP, 1.0, 1.0, 1.0, doubtful), (5, rule.UNDECIDED, 1.0, 1.0, 1.0, chance)]
    inside = (60, rule.NO_PRIOR_GAP, 1.0, 1.0, 1.0, {**none, "M3_p": 1e-9, "inside": True})
    found = rule.controlled(many(*cells, inside))
    assert found[0] == rule.UNDECIDED and set(found[6:]) == {rule.NO_PRIOR_GAP}


def test_printed_verdicts_are_narrow_and_whole():
    """Every cell's verdict in words, no ellipsis, and all columns on request."""
    rows = pd.concat([table({"model": 1.0, "B": 2.0, "C": 0.4, "S": 1.6}, strength=a, noise=0.1) for a in (0.25, 0.5)])
    found = verdicts(metrics(rows.drop_duplicates(["probe", "strength", "task", "predictor", "seed"])))
    printed = repr(found)
    assert printed.count("generalises") == 2 and "…" not in printed and "..." not in printed
    assert max(map(len, printed.splitlines())) <= 100
    assert "1 seed: provisional" in printed and ".252 [.246, .257]" in printed
    assert all(column in found.to_string() for column in found.columns) and len(found.columns) > 20
    part = repr(found.query("strength == 0.5"))
    assert part.count("generalises") == 1 and part.count("\n") == printed.count("\n") - 1
    assert "generalises" in found.head(1)._repr_html_() and "M3_low" not in found._repr_html_()
    assert "M3" in repr(found[["probe", "M3"]]), "other columns print as pandas prints them"


def test_a_predictor_that_is_not_trained_is_not_provisional():
    rows = table({"model": 1.0, "B": 2.0, "C": 0.4, "S": 1.6})
    rows["predictor"] = rows["predictor"].replace({"model": "ridge"})
    rows.loc[rows["predictor"] == "ridge", "seed"] = -1
    found = metrics(rows, "ridge")
    assert set(found["provisional"]) == {""} and set(found["seeds"]) == {0}
    assert set(metrics(table({"model": 1.0, "B": 2.0}))["provisional"]) == {"1 seed: provisional"}


@pytest.mark.parametrize(
    ("smoother", "note"), [(0.41, "S is as good as C here"), (0.5, "C is not shown to gain over S here"), (1.6, "")]
)
def test_where_c_gains_little_over_the_smoother_it_is_said(smoother, note):
    """C has .4: S with .41 leaves .0025 of the variance to gain, one with .5 leaves .025 that is not sure."""
    rows = table({"model": 0.42, "B": 2.0, "C": 0.4, "S": smoother})
    alone = rows["predictor"] == "S"
    sway = 1 + 0.5 * np.random.default_rng(1).standard_normal(alone.sum()) * (smoother == 0.5)
    rows.loc[alone, "squared_error"] *= sway / sway.mean()
    judged = verdicts(metrics(rows))
    found = judged.to_dict("records")[0]
    assert found["structure_gap"] == pytest.approx((smoother - 0.4) / 4, rel=0.3)
    assert rule.smoother_note(found) == note and list(judged.compact()["notes"]) == [note]
    assert rule.smoother_note({}) == "", "an older table does not know"


def test_without_a_prior_gap_a_model_far_from_bayes_is_marked():
    off, near = (metrics(table({"model": model, "B": 0.4, "C": 0.4}, gap=0.0)) for model in (3.0, 0.41))
    assert off.query("probe == 'convex'")["off_bayes"].all() and set(off["verdict"]) == {"no prior gap"}
    assert not near["off_bayes"].any()


def test_of_many_cells_one_that_is_hardly_off_bayes_is_not_marked():
    """Among cells that are not off, p = .04 is chance; p = 1e-6 is not; another probe's cells do not count."""
    cell = {"verdict": rule.NO_PRIOR_GAP, "shortfall": 0.01, "shortfall_p": 0.5, "placement": "all", "probe": "convex"}
    cell |= {"bayes_distance": 0.01, "bayes_distance_p": 0.5}
    off = {**cell, "shortfall": 0.1, "bayes_distance": 0.1}
    doubtful, sure = ({**off, "shortfall_p": p, "bayes_distance_p": p} for p in (0.04, 1e-6))
    others = [{**cell, "probe": "shift"}] * 39
    assert list(rule.is_off_bayes(pd.DataFrame([doubtful, *[cell] * 39]))) == [False] * 40
    assert list(rule.is_off_bayes(pd.DataFrame([sure, *[cell] * 39]))) == [True] + [False] * 39
    assert rule.is_off_bayes(pd.DataFrame([doubtful, *others])).iloc[0]
    judged = {**sure, "verdict": rule.UNDECIDED}
    assert not rule.is_off_bayes(pd.DataFrame([judged])).any(), "a verdict says more"


def test_a_gain_that_s_is_missing_for_is_marked():
    """M4 is above 0, and only S is not known: `no S`, however small the gain; not where M3 decides nothing."""
    rows = table({"model": 1.0, "B": 2.0, "C": 0.4, "S": 1.6})
    found = verdicts(metrics(rows)).iloc[:1]
    lacking = {"verdict": rule.UNDECIDED, "verdict_fdr": rule.UNDECIDED, "M19": np.nan, "M4_low": 0.01, "M3_low": 0.1}
    assert list(found.assign(**lacking).compact()["notes"]) == ["no S"]
    for other in ({"M4_low": -0.01}, {"M3_low": 0.01}, {"M1": np.nan}, {"M19": 0.1}):
        assert list(found.assign(**{**lacking, **other}).compact()["notes"]) == [""]


@pytest.mark.parametrize("seeds", [1, 5])
@pytest.mark.parametrize(("share", "most"), [(1e-4, 0.0), (0.005, 0.03)])
def test_bayes_plus_a_little_noise_does_not_read_worse(seeds, share, most):
    """B plus noise of 1e-4 of the variance, and of half the gate of M1."""
    rng, cells, tasks = np.random.default_rng(0), 400, 128
    square = rng.exponential(size=(cells, tasks))
    bayes, noise = 0.4 * square[:, None], share * square[:, None] * rng.exponential(size=(cells, seeds, tasks))
    # Of 64 queries: the noise's product with B's own error nearly averages out.
    model = bayes + noise + 2 * rng.standard_normal(noise.shape) * np.sqrt(bayes * noise / 64)
    low, high = ratio(bayes - model, square).interval()
    found = [verdict(share, GAP, ends, ABOVE) for ends in zip(low, high, strict=True)]
    assert found.count(rule.WORSE) <= most * cells
    assert sum(word.startswith("follows") for word in found) > 0.9 * cells
    assert not any(word in (rule.GENERALISES, rule.SMOOTHS) for word in found)
