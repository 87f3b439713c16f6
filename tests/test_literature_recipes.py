"""Recipes of the literature: what they promise of their prompts and their cost, and the traps of their neighbours."""

import re

import jax
import numpy as np
import pytest

from offprior.compute.randomness import key_for
from offprior.predictors.bayes import Bayes
from offprior.predictors.least_squares import LeastSquares
from offprior.probes.convex import Convex
from offprior.recipe import file as recipe_file
from offprior.recipe.recipe import from_mapping, read

PAPERS = (
    "selection", "garg-2022", "garg-2022-sparse", "garg-2022-network", "garg-2022-tree", "raventos-2023", "kwon-2025",
    "goddard-2025", "wang-2024", "zhang-2025", "mueller-2024", "deepmind-2023", "deepmind-2023-weights", "bridge",
)  # fmt: skip
STEPS_A_SECOND = 25
"""Of 64 prompts of 82 tokens, 3 layers and width 64, on two cores."""
BUDGET = 240
"""Seconds of training; the rest of a recipe's minutes compiles and probes each of its models."""
LONGER = ("deepmind-2023-small",)
"""Small recipes that train for longer, and say so."""
OURS = ("instruction-token", "model-sizes", "noise-map", "train-test-matrix", "training-trajectory")
SMALL = [name for name in recipe_file.built_in() if name in OURS or (name.endswith("-small") and name not in LONGER)]


def raw(name):
    path, label = recipe_file.locate(name)
    return recipe_file.read_mapping(path, label)


def without_study(name, **changes):
    """The recipe at no place of its study, read with some of the mixture's settings changed."""
    given = {key: value for key, value in raw(name).items() if key not in ("study", "specialists")}
    given["mixture"] = {**given["mixture"], **changes}
    return from_mapping(given, name)


def places_of(name):
    """How many models a study trains; one along training has no places."""
    study = raw(name).get("study", {})
    return len(study.get("places", [])) + len(study.get("values", [])) + study.get("bisect", 0)


def models(name):
    given = raw(name)
    return max(places_of(name), 1) * (1 + len(given["mixture"]["families"]) if given.get("specialists") else 1)


@pytest.mark.parametrize("name", PAPERS)
def test_every_paper_has_a_small_recipe(name):
    assert {name, f"{name}-small"} <= set(recipe_file.built_in())
    assert "laim" in read_text(f"{name}-small") or name in ("deepmind-2023",)


def read_text(name):
    return raw(name)["expected"]


@pytest.mark.parametrize("name", SMALL)
def test_small_recipes_fit_their_minutes(name):
    """Time is in proportion to prompts, tokens, layers and the square of the width."""
    recipe = without_study(name)
    training, model = recipe.training, recipe.model
    tokens = (2 if model.tokens == "alternating" else 1.6) * (training.points + 1)
    work = training.steps * training.batch / 64 * tokens / 82 * model.layers / 3 * (model.width / 64) ** 2
    assert models(name) * work / STEPS_A_SECOND <= BUDGET
    assert re.match("under (six|ten|fifteen|twenty) minutes on two cores", raw(name)["cost"]), "twenty at most"


def test_every_prompt_draws_its_family_and_its_task():
    """Neighbours draw the family once a batch, and tasks once before the loop."""
    mixture = without_study("selection-small").mixture
    first, second = (mixture.sequences(key_for(0, "training", step), 64, 6) for step in (0, 1))
    assert 20 < int(np.sum(first.family == 0)) < 44
    slopes = [np.linalg.lstsq(x, y, rcond=None)[0] for x, y in zip(first.x, first.y, strict=True)]
    assert len(np.unique(np.round(slopes, 4), axis=0)) == 64
    assert not np.isclose(first.y, second.y).any()


