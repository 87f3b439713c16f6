"""Every predictor of the catalogue, those to come included."""

import equinox as eqx
import jax
import numpy as np
import pytest
from kinds import FUNCTION_PREDICTORS

from offprior import catalog
from offprior.errors import SettingError
from offprior.mixture import Mixture
from offprior.parameter import fields_of
from offprior.predictors.bayes import Bayes
from offprior.predictors.predictor import Predictor
from offprior.recipe.parts import part_from, plain

NAMES = catalog.names("predictors")
MIXTURE = Mixture()
LENGTHS = [1, 4, 9]
SEE_ORDER = {"pretrained"}
"""Those to whom the order of a context may make a difference: a causal network."""


@pytest.fixture(scope="module")
def prompts():
    drawn = MIXTURE.prompts(jax.random.key(2), 64, 9, 8)
    return tuple(np.asarray(part, np.float64) for part in drawn[:4])


@pytest.mark.parametrize("name", FUNCTION_PREDICTORS)
def test_a_predictor(name, prompts):
    """Built with no arguments, captioned, finite, repeatable, and one answer whether asked alone or in a batch."""
    predictor = catalog.find("predictors", name)()
    assert isinstance(predictor, Predictor) and catalog.caption("predictors", name).endswith(".")
    assert predictor.label
    x, y, queries, _ = (part[:3] for part in prompts)
    answer = predictor.predict_batch(x, y, queries, LENGTHS)
    assert answer.mean.shape == answer.variance.shape == (3, 3, 8)
    assert np.isfinite(answer.mean).all() and not (answer.variance < -1e-9).any()
    np.testing.assert_array_equal(answer.mean, predictor.predict_batch(x, y, queries, LENGTHS).mean)
    alone = predictor.predict(x[1], y[1], queries[1])
    np.testing.assert_allclose(alone.mean, answer.mean[1, -1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", FUNCTION_PREDICTORS)
def test_a_predictor_sees_its_context_only(name, prompts):
    predictor = catalog.find("predictors", name)()
    x, y, queries, _ = (part[:3].copy() for part in prompts)
    before = predictor.predict_batch(x, y, queries, [4]).mean
    x[:, 4:], y[:, 4:] = 7.0, -7.0
    np.testing.assert_allclose(before, predictor.predict_batch(x, y, queries, [4]).mean, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", FUNCTION_PREDICTORS)
def test_a_predictor_answers_without_any_context(name, prompts):
    """The same for every prompt where the queries are: 0, or what its docstring says of no context."""
    predictor = catalog.find("predictors", name)()
    x, y, queries, _ = (part[:3] for part in prompts)
    answer = predictor.predict_batch(x, y, queries[:1].repeat(3, axis=0), [0, 4])
    assert np.isfinite(answer.mean).all()
    np.testing.assert_allclose(answer.mean[:, 0], answer.mean[:1, 0].repeat(3, axis=0), rtol=1e-4, atol=1e-5)
    assert not (answer.variance < -1e-9).any()


@pytest.mark.parametrize("name", [name for name in FUNCTION_PREDICTORS if name not in SEE_ORDER])
def test_the_order_of_a_context_makes_no_difference(name, prompts):
    predictor = catalog.find("predictors", name)()
    x, y, queries, _ = (part[:3] for part in prompts)
    order = np.random.default_rng(0).permutation(9)
    one, other = (predictor.predict_batch(x[:, o], y[:, o], queries, [9]) for o in (np.arange(9), order))
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(one.variance, other.variance, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("name", FUNCTION_PREDICTORS)
def test_a_predictor_is_told_of_the_mixture(name, prompts):
    """It is a predictor still, with the same label, and answers prompts of that mixture."""
    predictor = catalog.find("predictors", name)()
    bound = predictor.for_mixture(MIXTURE)
    assert isinstance(bound, Predictor) and bound.label == predictor.label
    x, y, queries, _ = (part[:3] for part in prompts)
    assert np.isfinite(bound.predict_batch(x, y, queries, [4]).mean).all()


def test_no_two_predictors_have_one_label():
    labels = [catalog.find("predictors", name)().label for name in NAMES]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_can_name_a_predictor_or_says_why_not(name):
    kind = catalog.find("predictors", name)
    if kind.outside_recipes:
        with pytest.raises(SettingError, match=f"cannot be named in a recipe: {kind.outside_recipes}"):
            part_from("predictors", name)
        return
    built = part_from("predictors", name)
    assert {"label"} <= {info.name for info in fields_of(kind)}
    assert not built.trained, "a recipe's predictors have no training seed"
    again = part_from("predictors", plain(built))
    assert type(again) is kind and plain(again) == plain(built) and bool(eqx.tree_equal(again, built))


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTION_PREDICTORS)
def test_nobody_beats_bayes_on_its_own_prior(name, prompts):
    """Squared errors, paired over prompts: B's mean is not above anybody's by more than three standard errors."""
    x, y, queries, truth = prompts
    both = Bayes(MIXTURE), catalog.find("predictors", name)()
    means = [each.predict_batch(x, y, queries, LENGTHS).mean for each in both]
    errors = [np.square(mean - truth[:, None]).mean(2) for mean in means]
    excess = errors[0] - errors[1]
    assert (excess.mean(0) <= 3 * excess.std(0) / len(x) ** 0.5 + 1e-12).all()
