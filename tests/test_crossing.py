"""Where a curve crosses a threshold: known crossings are found, bracketed and halved, and intervals say what over."""

import math

import numpy as np
import pytest

from offprior.analysis.crossing import Axis, bracket, crossed_at, crossing, next_place
from offprior.analysis.intervals import seed_interval


def test_a_straight_line_is_crossed_where_it_is():
    x = np.array([0.0, 1.0, 3.0])
    assert crossed_at(x, 2 * x, Axis(4.0)) == pytest.approx(2.0)
    assert math.isnan(crossed_at(x, 2 * x, Axis(4.0, rising=False)))
    assert crossed_at(x, -2 * x, Axis(-4.0, rising=False)) == pytest.approx(2.0)


def test_on_a_log_scale_lines_are_straight_in_the_logarithm():
    x = np.array([1.0, 4.0, 64.0])
    assert crossed_at(x, np.log2(x), Axis(4.0, log=True)) == pytest.approx(16.0)
    # Beside a place of 0 there is no logarithm, and the line is straight in the coordinate.
    assert crossed_at(np.array([0.0, 1.0]), np.array([0.0, 1.0]), Axis(0.25, log=True)) == pytest.approx(0.25)


def test_it_is_the_first_crossing_and_unknown_places_are_passed_over():
    x, values = np.arange(6.0), np.array([0.0, np.nan, 2.0, 0.0, 2.0, 2.0])
    assert bracket(x, values, Axis(1.0)) == (0.0, 2.0)
    assert crossed_at(x, values, Axis(1.0)) == pytest.approx(1.0)
    assert bracket(x, np.full(6, np.nan), Axis(1.0)) is None


@pytest.mark.parametrize("true", [3.0, 37.0, 5000.0])
def test_bisection_brackets_a_known_crossing(true):
    """A synthetic measure that crosses at a known place: n halvings leave 2⁻ⁿ of the interval, with it inside."""
    x, axis = [2.0, 2.0**20], Axis(0.5, log=True)

    def measured(places):
        return np.array([1 / (1 + (true / at) ** 3) for at in places])

    for _ in range(8):
        middle = next_place(np.array(x), measured(x), axis)
        assert middle is not None
        x = sorted([*x, middle])
    low, high = bracket(np.array(x), measured(x), axis)  # pyright: ignore[reportGeneralTypeIssues]
    assert low <= true <= high
    assert math.log2(high / low) == pytest.approx(19 / 2**8)


def test_whole_places_stay_whole_and_end_at_neighbours():
    x, axis = [2, 64], Axis(20.5, log=True)
    while True:
        middle = next_place(np.array(x, float), np.array(x, float), axis, whole=True)
        if middle is None:
            break
        assert isinstance(middle, int) and middle not in x
        x = sorted([*x, middle])
    assert bracket(np.array(x, float), np.array(x, float), axis) == (20.0, 21.0)


def test_nothing_is_halved_without_a_bracket():
    assert next_place(np.array([1.0, 2.0]), np.array([0.0, 0.1]), Axis(0.5)) is None


def test_with_several_seeds_the_interval_counts_their_own_crossings_and_the_tasks():
    x = np.array([0.0, 10.0])
    slopes = np.array([0.8, 1.0, 1.25])
    single = 5.0 / slopes
    found = crossing(x, np.outer(x, slopes), np.zeros((2, 5)), Axis(5.0))
    assert found.interval_over == "training seeds and tasks" and found.bracket == (0.0, 10.0)
    assert found.at == pytest.approx(single.mean())
    assert (found.low, found.high) == pytest.approx(seed_interval(single)), "no replicate crosses: seeds alone"
    noise = np.random.default_rng(0).normal(0, 0.2, 2000)
    wider = crossing(x, np.outer(x, slopes), np.outer(x, 1 / (1 + noise)), Axis(5.0))
    seeds, tasks = found.at - found.low, 5.0 * 1.96 * 0.2
    assert wider.at - wider.low == pytest.approx(np.hypot(seeds, tasks), rel=0.1)


def test_a_seed_that_does_not_cross_leaves_the_interval_unknown():
    x = np.array([0.0, 10.0])
    found = crossing(x, np.outer(x, [1.0, 0.9, 0.1]), np.zeros((2, 5)), Axis(5.0))
    assert found.at == pytest.approx(5.0 / np.mean([1.0, 0.9, 0.1]))
    assert math.isnan(found.low) and found.note == "2 of 3 training seeds cross it"


def test_with_one_seed_the_interval_is_a_bootstrap_over_tasks():
    x, noise = np.array([0.0, 10.0]), np.random.default_rng(0).normal(0, 0.05, 1000)
    found = crossing(x, x[:, None], np.outer(x, 1 + noise), Axis(5.0))
    assert found.interval_over == "tasks" and found.at == pytest.approx(5.0)
    expected = np.quantile(5.0 / (1 + noise), [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx(tuple(expected))


@pytest.mark.parametrize(("values", "note"), [([2.0, 3.0], "every place is past the threshold"), ([0, 0], "crossed")])
def test_no_crossing_says_why(values, note):
    found = crossing(np.array([0.0, 1.0]), np.array(values, float)[:, None], np.zeros((2, 5)), Axis(1.0))
    assert math.isnan(found.at) and note in found.note