def test_selection_has_values_of_one_variance_whatever_matters():
    """Raw squared errors of families of different scales would be an average of the larger."""
    for name in ("selection", "selection-small"):
        mixture = without_study(name).mixture
        drawn = mixture.prompts(jax.random.key(0), 4000, 1, 8)
        for family in (0, 1):
            assert np.var(np.asarray(drawn.truth)[drawn.family == family]) == pytest.approx(1.0, rel=0.1)


def test_normalised_sparsity_is_dense_at_its_end():
    for name in ("selection", "selection-small"):
        recipe = without_study(name)
        probe = recipe.probes[1]
        inside = [s for s in probe.strengths(recipe.mixture) if probe.inside(s, recipe.mixture)]
        assert inside == [recipe.mixture.families[1].sparsity, recipe.mixture.dimension]
        assert probe.label == "sparsity, normalised"
        for s in (1.0, recipe.mixture.dimension):
            values = probe.path(s, recipe.mixture).prompts(jax.random.key(1), 4000, 1, 8).truth
            assert np.var(np.asarray(values)) == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize("name", ["zhang-2025", "zhang-2025-small"])
def test_a_share_of_combinations_is_what_it_says(name):
    """Weights that are ignored, and a probe that is inside the prior without saying so, or says so and is not."""
    none = without_study(name).mixture
    some = without_study(name, weights=[0.225, 0.225, 0.225, 0.225, 0.1]).mixture
    families = np.asarray(none.sequences(jax.random.key(0), 4000, 2).family)
    assert (np.bincount(families, minlength=5)[:4] > 900).all() and not (families == 4).any()
    share = np.mean(np.asarray(some.sequences(jax.random.key(0), 4000, 2).family) == 4)
    assert share == pytest.approx(0.1, abs=0.02)
    assert not Convex().inside(0.5, none) and Convex().inside(0.5, some)


def test_a_product_of_the_first_two_is_inside_the_prior_and_the_other_is_not():
    recipe = without_study("zhang-2025-small")
    errors = []
    for probe in recipe.probes[1:3]:
        prompts = probe.distribution(1.0, recipe.mixture).prompts(jax.random.key(3), 32, 10, 16)
        x, y, queries, truth = (np.asarray(part, np.float64) for part in prompts[:4])
        mean = Bayes(recipe.mixture).predict_batch(x, y, queries, [10]).mean[:, 0]
        errors.append(np.mean((mean - truth) ** 2) / np.var(truth))
    assert errors[0] < 1e-3 and errors[1] > 0.1


def test_the_raw_errors_of_wang_2024_are_of_their_scale():
    """Answering 0 has a squared error of 20, and of 180 where x is three times as large."""
    recipe = without_study("wang-2024")
    probe = recipe.probes[0]
    for scale, expected in ((1.0, 20.0), (3.0, 180.0)):
        truth = np.asarray(probe.distribution(scale, recipe.mixture).prompts(jax.random.key(2), 3000, 1, 8).truth)
        assert np.mean(truth**2) == pytest.approx(expected, rel=0.08)


def test_the_span_is_where_the_union_is_not():
    """The positive control controls something: B fails inside the span of what it knows, least squares does not."""
    recipe = without_study("kwon-2025-small")
    probe = recipe.probes[0]
    prompts = probe.distribution(45.0, recipe.mixture).prompts(jax.random.key(5), 64, 16, 16)
    x, y, queries, truth = (np.asarray(part, np.float64) for part in prompts[:4])
    errors = [
        np.mean((predictor.predict_batch(x, y, queries, [16]).mean[:, 0] - truth) ** 2) / np.var(truth)
        for predictor in (Bayes(recipe.mixture), LeastSquares())
    ]
    assert errors[0] > 0.2 and errors[1] < 0.05


@pytest.mark.parametrize("name", [name for name in recipe_file.built_in() if places_of(name)])
def test_no_place_of_a_study_is_another(name):
    """Settings that are ignored would make two places the same experiment."""
    recipe = read(name)
    found = [recipe.at_place(place, number).fingerprint() for number, place in enumerate(recipe.study.places)]
    assert len(set(found)) == len(found) >= 2
