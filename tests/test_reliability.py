"""Calibration, erraticness, order, blends and the two parts of the excess over Bayes: facts about known predictors."""

import jax
import numpy as np
import pytest

from offprior.analysis.calibration import NORMAL_90, calibration_columns, variation_columns
from offprior.evaluation.blend import best_blend
from offprior.evaluation.evaluate import evaluate
from offprior.evaluation.order import order_variance
from offprior.families.family import Family
from offprior.mixture import Mixture
from offprior.parameter import parameter
from offprior.predictors.bayes import Bayes
from offprior.predictors.class_blend import blend_weight
from offprior.predictors.least_squares import LeastSquares
from offprior.predictors.predictor import BatchPrediction, Predictor
from offprior.probes.convex import Convex
from offprior.probes.frequency import Frequency

MIXTURE = Mixture()
DRAWN = np.random.default_rng(3)


class Changed(Predictor):
    """B, with something done to its answer."""

    trained = True

    def __init__(self, change, label="model", seed=0):
        self.bayes, self.change, self.label, self.seed = Bayes(MIXTURE), change, label, seed

    def predict_batch(self, x, y, queries, lengths):
        return BatchPrediction(*self.change(self.bayes, x, y, queries, lengths))


def of_bayes(factor=1.0, widen=1.0):
    def change(bayes, x, y, queries, lengths):
        answer = bayes.predict_batch(x, y, queries, lengths)
        return factor * answer.mean, widen * answer.variance

    return change


def own_prompts(change, **more):
    table = evaluate([Changed(change)], [], [4, 12], mixture=MIXTURE, tasks=200, queries=24, **more)
    return table.metrics().set_index("length")


def test_calibration_is_an_expectation_over_noise():
    """The closed forms against many draws of y."""
    mean, truth = DRAWN.normal(size=(3, 4)), DRAWN.normal(size=(3, 4))
    variance = DRAWN.uniform(0.1, 2, (3, 4))
    found = calibration_columns(mean, variance, truth, 0.7, np.ones((3, 4)))
    y = truth + 0.7 * DRAWN.normal(size=(200_000, 3, 4))
    total = variance + 0.49
    loss = 0.5 * (np.log(2 * np.pi * total) + (y - mean) ** 2 / total)
    np.testing.assert_allclose(found["log_loss"], loss.mean((0, 2)), rtol=0.01)
    inside = np.abs(y - mean) <= NORMAL_90 * np.sqrt(total)
    np.testing.assert_allclose(found["coverage"], inside.mean((0, 2)), atol=0.005)


def test_bayes_is_calibrated_and_others_are_not():
    """B covers nine tenths of its own prior's y; with a quarter of its variance less, and its log loss is higher."""
    right, narrow = own_prompts(of_bayes()), own_prompts(of_bayes(widen=0.25))
    assert (abs(right["M14_coverage"] - 0.9) < 0.03).all()
    np.testing.assert_allclose(right["M14_sd"], 1.0)
    np.testing.assert_allclose(narrow["M14_sd"], 0.5)
    assert (narrow["M14_coverage"] < right["M14_coverage"]).all()
    assert (narrow["M14_log_loss"] > right["M14_log_loss"]).all()


def test_variation_counts_every_step():
    x = np.asarray([[[2.0], [0.0], [1.0], [3.0]]])
    found = variation_columns(np.asarray([[2.0, 0.0, 5.0, 3.0]]), x[:, :, 0], x)
    assert found["variation"] == [5 + 3 + 1] and found["true_variation"] == [3]
    assert np.isnan(variation_columns(x[:, :, 0], x[:, :, 0], np.repeat(x, 2, 2))["variation"]).all()


def test_order_matters_to_those_who_look_at_it():
    """M16: nil for B; for who looks at the last pair alone, the variance of y among the pairs."""

    class Last(LeastSquares):
        def predict_batch(self, x, y, queries, lengths):
            mean = np.stack([np.repeat(y[:, k - 1 : k], queries.shape[1], axis=1) for k in lengths], axis=1)
            return BatchPrediction(mean, np.full_like(mean, np.nan))

    x, queries = DRAWN.normal(size=(2000, 6, 1)), DRAWN.normal(size=(2000, 3, 1))
    y = DRAWN.normal(size=(2000, 6))
    found = order_variance(Last(), x, y, queries, [6, 1])
    np.testing.assert_allclose(found[:, 0].mean(), y.var(1).mean(), rtol=0.1)
    np.testing.assert_array_equal(found[:, 1], 0.0)
    np.testing.assert_allclose(order_variance(Bayes(MIXTURE), x[:3], y[:3], queries[:3], [6]), 0.0, atol=1e-12)


