"""Whom a query looks at, and what its layers know of the family: facts about both."""

import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from offprior.compute.randomness import key_for
from offprior.errors import OffpriorError
from offprior.evaluation.family_read_out import FamilyReadOut, LinearReadOut, accuracy, cross_entropy
from offprior.evaluation.inside_model import Inside
from offprior.families.linear import Linear
from offprior.families.relu_network import ReluNetwork
from offprior.families.sinusoid import Sinusoid
from offprior.mixture import Mixture
from offprior.models.model import Network
from offprior.models.transformer import Transformer
from offprior.networks.attention import attend
from offprior.networks.decoder import Block
from offprior.predictors.bayes import Bayes
from offprior.predictors.pretrained import Pretrained

POINTS, DIMENSION, BATCH, QUERIES, LAYERS, HEADS = 6, 2, 3, 2, 2, 2
SWITCHES = list(itertools.product(["alternating", "paired"], ["causal", "context"], [0, 2]))
LENGTHS = jnp.asarray([6, 4, 0])


# Compiled whole: one at a time, the operations of these networks are thousands of programs.
trace = eqx.filter_jit(lambda network, *prompts: network.trace(*prompts))
curve = eqx.filter_jit(lambda network, *prompts: network.curve(*prompts))


@eqx.filter_jit
def through_head(network, stream):
    return network.head.moments(network.head(stream if network.final_norm is None else network.final_norm(stream)))


@functools.cache
def build(points=POINTS, dimension=DIMENSION, **switches):
    model = Transformer(layers=LAYERS, heads=HEADS, width=16, **switches)
    targets = jax.random.normal(jax.random.key(3), (500,))
    network = model.initialise(jax.random.key(1), dimension=dimension, points=points, targets=targets)
    # Larger weights than at initialisation: heads look at something. And biases: a token of x = 0 or y = 0 would be
    # read in as zeros, and a norm of zeros magnifies rounding ten thousandfold, on each processor in its own way.
    network = jax.tree.map(lambda leaf: leaf * 2 if leaf.ndim >= 2 else leaf, network)
    bias = jax.random.normal(jax.random.key(4), network.read_in.bias.shape)
    return eqx.tree_at(lambda whole: whole.read_in.bias, network, bias)


def pretrained(limit=None, **switches):
    switches = {"positions": "none", **switches}
    return Pretrained(build(dimension=1, **switches), Mixture(), trained_to=POINTS, limit=limit)


@pytest.fixture(scope="module")
def prompts():
    keys = jax.random.split(jax.random.key(0), 3)
    return (
        jax.random.normal(keys[0], (BATCH, POINTS, DIMENSION)),
        jax.random.normal(keys[1], (BATCH, POINTS)),
        jax.random.normal(keys[2], (BATCH, QUERIES, DIMENSION)),
    )


@pytest.mark.parametrize(("tokens", "attention", "instruction"), SWITCHES)
def test_a_query_looks_at_its_context_and_itself_alone(prompts, tokens, attention, instruction):
    network = build(tokens=tokens, attention=attention, instruction=instruction)
    seen = trace(network, *prompts, LENGTHS).attention
    assert seen.pairs.shape == (BATCH, LAYERS, HEADS, QUERIES, POINTS)
    np.testing.assert_allclose(seen.pairs.sum(-1) + seen.own + seen.instruction, 1, atol=1e-6)
    for prompt, length in enumerate(LENGTHS):
        assert (seen.pairs[prompt, ..., :length] > 0).all() and (seen.pairs[prompt, ..., length:] == 0).all()
    assert (seen.own > 0).all() and ((seen.instruction > 0) == bool(instruction)).all()
    if tokens == "paired":
        assert seen.on_x is None and seen.on_y is None
    else:
        np.testing.assert_array_equal(seen.on_x + seen.on_y, seen.pairs)
        assert (seen.on_x[0] > 0).all() and (seen.on_y[0] > 0).all()


@pytest.mark.parametrize(("tokens", "attention", "instruction"), SWITCHES)
def test_a_query_without_scores_looks_at_all_tokens_alike(prompts, tokens, attention, instruction):
    network = build(tokens=tokens, attention=attention, instruction=instruction)
    network = eqx.tree_at(
        lambda whole: [block.projections.weight for block in whole.blocks],
        network,
        [block.projections.weight.at[0].set(0) for block in network.blocks],
    )
    seen = trace(network, *prompts, jnp.full(BATCH, 5)).attention
    a_pair = 2 if tokens == "alternating" else 1
    count = 5 * a_pair + 1 + bool(instruction)
    np.testing.assert_allclose(seen.pairs[..., :5], a_pair / count, rtol=1e-5)
    np.testing.assert_allclose(seen.own, 1 / count, rtol=1e-5)


