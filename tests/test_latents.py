# Converters take what users write, a number for a law; pyright sees the stored types alone, and no lengths of stars.
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false
"""Tasks as functions of normals have the law of the family's own draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from offprior.compute.precision import double
from offprior.errors import SettingError
from offprior.families.combination import Combination
from offprior.families.decision_tree import DecisionTree
from offprior.families.heavy_tailed_linear import HeavyTailedLinear
from offprior.families.linear import Linear
from offprior.families.relu_network import ReluNetwork
from offprior.families.sinusoid import Sinusoid
from offprior.families.sparse_linear import SparseLinear
from offprior.families.task_pool import TaskPool
from offprior.posterior.latents import latents_of, task_of

KEY = jax.random.key(2)


@pytest.fixture(autouse=True)
def in_double():
    with double():
        yield


def test_a_normal_number_of_a_task_is_its_latent():
    """Those of a network are drawn one after the other: the task is z itself, but for the factor."""
    family = ReluNetwork(dimension=2, hidden=3)
    assert latents_of(family.draw) == 9
    z = jax.random.normal(KEY, (9,))
    task = task_of(family.draw, z)
    np.testing.assert_allclose(task.inward.ravel(), z[:6], atol=1e-5)
    np.testing.assert_allclose(task.outward, z[6:] * (2 / 3) ** 0.5, atol=1e-5)


@pytest.mark.parametrize(
    "family",
    [
        Linear(intercept=True),
        Sinusoid(),
        DecisionTree(dimension=3, depth=2),
        ReluNetwork(dimension=1, hidden=4),
        Combination(Linear(), Sinusoid(), 0.3),
    ],
    ids=lambda family: family.label,
)
def test_tasks_of_normals_have_the_law_of_draws(family):
    """Quantiles of the value at a point, and of its product with that at another."""
    at = jnp.asarray(jax.random.normal(KEY, (2, family.dimension)), jnp.float32)
    keys = jax.random.split(KEY, 20_000)
    z = jax.random.normal(KEY, (20_000, latents_of(family.draw)))
    with jax.enable_x64(False):
        drawn = jax.vmap(lambda key: family.evaluate(family.draw(key), at))(keys)
    made = jax.vmap(lambda one: family.evaluate(task_of(family.draw, one), at))(z)
    levels = [0.1, 0.3, 0.5, 0.7, 0.9]
    for ours, theirs in zip((made[:, 0], made.prod(1)), (drawn[:, 0], drawn.prod(1)), strict=True):
        spread = np.subtract(*np.quantile(theirs, [0.9, 0.1]))
        np.testing.assert_allclose(np.quantile(ours, levels), np.quantile(theirs, levels), atol=0.05 * spread)


def test_choices_are_as_likely_as_in_draws():
    z = jax.random.normal(KEY, (6000, latents_of(SparseLinear(dimension=5, sparsity=2).draw)))
    tasks = jax.vmap(lambda one: task_of(SparseLinear(dimension=5, sparsity=2).draw, one))(z)
    assert ((tasks != 0).sum(1) == 2).all()
    np.testing.assert_allclose((tasks != 0).mean(0), 0.4, atol=0.03)


def test_what_a_pools_seed_fixes_is_no_latent():
    """The pool's own tasks of training, to the bit: only which of them is random."""
    family = TaskPool(family=Linear(dimension=2), size=4, seed=1)
    count = latents_of(family.draw)
    assert count == 2, "the two words that make a whole number"
    with jax.enable_x64(False):
        pool = np.stack([family.task(number).slopes for number in range(4)])
    z = jax.random.normal(KEY, (400, count))
    drawn = np.asarray(jax.vmap(lambda one: task_of(family.draw, one))(z).slopes)
    which = np.abs(drawn[:, None] - pool[None]).max(-1).argmin(1)
    np.testing.assert_array_equal(drawn, pool[which])
    np.testing.assert_allclose(np.bincount(which) / 400, 0.25, atol=0.1)


def test_a_small_move_of_the_latents_is_a_small_move_of_the_task():
    z = jax.random.normal(KEY, (latents_of(Sinusoid().draw),))
    one, other = (task_of(Sinusoid().draw, at) for at in (z, z + 1e-3))
    for left, right in zip(one, other, strict=True):
        assert 0 < abs(float(left - right)) < 0.02 or float(left) == 0


def test_far_normals_stay_finite():
    task = task_of(Linear(dimension=2).draw, jnp.asarray([-40.0, 40.0]))
    assert np.isfinite(task.slopes).all() and task.slopes[0] < -4 and task.slopes[1] > 4
    with jax.enable_x64(False), pytest.raises(ValueError, match="too few bits"):
        task_of(Linear().draw, jnp.zeros(1))


def test_draws_that_take_any_number_of_bits_are_refused():
    with pytest.raises(SettingError, match=r"random_gamma|while"):
        latents_of(HeavyTailedLinear().draw)
