"""The transformer sees what it may and nothing else, in every combination of its switches."""

import functools
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from offprior.errors import SettingError
from offprior.models.transformer import Transformer

POINTS, DIMENSION, BATCH, QUERIES = 7, 2, 3, 5
LAYOUTS = list(itertools.product(["alternating", "paired"], ["causal", "context"], ["learned", "none"]))
CAUSAL = list(itertools.product(["alternating", "paired"], ["learned", "none"]))


# Compiled whole: one at a time, the operations of these networks are thousands of programs.
curve = eqx.filter_jit(lambda network, *prompts, **named: network.curve(*prompts, **named))
training_loss = eqx.filter_jit(lambda network, *prompts, **named: network.training_loss(*prompts, **named))


@functools.cache
def build(dimension=DIMENSION, points=POINTS, **switches):
    model = Transformer(layers=2, heads=2, width=16, **switches)
    targets = jax.random.normal(jax.random.key(3), (2000,))
    network = model.initialise(jax.random.key(1), dimension=dimension, points=points, targets=targets)
    # Larger weights than at initialisation make a leak visible.
    return jax.tree.map(lambda leaf: leaf * 1.3 if leaf.ndim >= 2 else leaf, network)


@pytest.fixture(scope="module")
def prompts():
    keys = jax.random.split(jax.random.key(0), 3)
    return (
        jax.random.normal(keys[0], (BATCH, POINTS, DIMENSION)),
        jax.random.normal(keys[1], (BATCH, POINTS)),
        jax.random.normal(keys[2], (BATCH, QUERIES, DIMENSION)),
    )


def count(network):
    frozen = sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(network, network.frozen())))
    return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(network, eqx.is_array))) - frozen


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        (Transformer.presets["deepmind"], 9_504_257),
        ({"layers": 6, "heads": 4, "width": 128}, 1_203_201),
        ({"layers": 3, "heads": 2, "width": 64}, 156_737),
    ],
)
def test_parameter_counts_are_those_of_garg_2022(switches, expected):
    network = eqx.filter_eval_shape(
        lambda: Transformer(**switches).initialise(
            jax.random.key(0), dimension=20, points=40, targets=jnp.linspace(-1.0, 1.0, 9)
        )
    )
    assert sum(leaf.size for leaf in jax.tree.leaves(network)) == expected


def test_mueller_preset_has_082_million_trained_parameters():
    network = Transformer.preset("mueller").initialise(
        jax.random.key(0), dimension=1, points=40, targets=jax.random.normal(jax.random.key(1), (5000,))
    )
    assert count(network) == 820_456


@pytest.mark.parametrize(("tokens", "attention", "positions"), LAYOUTS)
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_curve_equals_one_query_at_a_time(prompts, tokens, attention, positions, norm):
    network = build(tokens=tokens, attention=attention, positions=positions, norm=norm)
    x, y, queries = prompts
    length = jnp.int32(4)
    together = curve(network, x, y, queries, length).mean
    alone = [curve(network, x, y, queries[:, i : i + 1], length).mean[:, 0] for i in range(QUERIES)]
    np.testing.assert_allclose(together, np.stack(alone, axis=1), atol=1e-5)


@pytest.mark.parametrize(("tokens", "attention", "positions"), LAYOUTS)
def test_pairs_beyond_the_context_length_are_not_seen(prompts, tokens, attention, positions):
    network = build(tokens=tokens, attention=attention, positions=positions)
    x, y, queries = prompts
    other_x, other_y = x.at[:, 4:].add(10.0), y.at[:, 4:].add(-10.0)
    length = jnp.int32(4)
    np.testing.assert_array_equal(
        curve(network, x, y, queries, length).mean, curve(network, other_x, other_y, queries, length).mean
    )
    short = curve(network, x[:, :4], y[:, :4], queries, length).mean
    np.testing.assert_allclose(curve(network, x, y, queries, length).mean, short, atol=1e-5)
    changed = curve(network, x, y.at[:, 3].add(3.0), queries, length).mean
    assert np.abs(changed - short).max() > 1e-3, "the context is seen"


@pytest.mark.parametrize(("tokens", "positions"), CAUSAL)
def test_no_leak_from_the_future_in_the_training_pass(prompts, tokens, positions):
    """The loss at position i depends on earlier pairs only, and on its own y only as the target."""
    network = build(tokens=tokens, attention="causal", positions=positions)
    x, y, _ = prompts

    def losses(x, y):
        return training_loss(network, x, y, jax.random.split(jax.random.key(0), x.shape[0]))[0]

    for i in range(POINTS):
        of_x, of_y = jax.grad(lambda x, y, i=i: losses(x, y)[:, i].sum(), argnums=(0, 1))(x, y)
        assert np.all(np.asarray(of_x[:, i + 1 :]) == 0)
        assert np.all(np.asarray(of_y[:, i + 1 :]) == 0)
        if i > 0:
            assert np.abs(of_y[:, :i]).max() > 0, "earlier pairs are seen"
        # The pair's own y is the target, and nothing but the target: the loss is (p − y)², so ∂/∂y is −2(p − y).
        np.testing.assert_allclose(np.square(of_y[:, i] / 2), losses(x, y)[:, i], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("tokens", "positions"), CAUSAL)
