"""Every family of token sources in the catalogue, those to come included."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from kinds import TOKEN_FAMILIES

from offprior import catalog
from offprior.components import NoClosedForm
from offprior.families.process_pool import ProcessPool
from offprior.mixture import Mixture
from offprior.parameter import fields_of
from offprior.posterior.token_posterior import token_posterior
from offprior.recipe.parts import part_from, plain

KEY = jax.random.key(3)
LENGTH = 4
EVERY = np.asarray(list(itertools.product(range(4), repeat=LENGTH)), np.int32)


def build(name):
    """A small one: four tokens, whose sequences can all be enumerated."""
    kind = catalog.find("families", name)
    settings = {info.name for info in fields_of(kind)}
    small = {"vocabulary": 4, "arcs": 3, "states": 3, "size": 5, "moved": 3}
    inner = {
        "first": ProcessPool(family=part_from("families", {"name": "markov-chain", "vocabulary": 4}), size=3),
        "second": ProcessPool(family=part_from("families", {"name": "unigram-source", "vocabulary": 4}), size=3),
        "family": part_from("families", {"name": "markov-chain", "vocabulary": 4}),
    }
    return kind(**{key: value for key, value in {**small, **inner}.items() if key in settings})


def exact(name):
    """The family with an exact posterior: itself, or a pool of it."""
    family = build(name)
    try:
        token_posterior(family, EVERY[:1])
    except NoClosedForm:
        return ProcessPool(family=family, size=5)
    return family


@pytest.mark.parametrize("name", TOKEN_FAMILIES)
def test_a_token_process(name):
    """Captioned, the same after a recipe, repeatable; its draws are tokens, its probabilities sum to 1."""
    family = build(name)
    assert catalog.caption("families", name).endswith(".")
    assert plain(part_from("families", plain(family))) == plain(family)
    task = family.draw(KEY)
    tokens = family.sequence(task, KEY, 12)
    np.testing.assert_array_equal(tokens, family.sequence(family.draw(KEY), KEY, 12))
    assert tokens.shape == (12,) and set(np.asarray(tokens).tolist()) <= set(range(4))
    probabilities = np.asarray(family.next_tokens(task, tokens))
    assert probabilities.shape == (13, 4) and (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert (probabilities[np.arange(12), np.asarray(tokens)] > 0).all(), "it draws only what it says is possible"
    drawn = Mixture([family]).sequences(KEY, 64, 12)
    assert len(np.unique(np.asarray(drawn.y), axis=0)) > 1


@pytest.mark.parametrize("name", TOKEN_FAMILIES)
def test_draws_have_the_probabilities_that_are_said(name):
    """Of one task, drawn many times: the frequency of each token at each place, within five standard errors."""
    family, count = build(name), 4000
    task = family.draw(KEY)
    drawn = jax.jit(jax.vmap(lambda key: family.sequence(task, key, LENGTH)))(jax.random.split(KEY, count))
    said = jax.jit(jax.vmap(lambda tokens: family.next_tokens(task, tokens)))(drawn)[:, :-1]
    seen = jax.nn.one_hot(drawn, 4)
    spread = np.sqrt((np.asarray(said) * (1 - np.asarray(said))).sum(0)) + 1
    assert (np.abs(np.asarray(seen - said).sum(0)) <= 5 * spread).all()


@pytest.mark.parametrize("name", TOKEN_FAMILIES)
def test_reach_is_how_far_back_it_looks(name):
    """Two prefixes that end alike are followed alike."""
    family = build(name)
    if family.reach is None:
        return
    task, ends = family.draw(KEY), EVERY[:: 4 ** (LENGTH - 1 - family.reach)]
    for begin in (0, 3):
        begun = np.concatenate([np.full((len(ends), 2), begin, np.int32), ends], axis=1)
        after = np.asarray(jax.jit(jax.vmap(lambda tokens: family.next_tokens(task, tokens)))(begun))[:, -1]
        first = after if begin == 0 else first
    np.testing.assert_allclose(first, after, atol=1e-6)


@pytest.mark.parametrize("name", TOKEN_FAMILIES)
def test_the_evidence_of_all_sequences_sums_to_one(name):
    """At every length; and each predictive is the ratio of two evidences."""
    found = token_posterior(exact(name), EVERY)
    for length in range(LENGTH + 1):
        _, first = np.unique(EVERY[:, :length], axis=0, return_index=True)
        assert np.exp(found.log_evidence[first, length]).sum() == pytest.approx(1, abs=1e-6)
        if length < LENGTH:
            step = (
                np.exp(found.log_evidence[:, length + 1])
                - np.exp(found.log_evidence[:, length])
                * (found.predictive[np.arange(len(EVERY)), length, EVERY[:, length]])
            )
            np.testing.assert_allclose(step, 0, atol=1e-12)


@pytest.mark.parametrize("name", TOKEN_FAMILIES)
def test_the_evidence_is_the_mean_over_tasks(name):
    """A sequence's evidence is the mean over drawn tasks of its probability, within five standard errors."""
    family = exact(name)
    some = EVERY[:: 4**2]
    evidence = np.exp(token_posterior(family, some).log_evidence[:, -1])

    @jax.jit
    @jax.vmap
    def probabilities(key):
        task = family.draw(key)
        said = jax.vmap(lambda tokens: family.next_tokens(task, tokens))(some)
        return jnp.take_along_axis(said[:, :-1], some[..., None], axis=2)[..., 0].prod(1)

    drawn = np.asarray(probabilities(jax.random.split(KEY, 400)))
    assert (np.abs(drawn.mean(0) - evidence) <= 5 * drawn.std(0) / len(drawn) ** 0.5 + 1e-9).all()


@pytest.mark.parametrize("name", TOKEN_FAMILIES)
def test_nobody_beats_its_posterior_on_its_own_draws(name):
    """Of four predictors, paired over prompts: B's divergence from the truth is no larger beyond noise."""
    family = exact(name)
    prompts = Mixture([family]).prompts(KEY, 300, 12, 1)
    tokens, truth = np.asarray(prompts.y, np.int32), np.asarray(prompts.truth, float)
    own = token_posterior(family, tokens).predictive
    others = [np.full_like(own, 1 / family.vocabulary)]
    others += [token_posterior(exact(other), tokens).predictive for other in ("markov-chain", "unigram-source")]
    for other in others:
        with np.errstate(divide="ignore", invalid="ignore"):
            excess = np.where(truth > 0, truth * (np.log(other) - np.log(own)), 0).sum(-1)[:, [4, 12]]
        assert (excess.mean(0) <= 4 * excess.std(0) / len(excess) ** 0.5 + 1e-9).all()
