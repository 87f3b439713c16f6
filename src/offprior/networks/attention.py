"""Scaled dot-product attention (Vaswani et al. 2017, section 3.2.1).

On a CPU it has a custom gradient: the softmax's part needs only the outputs (Dao et al. 2022, algorithm 4), not
another sum over the scores. On other devices it is `jax.nn.dot_product_attention`.

Shapes in names: B prompts, H heads, Q query tokens, T tokens, D numbers of a head.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

HIDDEN = -1e30
"""The score of tokens that may not be seen; its exponential is 0."""


def attend(
    query: Float[Array, "b q h d"],
    key: Float[Array, "b t h d"],
    value: Float[Array, "b t h d"],
    visible: Bool[Array, "b q t"],
) -> Float[Array, "b q h d"]:
    """Returns the visible values weighted by the softmax of their scores; statistics are in single precision.

    Every query has to see at least one token.
    """
    if jax.default_backend() != "cpu":
        return jax.nn.dot_product_attention(query, key, value, mask=visible[:, None])
    return _attend(*_heads_first(query, key, value, visible)).transpose(0, 2, 1, 3)


def attend_and_tell(
    query: Float[Array, "b q h d"],
    key: Float[Array, "b t h d"],
    value: Float[Array, "b t h d"],
    visible: Bool[Array, "b q t"],
) -> tuple[Float[Array, "b q h d"], Float[Array, "b h q t"]]:
    """Returns the result of `attend`, and the weights with which it mixed the values; each query's weights sum to 1.

    On a CPU these are exactly the sums of `attend`. It is not meant for training: it has no custom gradient.
    """
    mixed, (_, _, _, weights, _) = _forward(*_heads_first(query, key, value, visible))
    return mixed.transpose(0, 2, 1, 3), weights


def _heads_first(query: Array, key: Array, value: Array, visible: Array) -> tuple[Array, Array, Array, Array]:
    query = query * query.shape[-1] ** -0.5
    scores = jnp.where(visible, 0.0, HIDDEN)[:, None]
    query, key, value = (array.transpose(0, 2, 1, 3) for array in (query, key, value))
    return query, key, value, jax.lax.stop_gradient(scores)


@jax.custom_vjp
def _attend(
    query: Float[Array, "b h q d"],
    key: Float[Array, "b h t d"],
    value: Float[Array, "b h t d"],
    mask: Float[Array, "b 1 q t"],
) -> Float[Array, "b h q d"]:
    return _forward(query, key, value, mask)[0]


def _forward(query: Array, key: Array, value: Array, mask: Array) -> tuple[Array, tuple[Array, ...]]:
    scores = _product(query, key, over=(3, 3)) + mask
    weights = jnp.exp(scores - scores.max(-1, keepdims=True))
    weights = (weights / weights.sum(-1, keepdims=True)).astype(value.dtype)
    mixed = _product(weights, value, over=(3, 2)).astype(value.dtype)
    return mixed, (query, key, value, weights, mixed)


def _backward(saved: tuple[Array, ...], change: Array) -> tuple[Array, Array, Array, None]:
    query, key, value, weights, mixed = saved
    expected = (mixed.astype(jnp.float32) * change.astype(jnp.float32)).sum(-1, keepdims=True)
    of_scores = weights.astype(jnp.float32) * (_product(change, value, over=(3, 3)) - expected)
    of_scores = of_scores.astype(query.dtype)
    of_query = _product(of_scores, key, over=(3, 2)).astype(query.dtype)
    of_key = _product(of_scores, query, over=(2, 2)).astype(key.dtype)
    of_value = _product(weights, change, over=(2, 2)).astype(value.dtype)
    return of_query, of_key, of_value, None


def _product(left: Array, right: Array, over: tuple[int, int]) -> Float[Array, "b h rows columns"]:
    """Returns products summed over an axis of either, per prompt and head, accumulated in single precision."""
    axes = (((over[0],), (over[1],)), ((0, 1), (0, 1)))
    return jax.lax.dot_general(left, right, axes, preferred_element_type=jnp.float32)


_attend.defvjp(_forward, _backward)