def test_training_pass_of_a_causal_model_is_the_curve_at_every_length(prompts, tokens, positions):
    network = build(tokens=tokens, attention="causal", positions=positions)
    x, y, _ = prompts
    losses, wanted = training_loss(network, x, y, jax.random.split(jax.random.key(0), x.shape[0]))
    assert bool(wanted.all())
    for length in range(POINTS):
        mean = curve(network, x, y, x[:, length : length + 1], jnp.int32(length)).mean[:, 0]
        np.testing.assert_allclose(losses[:, length], np.square(mean - y[:, length]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("tokens", ["alternating", "paired"])
def test_training_pass_of_a_context_model_sees_no_query_target(prompts, tokens):
    network = build(tokens=tokens, attention="context", positions="none")
    x, y, _ = prompts
    points = network.sequence_length(POINTS)
    keys = jax.random.split(jax.random.key(8), 2)
    x, y = jax.random.normal(keys[0], (BATCH, points, DIMENSION)), jax.random.normal(keys[1], (BATCH, points))
    losses, wanted = training_loss(network, x, y, jax.random.split(jax.random.key(5), x.shape[0]))
    assert bool(wanted[:, POINTS:].all()), "beyond the longest context everything is a query"
    for row in range(BATCH):
        length = int((~wanted[row]).sum())
        others = curve(network, x[row : row + 1], y[row : row + 1], x[row : row + 1, length:], jnp.int32(length)).mean[
            0
        ]
        np.testing.assert_allclose(losses[row, length:], np.square(others - y[row, length:]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_paired_context_model_is_permutation_invariant(prompts, norm):
    network = build(tokens="paired", attention="context", positions="none", norm=norm)
    x, y, queries = prompts
    order = jax.random.permutation(jax.random.key(2), POINTS)
    length = jnp.int32(POINTS)
    np.testing.assert_allclose(
        curve(network, x, y, queries, length).mean,
        curve(network, x[:, order], y[:, order], queries, length).mean,
        atol=1e-5,
    )


def test_causal_model_is_not_permutation_invariant(prompts):
    network = build(tokens="paired", attention="causal", positions="none")
    x, y, queries = prompts
    length = jnp.int32(POINTS)
    flipped = curve(network, x[:, ::-1], y[:, ::-1], queries, length).mean
    assert np.abs(curve(network, x, y, queries, length).mean - flipped).max() > 1e-4


@pytest.mark.parametrize("head", ["gaussian", "buckets"])
def test_density_of_the_head_integrates_to_one_and_has_the_stated_moments(head):
    network = build(dimension=1, head=head, buckets=20, tokens="paired", attention="context", positions="none")
    outputs = 0.3 * jax.random.normal(jax.random.key(4), (20 if head == "buckets" else 2,))
    grid = jnp.linspace(-30.0, 30.0, 400_001)
    rows = jnp.broadcast_to(outputs, (grid.size, outputs.size))
    density = np.exp(-np.asarray(network.head.loss(rows, grid), dtype=np.float64))
    step = 60.0 / 400_000
    points = np.asarray(grid, dtype=np.float64)
    mean = (density * points).sum() * step
    assert density.sum() * step == pytest.approx(1.0, abs=2e-3)
    moments = network.head.moments(outputs)
    assert float(moments.mean) == pytest.approx(mean, abs=5e-3)
    assert float(moments.variance) == pytest.approx((density * (points - mean) ** 2).sum() * step, rel=1e-2)


def test_buckets_hold_equal_shares_of_the_prior():
    targets = jax.random.normal(jax.random.key(0), (20_000,))
    model = Transformer(head="buckets", buckets=50, layers=1)
    network = model.initialise(jax.random.key(1), dimension=1, points=4, targets=targets)
    shares = np.histogram(targets, np.asarray(network.head.borders))[0] / targets.size
    np.testing.assert_allclose(shares, 1 / 50, rtol=0.05)
    assert bool(network.frozen().head.borders) and not bool(network.frozen().read_in.weight)


def test_tails_have_the_mean_of_the_prior():
    targets = 3 * jax.random.t(jax.random.key(0), 3.0, (50_000,))
    model = Transformer(head="buckets", buckets=50, layers=1)
    network = model.initialise(jax.random.key(1), dimension=1, points=4, targets=targets)
    borders = np.asarray(network.head.borders)
    beyond = {0: targets < borders[1], 49: targets > borders[-2]}
    for bucket, tail in beyond.items():
        certain = jnp.full(50, -1e9).at[bucket].set(0.0)
        assert float(network.head.moments(certain).mean) == pytest.approx(float(targets[tail].mean()), rel=1e-3)


def test_longest_context_follows_the_positions():
    assert Transformer(positions="none").longest(40) is None
    assert Transformer(positions="learned").longest(40) == 40


@pytest.mark.parametrize("tokens", ["alternating", "paired"])
def test_learned_positions_reach_the_longest_context(prompts, tokens):
    network = build(tokens=tokens, positions="learned")
    x, y, queries = prompts
    # Indices past the end are clamped by JAX without a word: the last position has to exist.
    last = {"alternating": 2 * (POINTS + 1), "paired": POINTS + 1}[tokens]
    assert network.positions.shape[0] == last
    assert np.isfinite(curve(network, x, y, queries, jnp.int32(POINTS)).mean).all()


def test_width_has_to_be_divisible_by_heads():
    with pytest.raises(SettingError, match=r"heads.*width 128 is not divisible by 5"):
        Transformer(width=128, heads=5)
