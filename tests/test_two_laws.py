"""Families that integrate over several laws, beside sums over dense grids."""

# Converters take what users write, a number for a law; pyright sees the stored types alone.
# pyright: reportArgumentType=false
import functools
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from brute_force import extrapolated, free_columns, known_waves, midpoints

from offprior.components import FIXED_GRID, Components
from offprior.components.boxes import orders_of
from offprior.errors import ApproximationWarning
from offprior.families.combination import Combination
from offprior.families.grid import Grid
from offprior.families.linear import Linear
from offprior.families.product import Product
from offprior.families.sinusoid import Sinusoid
from offprior.families.task_pool import TaskPool
from offprior.mixture import Mixture, draw_prompts
from offprior.posterior import best_fit, posterior, quadrature_refinement
from offprior.posterior.cuts import Boxes, affordable, cut
from offprior.predictors.bayes import Bayes

TURN = 2 * np.pi
LENGTHS = [1, 4, 12]
WAVE = Sinusoid(amplitude=1.0, frequency=(0.5, 1.5))
KEY = jax.random.key(5)


def prompts_of(family, noise, count=2, pairs=12):
    drawn = draw_prompts(Mixture([family], noise=noise), KEY, count, pairs, 5)
    return [np.asarray(each, np.float64) for each in drawn[:4]]


def agree(family, noise, grid, cells, tolerance=2e-5):
    """Evidence in nats, means in posterior deviations, variances as shares; at every length, in one call."""
    x, y, queries, _ = prompts_of(family, noise)
    found = posterior([family.components()], x, y, queries, LENGTHS, noise)
    for row in range(len(x)):
        for place, pairs in enumerate(LENGTHS):
            known = x[row, :pairs, 0], y[row, :pairs], queries[row, :, 0], noise
            exact = extrapolated(functools.partial(grid, *known), cells)
            sd = np.sqrt(exact.variance)
            here = row, place, 0
            assert found.log_evidence[here] == pytest.approx(exact.log_evidence, abs=tolerance)
            np.testing.assert_allclose((found.mean[here] - exact.mean) / sd, 0, atol=tolerance)
            np.testing.assert_allclose(found.variance[here], exact.variance, rtol=10 * tolerance)
            error = abs(found.log_evidence[here] - exact.log_evidence)
            assert error < found.quadrature_error[here] + 1e-5, "the estimate sees the error, but for the grid's own"
    return found


def waves(x, y, queries, noise, cells):
    return known_waves(x, y, queries, noise, midpoints(0.5, 1.5, cells), midpoints(0, TURN, cells))


@pytest.mark.parametrize("noise", [0.3, 0.03])
def test_phase_and_frequency(noise):
    found = agree(WAVE, noise, waves, 1500)
    assert 0 < found.quadrature_error.max() < 1e-3


def sines(frequency, at):
    return np.stack([f(frequency[:, None] * at) for f in (np.sin, np.cos)], 1)


def test_two_frequencies():
    """C of a convex probe on two families of waves."""
    family = Combination(Sinusoid(), Sinusoid(frequency=(4.0, 6.0)), 0.3)

    def grid(x, y, queries, noise, cells):
        def columns(u, v, at):
            return np.concatenate([0.3 * sines(u, at), 0.7 * sines(v, at)], 1)

        return free_columns(columns, None, midpoints(1, 3, cells), midpoints(4, 6, cells), x, y, queries, noise)

    agree(family, 0.2, grid, 200, 5e-5)


def test_a_frequency_beside_a_few_known_functions():
    few = Grid(slope=(0.0,), amplitude=(0.5,), frequency=(4.0, 6.0, 3.0), offset=(0.0,))

    def grid(x, y, queries, noise, cells):
        def known(u, v, at):
            return 0.25 * np.sin(v[:, None] * at)

        tables = midpoints(1, 3, cells), np.asarray([4.0, 5.0, 6.0])
        return free_columns(lambda u, v, at: sines(u, at) / 2, known, *tables, x, y, queries, noise)

    agree(Combination(few, Sinusoid()), 0.1, grid, 2000)


def test_a_free_coefficient_and_a_frequency():
    """c·x·(a sin ωx + b cos ωx), all three normal: any c far out in its tail is a node too."""

    def grid(x, y, queries, noise, cells):
        def columns(u, v, at):
            return v[:, None, None] * at * sines(u, at)

        tables = midpoints(1, 3, 4 * cells), midpoints(0, 7, cells)
        weights = np.exp(-(tables[1] ** 2) / 2)
        return free_columns(columns, None, *tables, x, y, queries, noise, weights / weights.sum())

    agree(Product(Linear(), Sinusoid()), 1.0, grid, 200, 5e-4)


def test_three_laws():
    family = Sinusoid(amplitude=(0.5, 2.0), frequency=(1.0, 2.0))

    def grid(x, y, queries, noise, cells):
        tables = midpoints(1, 2, cells), midpoints(0, TURN, cells), midpoints(0.5, 2, cells)
        return known_waves(x, y, queries, noise, *tables)

    agree(family, 0.4, grid, 160, 1e-4)


