"""Numbers as text: what is written, what is read back, and what a network of digits is given."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from offprior.mixture import Mixture
from offprior.models.digit_transformer import DigitTransformer
from offprior.pretraining.pretrain import pretrain

KEY = jax.random.key(5)
MODEL = DigitTransformer(layers=2, heads=2, width=16)


def network(points=4, dimension=1):
    targets = jnp.linspace(-2.0, 2.0, 10_001)
    return MODEL.initialise(KEY, dimension=dimension, points=points, targets=targets)


def test_numbers_are_two_digits_of_their_range():
    """The hundredth of the range in which a number lies; beyond the range, the last one."""
    x = jnp.asarray([-5.0, -4.95, 0.01, 4.99, 7.0])[None, :, None]
    written = np.asarray(network().x_digits(x))[0]
    np.testing.assert_array_equal(written, [[0, 0], [0, 0], [5, 0], [9, 9], [9, 9]])
    low, high = network().y_range
    assert abs(float(low) + 1.996) < 1e-3 and abs(float(high) - 1.996) < 1e-3


def test_a_prediction_is_the_mean_over_both_digits():
    """Against one sequence for each value of the two digits, read token by token with the training pass."""
    net = network()
    x, y = jax.random.uniform(KEY, (1, 3, 1), minval=-4.0, maxval=4.0), jnp.asarray([[0.3, -1.2, 0.8]])
    query = jnp.asarray([[[1.73]]])
    found = net.curve(x, y, query, jnp.int32(3))
    low, high = (float(end) for end in net.y_range)
    values = low + (high - low) * (np.arange(100) + 0.5) / 100
    chances = []
    for value in values:
        pairs = jnp.concatenate([x, query], axis=1), jnp.concatenate([y, jnp.full((1, 1), value)], axis=1)
        losses, _ = net.training_loss(*pairs, jax.random.split(KEY, 1))
        chances.append(np.exp(-float(losses[0, -2:].sum())))
    assert abs(sum(chances) - 1) < 1e-4
    mean = np.dot(chances, values)
    assert abs(mean - float(found.mean[0, 0])) < 1e-4
    variance = np.dot(chances, values**2) - mean**2 + ((high - low) / 100) ** 2 / 12
    assert abs(variance - float(found.variance[0, 0])) < 1e-3


def test_padding_changes_nothing():
    """Pairs beyond the context's length are not seen."""
    net = network()
    x, y = jax.random.normal(KEY, (2, 4, 1)), jax.random.normal(KEY, (2, 4))
    queries = jax.random.normal(KEY, (2, 3, 1))
    short = net.curve(x[:, :2], y[:, :2], queries, jnp.int32(2)).mean
    np.testing.assert_allclose(short, net.curve(x, y, queries, jnp.int32(2)).mean, atol=1e-5)


def test_two_numbers_of_x_are_four_digits():
    net = network(dimension=2)
    x, y = jax.random.normal(KEY, (1, 5, 2)), jax.random.normal(KEY, (1, 5))
    assert net.pair_digits(x, y).shape == (1, 30) and net.tokens(4) == 30
    combinations = list(itertools.product(range(10), repeat=2))
    written = np.asarray(net.x_digits(x)).reshape(-1, 2).tolist()
    assert all(tuple(pair) in combinations for pair in written)


def test_it_learns_what_its_digits_are():
    """A short training brings the cross-entropy per digit below that of even digits, log 10."""
    model = pretrain(DigitTransformer(layers=2, heads=2, width=32), Mixture(), steps=200, batch=32, points=8)
    losses = model.history["loss"].to_numpy()
    assert losses[0] > np.log(10) - 0.05 and losses[-20:].mean() < np.log(10) - 0.1
