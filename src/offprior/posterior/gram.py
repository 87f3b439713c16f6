"""Gram matrices of columns, with each pair of columns stored once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


@functools.cache
def pairs(count: int) -> tuple[tuple[int, int], ...]:
    """Returns the entries i ≤ j of a symmetric matrix, in the order in which they are stored."""
    return tuple((i, j) for i in range(count) for j in range(i, count))


UNROLLED = 6
"""Up to this rank Cholesky factors are written out; above it LAPACK computes them, and matrices are stored whole."""


def products(columns: Float[Array, "columns *n"]) -> Float[Array, "pairs *n"]:
    """Returns the entries of the outer product of the columns with themselves; off-diagonal ones are doubled."""
    if len(columns) <= UNROLLED + 1:
        return jnp.stack([columns[i] * columns[j] * (1.0 if i == j else 2.0) for i, j in pairs(len(columns))])
    first, second = places(len(columns))
    twice = jnp.asarray(np.where(first == second, 1.0, 2.0), columns.dtype)
    return jax.lax.expand_dims(twice, range(1, columns.ndim)) * columns[first] * columns[second]


@functools.cache
def places(count: int) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Returns the two indices of each of `pairs`."""
    first, second = np.asarray(pairs(count)).T
    return first, second


def gram_of(columns: Float[Array, "columns b n z"], weights: Float[Array, "b n"] | None = None) -> Array:
    """Returns the entries of the Gram matrix of columns over the points n: [pairs, b, z]."""
    weighted = columns if weights is None else columns * weights[None, :, :, None]
    if len(columns) <= UNROLLED + 1:
        return jnp.stack([(weighted[i] * columns[j]).sum(1) for i, j in pairs(len(columns))])
    full = jnp.einsum("ibnz,jbnz->ijbz", weighted, columns)
    return full[places(len(columns))]