@pytest.mark.parametrize("head", ["value", "gaussian", "buckets"])
@pytest.mark.parametrize(
    ("tokens", "attention", "positions", "norm"),
    list(itertools.product(["alternating", "paired"], ["causal", "context"], ["learned", "none"], ["pre", "post"])),
)
def test_the_last_stream_through_the_head_is_the_prediction(prompts, tokens, attention, positions, norm, head):
    network = build(tokens=tokens, attention=attention, positions=positions, norm=norm, head=head, buckets=20)
    x, y, queries = prompts
    traced = trace(network, x, y, queries, LENGTHS)
    assert traced.streams.shape == (BATCH, LAYERS + 1, QUERIES, 16)
    last = traced.streams[:, -1]
    read = through_head(network, last)
    for prompt, length in enumerate(LENGTHS):
        one = slice(prompt, prompt + 1)
        answer = curve(network, x[one], y[one], queries[one], length)
        for found in (traced.answer, read):
            np.testing.assert_allclose(found.mean[one], answer.mean, atol=1e-5)
            np.testing.assert_allclose(found.variance[one], answer.variance, atol=1e-5, rtol=1e-5)


def test_the_first_stream_is_the_query_alone(prompts):
    x, y, queries = prompts
    network = build(positions="none")
    streams = trace(network, x, y, queries, LENGTHS).streams
    np.testing.assert_allclose(streams[:, 0], network.read_in(queries), atol=1e-6)
    # One that mixes nothing in leaves what it was given.
    idle = eqx.tree_at(
        lambda whole: [leaf for block in whole.blocks for leaf in (block.output.weight, block.down.weight)],
        network,
        replace_fn=jnp.zeros_like,
    )
    streams = trace(idle, x, y, queries, LENGTHS).streams
    np.testing.assert_array_equal(streams[:, 0], streams[:, -1])


def test_tracing_is_no_other_computation(prompts, monkeypatch):
    """Were the noted weights another code path's, a change to the one that predicts would not reach them."""
    network = build()
    called = []
    forward = Block.__call__

    def counted(self, *arguments, **named):
        called.append(named.get("attend", attend))
        return forward(self, *arguments, **named)

    monkeypatch.setattr(Block, "__call__", counted)
    network.curve(*prompts, jnp.int32(4))
    assert len(called) == LAYERS and set(called) == {attend}
    network.trace(*prompts, LENGTHS)
    assert len(called) == 2 * LAYERS


@pytest.mark.parametrize("tokens", ["alternating", "paired"])
def test_a_permuted_context_permutes_the_attention(tokens):
    """Without positions, and where the context sees all of itself."""
    inside = Inside(pretrained(tokens=tokens, attention="context"))
    x, y = np.linspace(-2, 2, 5), np.asarray([0.3, 1.0, -1.0, 0.2, 2.0])
    order = np.asarray([3, 0, 4, 1, 2])
    found, permuted = inside.attention(x, y, 0.7), inside.attention(x[order], y[order], 0.7)
    np.testing.assert_allclose(found.pairs[..., order], permuted.pairs, atol=5e-6)
    np.testing.assert_allclose(found.own, permuted.own, atol=5e-6)
    assert np.ptp(found.pairs, axis=-1).min() > 1e-3


@pytest.mark.parametrize("length", [0, 1, 5, 20, 21])
def test_filling_up_changes_nothing(length):
    model = pretrained()
    x, y = np.linspace(-2, 2, length), np.cos(np.arange(length))
    found = Inside(model).attention(x, y, 0.5)
    given = (jnp.asarray(a[None], jnp.float32) for a in (x[:, None], y, np.full((1, 1), 0.5)))
    plain = trace(model.network, *given, jnp.asarray([length]))
    assert found.pairs.shape == (LAYERS, HEADS, length) and found.own.shape == (LAYERS, HEADS)
    np.testing.assert_allclose(found.pairs, plain.attention.pairs[0, :, :, 0], atol=5e-6)
    np.testing.assert_allclose(Inside(model).streams(x, y, 0.5), plain.streams[0, :, 0], atol=3e-5)


def test_inputs_may_have_an_axis_and_many_prompts_are_each_their_own():
    inside = Inside(pretrained())
    x, y = np.linspace(-1, 1, 4), np.arange(4.0)
    np.testing.assert_array_equal(inside.streams(x, y, 0.2), inside.streams(x[:, None], y, np.asarray([0.2])))
    lengths = np.asarray([2, 4, 1])
    many = inside.trace(np.tile(x[:, None], (3, 1, 1)), np.tile(y, (3, 1)), np.full((3, 1, 1), 0.2), lengths)
    for place, length in enumerate(lengths):
        np.testing.assert_allclose(many.streams[place, :, 0], inside.streams(x[:length], y[:length], 0.2), atol=3e-5)


