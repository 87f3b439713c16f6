"""Noise that is not normal, and mixtures that differ in one setting."""

# pyright: reportAttributeAccessIssue=false
import jax
import numpy as np
import pytest
from compilations import programs_compiled
from scipy import stats

from offprior.errors import SettingError
from offprior.evaluation.evaluate import evaluate
from offprior.families.linear import Linear
from offprior.input_laws.evenly import Evenly
from offprior.laws.normal import Normal
from offprior.mixture import Mixture, draw_prompts, draw_sequences
from offprior.predictors.least_squares import LeastSquares
from offprior.probes.in_distribution import InDistribution
from offprior.recipe.parts import plain
from offprior.recipe.recipe import Recipe, read

KEY = jax.random.key(2)
# As version 0.1.0 drew them before mixtures had a law of noise.
BEFORE = [[1.1738998, -1.3686674, -0.36391854], [0.91425401, 3.1875954, 1.0629505]]
EVEN_BEFORE = [[1.158293, -1.5891341, 0.21537916], [0.80275822, 0.060337923, -0.89212662]]


def noise(**settings):
    batch = draw_sequences(Mixture(noise=0.5, **settings), KEY, 4000, 10)
    return np.asarray(batch.y - batch.values, np.float64).ravel()


@pytest.mark.parametrize("degrees", [3.0, 5.0, 1.5])
def test_students_noise_has_its_law(degrees):
    """Of the standard deviation `noise` where there is one, and the plain law times `noise` where there is none."""
    scale = 0.5 * np.sqrt((degrees - 2) / degrees) if degrees > 2 else 0.5
    drawn = noise(noise_degrees=degrees)
    assert stats.kstest(drawn / scale, stats.t(degrees).cdf).pvalue > 1e-3
    assert stats.kstest(drawn / 0.5, stats.norm.cdf).pvalue < 1e-6


def test_normal_noise_is_bit_for_bit_what_it_was():
    """A run's fingerprint and batches are those of before there was another law of noise."""
    assert "noise_degrees" not in plain(Mixture()) and plain(Mixture(noise_degrees=4.0))["noise_degrees"] == 4.0
    y = np.asarray(draw_sequences(Mixture(), jax.random.key(0), 2, 3).y)
    np.testing.assert_allclose(y, BEFORE, rtol=1e-5)
    even = draw_prompts(Mixture(inputs=Evenly()), jax.random.key(0), 2, 3, 2)
    np.testing.assert_allclose(even.y, EVEN_BEFORE, rtol=1e-5)
    assert read("mueller-2023", ["training.trajectory=0"]).fingerprint() == "7e4ad6b63227"


def test_degrees_are_a_leaf_and_are_bounded():
    draw_sequences(Mixture(noise_degrees=4.0), KEY, 4, 3)
    programs = programs_compiled()
    draw_sequences(Mixture(noise_degrees=9.0), KEY, 4, 3)
    assert programs_compiled() == programs
    with pytest.raises(SettingError, match=r"noise_degrees: -1.* above 0"):
        Mixture(noise_degrees=-1.0)


def test_a_changed_mixture_keeps_the_rest():
    mixture = Mixture(weights=[0.2, 0.8], inputs=Normal(), noise=0.3, noise_floor=0.01, noise_degrees=4.0)
    assert plain(mixture.changed()) == plain(mixture)
    changed = mixture.changed(noise=0.0)
    assert plain(changed) == {**plain(mixture), "noise": 0.0}
    lines = mixture.changed(families=[Linear(), Linear(scale=2.0)])
    np.testing.assert_allclose(lines.weights, [0.5, 0.5])
    assert lines.noise_degrees == 4.0 and lines.inputs == Normal()


def test_exact_predictors_say_that_they_take_noise_for_normal():
    with pytest.warns(UserWarning, match="Student's t, but B and C assume normal noise"):
        evaluate(
            [LeastSquares()], InDistribution(), [4], mixture=Mixture([Linear()], noise_degrees=4.0), tasks=8, queries=4
        )


def test_specialists_and_panels_have_the_mixtures_own_noise(monkeypatch):
    """Whatever the mixture's noise is: nothing made of a mixture falls back to normal noise."""
    from types import SimpleNamespace

    from offprior.commands.recipe_run import family_mixtures
    from offprior.evaluation import prediction_panels
    from offprior.predictors.predictor import BatchPrediction

    flat = [Linear(scale=1e-6), Linear(scale=1e-6)]  # so that a panel's y are its noise
    mixture = Mixture(flat, inputs=(-1.0, 1.0), noise=0.5, noise_floor=0.2, noise_degrees=0.3)
    for alone in family_mixtures(mixture).values():
        assert plain(alone) == {**plain(mixture), "families": [plain(flat[0])], "weights": [1.0]}

    def silent(x, y, queries, lengths):
        return BatchPrediction(*np.zeros((2, len(x), len(lengths), queries.shape[1])))

    model = SimpleNamespace(predict_batch=silent, label="model", seed=0)
    evaluation = SimpleNamespace(lengths=(20,), seed=0)
    monkeypatch.setattr(prediction_panels, "references_of", lambda *_: (None, False))
    largest = {}
    for degrees in (None, 0.3):
        parts = {"mixture": mixture.changed(noise_degrees=degrees), "evaluation": evaluation, "probes": []}
        rows = prediction_panels.panels(model, Recipe.model_construct(**parts))
        largest[degrees] = rows[rows["series"] == "context"].groupby("panel")["y"].apply(lambda y: y.abs().max())
    assert (largest[None] < 3).all() and (largest[0.3] > 100).all() and len(largest[0.3]) == 3
