"""Every predictor of the catalogue, those to come included."""

import jax
import numpy as np
import pytest

from offprior import catalog
from offprior.mixture import Mixture
from offprior.predictors.bayes import Bayes
from offprior.predictors.predictor import Predictor

NAMES = catalog.names("predictors")
MIXTURE = Mixture()
LENGTHS = [1, 4, 9]


@pytest.fixture(scope="module")
def prompts():
    drawn = MIXTURE.prompts(jax.random.key(2), 64, 9, 8)
    return tuple(np.asarray(part, np.float64) for part in drawn[:4])


@pytest.mark.parametrize("name", NAMES)
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


@pytest.mark.parametrize("name", NAMES)
def test_a_predictor_sees_its_context_only(name, prompts):
    predictor = catalog.find("predictors", name)()
    x, y, queries, _ = (part[:3].copy() for part in prompts)
    before = predictor.predict_batch(x, y, queries, [4]).mean
    x[:, 4:], y[:, 4:] = 7.0, -7.0
    np.testing.assert_allclose(before, predictor.predict_batch(x, y, queries, [4]).mean, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_nobody_beats_bayes_on_its_own_prior(name, prompts):
    """Squared errors, paired over prompts: B's mean is not above anybody's by more than three standard errors."""
    x, y, queries, truth = prompts
    both = Bayes(MIXTURE), catalog.find("predictors", name)()
    means = [each.predict_batch(x, y, queries, LENGTHS).mean for each in both]
    errors = [np.square(mean - truth[:, None]).mean(2) for mean in means]
    excess = errors[0] - errors[1]
    assert (excess.mean(0) <= 3 * excess.std(0) / len(x) ** 0.5 + 1e-12).all()
