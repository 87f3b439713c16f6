"""However a batch is dealt out, its gradient is the same; and what has a gradient of its own has the right one."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from offprior.mixture import Mixture
from offprior.models.transformer import Transformer
from offprior.networks.attention import attend
from offprior.networks.matrix_products import product
from offprior.pretraining.gradient import batch_gradient, largest_divisor, sharing
from offprior.pretraining.training import Training

MODELS = {
    "causal": Transformer(layers=2, heads=2, width=16),
    "context": Transformer(
        layers=2, heads=2, width=16, tokens="paired", attention="context", positions="none", norm="post",
        head="buckets", buckets=16,
    ),
}  # fmt: skip


def leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array))]


@pytest.fixture(params=MODELS)
def problem(request):
    batch = Mixture().sequences(jax.random.key(1), 64, 13)
    points = 12 if request.param == "causal" else 8
    network = MODELS[request.param].initialise(jax.random.key(0), dimension=1, points=points, targets=batch.y.ravel())
    n = network.sequence_length(points)
    return network, batch.x[:, :n], batch.y[:, :n], jax.random.split(jax.random.key(2), 64)


def plain_gradient(network, x, y, keys):
    arrays, static = eqx.partition(network, eqx.is_array)

    def mean_loss(arrays):
        losses, wanted = eqx.combine(arrays, static).training_loss(x, y, keys)
        return jnp.where(wanted, losses, 0).sum() / wanted.sum().astype(losses.dtype)

    return jax.value_and_grad(mean_loss)(arrays)


@pytest.mark.parametrize("at_once", [1, 4, 32])
def test_gradient_of_a_shared_batch_is_that_of_the_whole(problem, at_once):
    network, x, y, keys = problem
    loss, gradient = plain_gradient(*problem)
    shared = sharing(Training(batch=64, points=network.points, prompts_at_once=at_once), network)
    assert shared.mesh is not None and shared.mesh.size == 2, "tests have two devices"
    assert shared.at_once == at_once
    found = eqx.filter_jit(batch_gradient)(*shared.replicated((network, x, y, keys)), shared)
    assert float(found.loss) == pytest.approx(float(loss), rel=1e-6)
    scale = max(np.abs(leaf).max() for leaf in leaves(gradient))
    for one, whole in zip(leaves(found.gradient), leaves(gradient), strict=True):
        np.testing.assert_allclose(one, whole, atol=1e-6 * max(scale, 1), rtol=1e-5)
    losses, wanted = network.training_loss(x, y, keys)
    of_prompts = jnp.where(wanted, losses, 0).sum(1) / jnp.maximum(wanted.sum(1), 1).astype(losses.dtype)
    np.testing.assert_allclose(found.of_prompts, of_prompts, rtol=1e-5, atol=1e-6)


def test_a_small_batch_stays_on_one_device_and_an_odd_one_is_dealt_out_evenly():
    network = MODELS["causal"].skeleton(dimension=1, points=100)
    assert sharing(Training(batch=2, points=5), network).mesh is None
    assert sharing(Training(batch=7, points=100), network).mesh is None, "7 prompts have no halves"
    of_three = sharing(Training(batch=6, points=100, prompts_at_once=2), network)
    assert of_three.at_once == 1, "of three prompts, one at once: two do not divide them"
    assert [largest_divisor(*pair) for pair in ((12, 5), (7, 3), (8, 100), (5, 0))] == [4, 1, 8, 1]


def test_attention_is_the_library_s_and_so_is_its_gradient():
    keys = jax.random.split(jax.random.key(0), 5)
    query, key, value, weight = (jax.random.normal(k, (3, 7, 2, 4)) for k in keys[:4])
    visible = jax.random.bernoulli(keys[4], 0.5, (3, 7, 7)) | jnp.eye(7, dtype=bool)[None]

    def library(query, key, value):
        return jax.nn.dot_product_attention(query, key, value, mask=visible[:, None])

    def own(query, key, value):
        return attend(query, key, value, visible)

    np.testing.assert_allclose(own(query, key, value), library(query, key, value), atol=1e-6)
    gradients = [
        jax.grad(lambda *parts, f=f: (f(*parts) * weight).sum(), argnums=(0, 1, 2))(query, key, value)
        for f in (own, library)
    ]
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(("inputs", "outputs"), [(5, 3), (3, 5), (1, 4)])
def test_product_is_the_matrix_product_and_so_is_its_gradient(inputs, outputs):
    first, second, third = jax.random.split(jax.random.key(0), 3)
    x, matrix = jax.random.normal(first, (2, 7, inputs)), jax.random.normal(second, (inputs, outputs))
    weight = jax.random.normal(third, (2, 7, outputs))
    np.testing.assert_allclose(product(x, matrix), x @ matrix, atol=1e-6)
    own, plain = (
        jax.grad(lambda x, matrix, f=f: (f(x, matrix) * weight).sum(), argnums=(0, 1))(x, matrix)
        for f in (product, jnp.matmul)
    )
    for one, other in zip(own, plain, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_coarse_numbers_change_the_gradient_by_their_rounding_and_no_more(problem):
    network, x, y, keys = problem
    fine = plain_gradient(*problem)
    settings = Training(batch=64, points=network.points, precision="bfloat16")
    shared = sharing(settings, network)
    assert shared.compute == "bfloat16" and sharing(Training(), network).compute == "float32", "here is a processor"
    coarse = eqx.filter_jit(batch_gradient)(*shared.replicated((network, x, y, keys)), shared)
    assert all(leaf.dtype == np.float32 for leaf in leaves(coarse.gradient)), "what is kept is single precision"
    difference = sum(np.square(a - b).sum() for a, b in zip(leaves(coarse.gradient), leaves(fine[1]), strict=True))
    size = sum(np.square(leaf).sum() for leaf in leaves(fine[1]))
    assert 1e-8 < difference / size < 1e-3, "a relative error of 2⁻⁸ a number, and not none"
    assert float(coarse.loss) == pytest.approx(float(fine[0]), rel=0.02)
