"""Every family of functions in the catalogue, those to come included."""

import jax
import numpy as np
import pytest
from kinds import FUNCTION_FAMILIES

from offprior import catalog
from offprior.components import NoClosedForm
from offprior.families.decision_tree import DecisionTree
from offprior.families.family import Family
from offprior.families.gaussian_process import GaussianProcess
from offprior.families.grid import Grid
from offprior.families.heavy_tailed_linear import HeavyTailedLinear
from offprior.families.linear import Linear
from offprior.mixture import Mixture
from offprior.predictors.bayes import Bayes
from offprior.predictors.least_squares import LeastSquares
from offprior.recipe.parts import part_from, plain

NAMES = FUNCTION_FAMILIES
KEY = jax.random.key(7)


def build(name) -> Family:
    return catalog.find("families", name)()


@pytest.mark.parametrize("name", NAMES)
def test_a_family(name):
    """Built with no arguments, captioned in a sentence, the same after a recipe, jit or not, and repeatable."""
    family = build(name)
    assert isinstance(family, Family) and catalog.caption("families", name).endswith(".")
    again = part_from("families", plain(family))
    x = jax.random.normal(jax.random.fold_in(KEY, 1), (12, family.dimension))
    values = family.evaluate(family.draw(KEY), x)
    assert values.shape == (12,) and np.isfinite(values).all()
    np.testing.assert_array_equal(values, family.evaluate(family.draw(KEY), x))
    np.testing.assert_allclose(values, again.evaluate(again.draw(KEY), x), rtol=1e-5, atol=1e-6)
    compiled = jax.jit(lambda key, x: family.evaluate(family.draw(key), x))(KEY, x)
    np.testing.assert_allclose(values, compiled, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(values[3], family.value(family.draw(KEY), x[3]), rtol=1e-4, atol=1e-5)
    assert not np.array_equal(values, family.evaluate(family.draw(jax.random.key(8)), x)), "tasks differ"


@pytest.mark.parametrize("name", NAMES)
def test_a_family_is_drawn_for_each_sequence(name):
    drawn = Mixture(families=[build(name)], noise=0.0).sequences(KEY, 6, 5)
    assert len(np.unique(np.asarray(drawn.values), axis=0)) > 1


@pytest.mark.parametrize("name", NAMES)
def test_exact_evidence_is_the_chance_of_its_own_draws(name):
    """Averaged over its own prompts a family's evidence is above that of the same prior with three times the noise.

    That is Gibbs' inequality: no other density of y explains data better, on average, than the one it came from.
    """
    mixture = Mixture(families=[build(name)], noise=0.3)
    try:
        own, other = Bayes(mixture), Bayes(mixture, noise=0.9)
    except NoClosedForm:
        return
    prompts = mixture.prompts(KEY, 40, 6, 5)
    x, y = np.asarray(prompts.x, np.float64), np.asarray(prompts.y, np.float64)
    queries = np.asarray(prompts.queries, np.float64)
    ours, others = (bayes.classes(x, y, queries, [0, 6]) for bayes in (own, other))
    assert np.mean(ours.log_evidence[:, 1, 0] - others.log_evidence[:, 1, 0]) > 0
    assert own.log_evidence(x[0], y[0]) == pytest.approx(ours.log_evidence[0, 1, 0], rel=1e-6)
    answer = own.predict_batch(x, y, queries, [0, 6])
    errors = np.square(answer.mean - np.asarray(prompts.truth)[:, None]).mean((0, 2))
    assert errors[1] < errors[0], "a context helps"
    assert (answer.variance >= -1e-9).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_no_panel_member_beats_bayes_on_its_own_prior(name):
    """Least squares, B of other noise, B of other families: their squared errors, paired over prompts, are no smaller.

    By more than three standard errors, that is. Families whose B is approximate, and says so, are held to the same.
    """
    assert_unbeaten(build(name))


def test_nor_on_that_of_a_small_decision_tree():
    """The tree of the catalogue's defaults has no closed form; this one has."""
    family = DecisionTree(dimension=2, depth=2)
    assert family.components().node_count > 1
    assert_unbeaten(family)


def assert_unbeaten(family: Family):
    mixture = Mixture(families=[family], noise=0.3)
    try:
        bayes = Bayes(mixture)
    except NoClosedForm:
        return
    d = mixture.dimension
    others = [Linear(dimension=d), Linear(dimension=d, intercept=True, scale=0.3), HeavyTailedLinear(dimension=d)]
    others += [GaussianProcess(), Grid()] if d == 1 else []
    panel = [LeastSquares(), *(Bayes(mixture, noise=noise) for noise in (0.1, 0.9))]
    panel += [Bayes(Mixture(families=[family], noise=0.3)) for family in others]
    x, y, queries, truth = (np.asarray(part, np.float64) for part in mixture.prompts(KEY, 60, 8, 6)[:4])
    ours, *theirs = (
        np.square(one.predict_batch(x, y, queries, [1, 3, 8]).mean - truth[:, None]).mean(2) for one in (bayes, *panel)
    )
    for errors in theirs:
        excess = ours - errors
        assert (excess.mean(0) <= 3 * excess.std(0) / len(x) ** 0.5 + 1e-9).all()


def test_catalogue_has_the_families():
    assert {"linear", "sinusoid", "grid", "combination"} <= set(NAMES)
