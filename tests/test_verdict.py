"""The verdict rule, to the letter."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offprior.evaluation import verdict as rule
from offprior.evaluation.verdict import families_that_fail, provisional, verdict

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