def test_the_parts_of_the_excess_add_up():
    """Wrong weights of the families are all family-selection, a shrunk answer is both, B is neither; sums are M1."""

    def evenly(bayes, x, y, queries, lengths):
        classes = bayes.classes(x, y, queries, lengths)
        return classes.mean.mean(2), classes.variance.mean(2)

    def disturbed(bayes, x, y, queries, lengths):
        answer = bayes.predict_batch(x, y, queries, lengths)
        return answer.mean + 0.3 * np.sin(40 * queries[:, None, :, 0]), answer.variance

    for change, has in ((evenly, (True, False)), (disturbed, (False, True)), (of_bayes(), (False, False))):
        cells = own_prompts(change)
        sums = cells["excess_selection"] + cells["excess_within"]
        np.testing.assert_allclose(sums, cells["bayes_distance"], atol=1e-10)
        for part, is_there in zip(("excess_selection", "excess_within"), has, strict=True):
            assert (cells[part] > 0.005).all() if is_there else (cells[part] < 0.002).all(), (change, part)
    assert (own_prompts(evenly)["M10"] > 0.01).all(), "being told the family would have helped"


def test_seeds_that_differ_are_seen():
    """M15 between seeds: the variance of two predictors that are p and −p is 2p²."""
    two = [Changed(of_bayes(sign), seed=seed) for seed, sign in enumerate((1.0, -1.0))]
    table = evaluate(two, [], [12], mixture=MIXTURE, tasks=100, queries=16)
    cells = table.metrics()
    square = table.to_pandas().query("predictor == 'model' and seed == 0")["prediction_square"].mean()
    np.testing.assert_allclose(cells["M15_seeds"], 2 * square / cells["variance"], rtol=1e-6)


def test_a_blend_is_the_best_of_its_grid():
    first, second, target = DRAWN.normal(size=(3, 50, 7))
    weight = blend_weight(first, second, target)[:, None]
    error = np.square(weight * first + (1 - weight) * second - target).mean(1)
    for w in np.linspace(0, 1, 101):
        assert (error <= np.square(w * first + (1 - w) * second - target).mean(1) + 1e-12).all()
    classes = np.stack([first, second, target], axis=1)[:, None]
    np.testing.assert_allclose(
        best_blend(classes, target)[:, 0], target, err_msg="of three the pair that comes nearest"
    )


def test_blends_solve_what_averages_solve():
    """M7 of B on the equal combination is above 1: some blend of the classes' means is nearer to the truth than B."""
    table = evaluate([Changed(of_bayes())], Convex(count=3), [12], mixture=MIXTURE, tasks=100, queries=24)
    assert table.metrics().query("strength == 0.5")["M7"].item() > 1
    between = table.metrics(placement="between").query("strength == 0.5")["M7"].item()
    assert between > 1 and between != table.metrics().query("strength == 0.5")["M7"].item()


def test_frequency_response_tells_an_alias():
    """M17 of B, whose sinusoids end at ω = 3: on ω = 3.2 it answers at the end of its range."""
    table = evaluate([Changed(of_bayes())], Frequency(start=2.0, stop=3.3, count=2), [20], mixture=MIXTURE, tasks=60)
    cells = table.metrics().query("probe == 'frequency'").set_index("strength")
    assert np.isnan(cells.loc[2.0, "M17"]) and 0.3 < cells.loc[3.3, "M17"] < 3


class Bent(Family):
    """A family without a closed form: |w·x|."""

    dimension: int = parameter(1, "numbers in an input")

    def draw(self, key):
        return jax.random.normal(key)

    def value(self, task, x):
        return abs(task * x[0])


def test_without_a_posterior_there_are_errors_and_no_verdicts(monkeypatch):
    monkeypatch.setattr(Bent, "label", "bent")
    mixture = Mixture(families=[Bent()])
    with pytest.warns(UserWarning, match="no exact posterior"):
        table = evaluate([LeastSquares(label="model")], [], [3, 8], mixture=mixture, tasks=50, queries=16)
    cells = table.metrics()
    assert np.isfinite(cells["M2"]).all() and cells[["M1", "M3", "M4"]].isna().all(axis=None)
    assert set(cells["verdict"]) == {"undecided"}


def test_without_a_combined_posterior_the_gain_over_bayes_decides(monkeypatch):
    monkeypatch.setattr(Bent, "label", "bent")
    with pytest.warns(UserWarning, match="there is no C"):
        table = evaluate(
            [LeastSquares(label="model"), Changed(of_bayes(), label="copy")],
            Convex(first=Bent(), count=3),
            [12],
            mixture=MIXTURE,
            tasks=60,
            queries=16,
        )
    cells = table.metrics("copy").query("probe.str.startswith('convex') and strength == 0.5", engine="python")
    assert cells["M3"].isna().all() and set(cells["verdict"]) == {"follows Bayes"}