@pytest.mark.parametrize("nodes", [1 << 7, 1 << 9, 1 << 11])
def test_where_boxes_are_too_few_the_estimate_sees_the_error(monkeypatch, nodes):
    monkeypatch.setattr(quadrature_refinement, "MOST_NODES", nodes)
    x, y, queries, _ = prompts_of(WAVE, 0.03)
    found = posterior([WAVE.components()], x, y, queries, LENGTHS, 0.03)
    gap = Bayes(Mixture([WAVE], noise=0.03)).quadrature_gap(x, y, queries, LENGTHS)
    for row in range(len(x)):
        for place, pairs in enumerate(LENGTHS):
            exact = waves(x[row, :pairs, 0], y[row, :pairs], queries[row, :, 0], 0.03, 1500)
            error = abs(np.expm1(found.log_evidence[row, place, 0] - exact.log_evidence))
            assert error <= found.quadrature_error[row, place, 0] + 1e-6
            assert np.abs(found.mean[row, place, 0] - exact.mean).max() <= gap + 1e-6
    assert nodes > 1 << 9 or found.quadrature_error.max() > 1e-4


@pytest.mark.parametrize(
    "family, wrong",
    [
        (WAVE, Sinusoid(frequency=(0.5, 1.5))),
        (Product(Linear(), Sinusoid()), Product(Linear(), Sinusoid(amplitude=(0.5, 3.0), phase=0.5))),
    ],
    ids=["wave", "product"],
)
def test_a_wrong_prior_does_not_beat_the_right_one(family, wrong):
    """Little noise and many pairs: where a grid that is not refined loses to a wrong prior that needs none."""
    x, y, queries, truth = prompts_of(family, 0.03, count=12, pairs=40)
    bayes = (Bayes(Mixture([each], noise=0.03)) for each in (family, wrong))
    errors = [np.square(each.predict_batch(x, y, queries, [40]).mean - truth[:, None]).mean(2) for each in bayes]
    excess = errors[0] - errors[1]
    assert (excess.mean(0) <= 2 * excess.std(0) / len(x) ** 0.5 + 1e-9).all()
    assert errors[0].mean() < 0.03**2, "it is known to less than the noise"


def test_the_best_fit_searches_all_laws():
    _, _, queries, truth = prompts_of(WAVE, 0.0, count=4, pairs=1)
    fits = best_fit([WAVE.components()], queries, truth)
    assert np.abs(fits[:, 0] - truth).max() < 1e-3


def test_boxes_are_cut_along_the_axes_that_are_named_and_the_worst_first():
    low, width = np.asarray([[0.0, 0.5, 0.0], [0.0, 0.0, 0.5]]), np.full((2, 3), 0.5)
    error = np.log([[[1.0, 4.0, 2.0], [1.0, 1.0, 1.0]]])
    boxes = Boxes(np.zeros(3, int), low, width, np.zeros((1, 3)), error)
    along = np.asarray([[False, True, True], [False, False, True]])
    halves = cut(boxes, along)
    volume = halves.width.prod(0)
    assert len(volume) == 7 and volume.sum() == pytest.approx(0.75)
    corners = {(*low, *wide) for low, wide in zip(halves.low.T.tolist(), halves.width.T.tolist(), strict=True)}
    assert len(corners) == 7 and (0.75, 0.0, 0.25, 0.5) in corners and (0.25, 0.75, 0.25, 0.25) in corners
    kept = np.ones(3, bool)
    assert (affordable(boxes, along, kept, 7) == along).all()
    assert affordable(boxes, along, kept, 4).any(0).tolist() == [False, True, False]
    assert not affordable(boxes, along, kept, 3).any()


def test_components_of_several_laws_begin_with_few_nodes():
    for family in (WAVE, Combination(WAVE, Sinusoid()), Sinusoid(amplitude=(1.0, 2.0), offset=(0.0, 1.0))):
        found: Components = family.components()
        assert found.locate is not None and found.node_count <= 4096
        assert np.exp(found.log_weights).sum() == pytest.approx(1)


def test_a_grid_that_is_not_refined_is_told_by_every_answer():
    """Beside very many known functions no error is known; an answer without a word would be silently wrong."""
    bayes = Bayes(Mixture([Combination(TaskPool(Linear(), 300), Sinusoid(frequency=(1.0, 1.1)))], noise=0.1))
    assert bayes.approximation == FIXED_GRID
    refined = Bayes(Mixture([Combination(TaskPool(Linear(), 30), Sinusoid(frequency=(1.0, 1.1)))], noise=0.1))
    assert refined.approximation == ""
    x, y, queries, _ = prompts_of(Linear(), 0.1, count=1, pairs=4)
    for ask in (
        lambda: bayes.predict_batch(x, y, queries, [4]),
        lambda: bayes.predict(x[0], y[0], queries[0]),
        lambda: bayes.log_evidence(x[0], y[0]),
        lambda: bayes.family_posterior(x[0], y[0]),
    ):
        with pytest.warns(ApproximationWarning, match=FIXED_GRID):
            ask()


def test_nothing_asked_has_no_gap():
    x, y, queries, _ = prompts_of(Linear(), 0.1, count=1, pairs=4)
    assert Bayes(Mixture([Linear()], noise=0.1)).quadrature_gap(x, y, queries[:, :0], [4]) == 0


def test_of_very_many_laws_a_box_at_a_time_is_looked_at():
    """Its nodes, 4⁸, are more than a program looks at together."""
    pieces = [Sinusoid(amplitude=1.0), Sinusoid(amplitude=1.5)]
    group = Combination(Combination(*pieces), Combination(*pieces)).components(8)
    assert group.locate is not None and np.prod(orders_of(group.locate)) > quadrature_refinement.TOGETHER
    assert quadrature_refinement.together_of(group, 16, 0, 1 << 30, int(np.prod(orders_of(group.locate)))) == 1