class Other(Network):
    """An architecture that does not tell what is inside."""

    def training_loss(self, x, y, keys, compute=jnp.float32, instruction=None):
        raise NotImplementedError

    def curve(self, x, y, queries, length, instruction=None):
        raise NotImplementedError

    def sequence_length(self, points):
        return points


def test_what_cannot_be_looked_into_is_told():
    with pytest.raises(OffpriorError, match="B has no network"):
        Inside(Bayes(Mixture()))
    with pytest.raises(OffpriorError, match=r"define Other\.trace"):
        Inside(Pretrained(Other())).attention(np.ones(3), np.ones(3), 0.0)
    with pytest.raises(OffpriorError, match="up to 6 pairs, got 7"):
        Inside(pretrained(limit=POINTS, positions="learned")).attention(np.ones(7), np.ones(7), 0.0)


@pytest.mark.parametrize("families", [2, 3])
def test_a_read_out_finds_a_family_that_is_there_and_none_that_is_not(families):
    drawn = np.random.default_rng(0)
    family = drawn.integers(0, families, 900)
    features = np.concatenate([np.eye(families)[family], np.ones((900, 1)), drawn.normal(size=(900, 4))], axis=1)
    features = features @ drawn.normal(size=(families + 5, families + 5))
    read = LinearReadOut.fitted(features[:600], family[:600], families)
    probability = read.log_probability(features[600:])
    np.testing.assert_allclose(np.exp(probability).sum(-1), 1)
    assert accuracy(probability, family[600:]) == 1 and cross_entropy(probability, family[600:]) < 0.1
    shuffled = drawn.permutation(family)
    chance = LinearReadOut.fitted(features[:600], shuffled[:600], families).log_probability(features[600:])
    assert abs(accuracy(chance, shuffled[600:]) - 1 / families) < 0.09  # three standard errors
    assert cross_entropy(chance, shuffled[600:]) == pytest.approx(np.log(families), abs=0.03)


def test_a_family_that_was_not_drawn_has_no_probability():
    drawn = np.random.default_rng(1)
    features = drawn.normal(size=(200, 3))
    probability = np.exp(LinearReadOut.fitted(features, 2 * (features[:, 0] > 0), 3).log_probability(features))
    assert (probability[:, 1] == 0).all() and np.isfinite(probability).all()


def fitted(mixture, key="read-out", model=None):
    model = pretrained(attention="context") if model is None else model
    return FamilyReadOut.fitted(model, mixture, key_for(0, key), prompts=480, held_out=240)


@pytest.fixture(scope="module")
def read_out():
    return fitted(Mixture())


def test_no_read_out_beats_the_exact_posterior(read_out):
    assert read_out.accuracy.shape == read_out.cross_entropy.shape == (LAYERS + 1,)
    assert 0.5 < read_out.exact_accuracy <= 1 and 0 < read_out.exact_cross_entropy < np.log(2)
    assert read_out.chance_cross_entropy == pytest.approx(np.log(2))
    assert (read_out.cross_entropy > read_out.exact_cross_entropy - 0.05).all()
    assert (read_out.accuracy < read_out.exact_accuracy + 0.05).all()


def test_the_embedded_query_knows_nothing_and_the_last_layer_something():
    """Of flat and of steep lines, which untrained layers tell apart already."""
    found = fitted(Mixture([Linear(scale=0.05), Linear(scale=5.0)]))
    assert abs(found.accuracy[0] - 0.5) < 0.1 and abs(found.cross_entropy[0] - np.log(2)) < 0.03
    assert found.accuracy[-1] > 0.65 and found.cross_entropy[-1] < np.log(2) - 0.1


def test_what_is_read_of_a_prompt(read_out):
    x = np.linspace(-4, 4, 5)
    found = read_out.read(x, 2 * np.sin(x), 0.5)
    assert found.shape == (LAYERS + 1, 2)
    np.testing.assert_allclose(found.sum(-1), 1)


def test_a_read_out_is_a_function_of_its_key(read_out):
    same, other = fitted(Mixture()), fitted(Mixture(), "other")
    np.testing.assert_array_equal(same.cross_entropy, read_out.cross_entropy)
    assert (other.cross_entropy != read_out.cross_entropy).all()


def test_one_family_has_nothing_to_read():
    assert fitted(Mixture([Linear()])) is None
    assert fitted(Mixture([Linear(), Sinusoid()], weights=[1.0, 0.0])) is None


def test_a_mixture_without_a_closed_form_is_read_all_the_same():
    found = fitted(Mixture([Linear(), ReluNetwork(dimension=1)]))
    assert np.isnan([found.exact_accuracy, found.exact_cross_entropy]).all()
    assert np.isfinite(found.cross_entropy).all() and np.isfinite(found.accuracy).all()
