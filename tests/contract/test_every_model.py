"""Every model of the catalogue, those to come included."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from offprior import catalog
from offprior.models.model import Model
from offprior.recipe.parts import part_from, plain

NAMES = catalog.names("models")
POINTS = 5


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    return catalog.find("models", request.param)()


def build(model, seed=0):
    targets = jax.random.normal(jax.random.key(9), (500,))
    return model.initialise(jax.random.key(seed), dimension=2, points=POINTS, targets=targets)


def prompts():
    keys = jax.random.split(jax.random.key(1), 3)
    return (
        jax.random.normal(keys[0], (2, POINTS, 2)),
        jax.random.normal(keys[1], (2, POINTS)),
        jax.random.normal(keys[2], (2, 4, 2)),
    )


def test_a_model(model):
    """Built with no arguments, captioned, the same after a recipe, and a function of its key."""
    assert isinstance(model, Model) and catalog.caption("models", catalog.name_of(type(model))).endswith(".")
    assert eqx.tree_equal(part_from("models", plain(model)), model)
    one, same, other = (jax.tree.leaves(eqx.filter(build(model, seed), eqx.is_array)) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_model_is_not_given_the_future(model):
    network = build(model)
    x, y, queries = prompts()
    length = jnp.int32(3)
    mean = network.curve(x, y, queries, length).mean
    changed = network.curve(x.at[:, 3:].add(5.0), y.at[:, 3:].add(5.0), queries, length).mean
    np.testing.assert_array_equal(mean, changed)
    assert mean.shape == (2, 4) and np.isfinite(mean).all()


def test_a_model_answers_each_query_by_itself(model):
    network = build(model)
    x, y, queries = prompts()
    together = network.curve(x, y, queries, jnp.int32(POINTS)).mean
    for i in range(queries.shape[1]):
        alone = network.curve(x, y, queries[:, i : i + 1], jnp.int32(POINTS)).mean[:, 0]
        np.testing.assert_allclose(together[:, i], alone, atol=1e-5)


def test_a_model_has_a_loss_to_train_on(model):
    network = build(model)
    n = network.sequence_length(POINTS)
    x, y = jax.random.normal(jax.random.key(3), (3, n, 2)), jax.random.normal(jax.random.key(4), (3, n))
    losses, wanted = network.training_loss(x, y, jax.random.split(jax.random.key(5), x.shape[0]))
    assert losses.shape == wanted.shape and wanted.any() and np.isfinite(losses).all()
    longest = model.longest(POINTS)
    assert longest is None or longest >= POINTS
