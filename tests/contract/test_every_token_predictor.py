"""Every predictor of tokens in the catalogue, those to come included."""

import jax
import numpy as np
import pytest
from kinds import TOKEN_PREDICTORS

from offprior import catalog
from offprior.errors import OffpriorError, SettingError
from offprior.evaluation.evaluate import evaluate
from offprior.families.linear import Linear
from offprior.families.markov_chain import MarkovChain
from offprior.families.process_pool import ProcessPool
from offprior.mixture import Mixture
from offprior.predictors.bayes import Bayes
from offprior.probes.in_distribution import InDistribution

MIXTURE = Mixture([ProcessPool(family=MarkovChain(vocabulary=3), size=6)])
LENGTHS = [0, 1, 4, 9]


def build(name):
    return catalog.find("predictors", name)().for_mixture(MIXTURE)


@pytest.fixture(scope="module")
def tokens():
    return np.asarray(MIXTURE.prompts(jax.random.key(2), 200, 9, 1).y, np.int32)


@pytest.mark.parametrize("name", TOKEN_PREDICTORS)
def test_a_token_predictor(name, tokens):
    """Probabilities, repeatable, the same for a sequence alone; without a mixture there are two tokens."""
    predictor = build(name)
    assert predictor.label and predictor.predicts_tokens and predictor.for_mixture(Mixture([Linear()])) is predictor
    found = predictor.next_tokens(tokens, LENGTHS)
    assert found.shape == (200, 4, 3) and (found >= 0).all()
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-6)
    np.testing.assert_array_equal(found, predictor.next_tokens(tokens, LENGTHS))
    np.testing.assert_allclose(found[3:4], predictor.next_tokens(tokens[3:4], LENGTHS), atol=1e-9)
    assert catalog.find("predictors", name)().next_tokens(np.zeros((1, 3), np.int32), [3]).shape == (1, 1, 2)


@pytest.mark.parametrize("name", TOKEN_PREDICTORS)
def test_a_token_predictor_sees_the_past_alone(name, tokens):
    predictor, changed = build(name), tokens.copy()
    changed[:, 4:] = (changed[:, 4:] + 1) % 3
    found, other = (predictor.next_tokens(each, [0, 1, 4]) for each in (tokens, changed))
    np.testing.assert_array_equal(found, other)


@pytest.mark.parametrize("name", TOKEN_PREDICTORS)
def test_a_token_predictor_never_beats_bayes(name):
    """On B's own prior, in the mean over sequences of the divergence from the truth, beyond four standard errors."""
    prompts = MIXTURE.prompts(jax.random.key(5), 400, 9, 1)
    tokens, truth = np.asarray(prompts.y, np.int32), np.asarray(prompts.truth, float)[:, LENGTHS]
    own, other = Bayes(MIXTURE).next_tokens(tokens, LENGTHS), build(name).next_tokens(tokens, LENGTHS)
    excess = (truth * (np.log(other) - np.log(own))).sum(-1)
    assert (excess.mean(0) <= 4 * excess.std(0) / len(excess) ** 0.5 + 1e-9).all()


@pytest.mark.parametrize("name", TOKEN_PREDICTORS)
def test_functions_are_refused_in_a_line(name):
    predictor = catalog.find("predictors", name)()
    with pytest.raises(OffpriorError, match="predicts tokens, not real values"):
        predictor.predict_batch(np.zeros((1, 2, 1)), np.zeros((1, 2)), np.zeros((1, 1, 1)), [2])
    with pytest.raises(SettingError, match=r"predictors.0: .* predicts tokens, but the mixture"):
        evaluate(predictor, InDistribution(), [2], mixture=Mixture([Linear()]), tasks=2)
