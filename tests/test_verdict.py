"""The verdict rule, to the letter."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offprior.evaluation import verdict as rule
from offprior.evaluation.verdict import families_that_fail, provisional, verdict

NUMBERS = st.floats(-2, 2)


@pytest.mark.parametrize(
    ("m1", "m3", "low", "high", "expected"),
    [
        (0.005, 0.3, 0.05, 0.2, "beats Bayes"),
        (0.005, 0.3, 0.001, 0.2, "beats Bayes"),
        (0.005, 0.3, 0.001, 0.019, "follows Bayes (slightly better)"),
        (0.005, 0.3, -0.01, 0.019, "follows Bayes"),
        (0.005, 0.3, -0.01, 0.021, "undecided"),
        (0.005, 0.3, -0.021, 0.01, "undecided"),
        (0.005, 0.3, -0.3, -0.1, "worse than Bayes"),
        (0.005, 0.3, -0.01, -0.001, "worse than Bayes"),
        (0.0101, 0.3, 0.05, 0.2, "under-trained"),
        (0.01, 0.3, 0.05, 0.2, "beats Bayes"),
        (0.005, 0.02, 0.05, 0.2, "inside the prior"),
        (0.5, 0.001, -0.5, -0.2, "inside the prior"),
        (0.005, 0.0201, 0.05, 0.2, "beats Bayes"),
        (np.nan, 0.3, 0.05, 0.2, "undecided"),
        (0.005, 0.3, np.nan, np.nan, "undecided"),
        (0.005, np.nan, 0.05, 0.2, "beats Bayes"),  # C has no closed form
        (0.005, np.nan, np.nan, np.nan, "undecided"),
    ],
)
def test_rule(m1, m3, low, high, expected):
    assert verdict(m1, m3, low, high) == expected


@given(NUMBERS, NUMBERS, NUMBERS, st.floats(0, 2))
def test_every_cell_has_one_known_verdict(m1, m3, low, width):
    assert verdict(m1, m3, low, low + width) in rule.VERDICTS


@given(st.floats(0, 0.01), st.floats(0.021, 2), NUMBERS, st.floats(0, 0.5), st.floats(0, 1))
def test_more_gain_is_never_a_worse_verdict(m1, m3, low, width, more):
    order = [rule.WORSE, rule.UNDECIDED, rule.FOLLOWS, rule.SLIGHTLY, rule.BEATS]
    before, after = verdict(m1, m3, low, low + width), verdict(m1, m3, low + more, low + width + more)
    # `undecided` lies on both sides of `follows`: only the decided ones are ordered.
    if rule.UNDECIDED not in (before, after):
        assert order.index(after) >= order.index(before)


@given(NUMBERS, st.floats(-0.5, 0.5), st.floats(0, 0.5), st.floats(0, 0.5))
def test_a_wider_interval_never_decides_more(m1, low, width, more):
    wide = verdict(m1, 0.5, low - more, low + width + more)
    narrow = verdict(m1, 0.5, low, low + width)
    if wide in (rule.BEATS, rule.WORSE):
        assert narrow in (wide, rule.SLIGHTLY)


def test_few_seeds_are_provisional():
    assert provisional(1) == "1 seed: provisional"
    assert provisional(4) == "4 seeds: provisional"
    assert provisional(5) == ""


def test_a_family_that_fails_by_itself_is_named():
    cells = pd.DataFrame([{"M1": 0.004, "M1: linear": 0.001, "M1: sinusoid": 0.08}, {"M1": 0.004, "M1: linear": 0.001}])
    assert [families_that_fail(cell) for cell in cells.to_dict("records")] == [["sinusoid"], []]
