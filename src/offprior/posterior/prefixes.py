"""The compiled programs of the boxes: they process prompts point by point, and answer after the requested points.

Features are computed one point at a time, for all nodes, and added to Gram matrices that stay in the cache; answers for
prefixes are computed on the way. All context lengths together cost little more than the longest, and one program serves
any of them.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import optimization_barrier as barrier
from jaxtyping import Array, Float, Int

from offprior.components import Components
from offprior.components.boxes import orders_of, rule
from offprior.posterior.conjugate import log_evidence, moments, row_moments
from offprior.posterior.gram import UNROLLED, pairs, places
from offprior.posterior.quadrature_nodes import (
    Sums,
    box_sums,
    columns_at,
    mean_at,
    places_of,
    value_moments,
    variance_at,
)


class Points(NamedTuple):
    """The points of prompts, padded so that contexts of other lengths run the same program."""

    x: Float[Any, "room d b"]
    y: Float[Any, "room b"]
    counted: Float[Any, " room"]
    """1 for each point; 0 for the entry before all points."""
    row: Int[Any, " room"]
    """The row of the answer after this point, or -1 if none is requested."""
    count: Int[Any, ""]
    """The number of points, without padding."""


@functools.partial(jax.jit, static_argnames=("rows",))
def box_masses(
    group: Components,
    points: Points,
    low: Float[Array, "axes boxes"],
    width: Float[Array, "axes boxes"],
    noise: Float[Array, ""],
    rows: int,
) -> tuple[Float[Array, "rows boxes"], Float[Array, "rows axes boxes"]]:
    """Returns logs of the evidence in each box and of its estimated errors, after each requested point.

    Every box comes with its own prompt.
    """
    assert group.locate is not None
    orders = orders_of(group.locate)

    def answer(gram: Array) -> tuple[Array, Array]:
        total, errors = box_sums(log_evidence(gram, *_scales(group), noise, group.fixed), orders)
        volume = jnp.log(width).sum(0)
        return volume + total, volume[None] + errors

    # A box's nodes are on a separate axis, so that operations on boxes are vectorised as well.
    at = low[:, None] + width[:, None] * jnp.asarray(rule(orders).places)[:, :, None]
    return _after_points(group, at, 1, points, rows, answer)


@functools.partial(jax.jit, static_argnames=("rows", "variance"))
def predictions(
    group: Components,
    points: Points,
    queries: Float[Array, "b m d"],
    low: Float[Array, "b axes boxes"],
    width: Float[Array, "b axes boxes"],
    noise: Float[Array, ""],
    rows: int,
    variance: bool,
) -> Sums:
    """Sums over the boxes of each prompt, [b, rows(, m)], after each requested point."""
    assert group.locate is not None
    orders = orders_of(group.locate)
    at = places_of(low, width, orders)
    shares = jnp.log(jnp.asarray(rule(orders).shares))
    log_weights = (jnp.log(width).sum(1)[:, :, None] + shares[None, None, :]).reshape(at.shape[1:])

    def answer(gram: Array) -> tuple[Array, Array, tuple[Array, ...]]:
        found = moments(gram, *_scales(group), noise, group.fixed, variance)
        log_mass = found.log_evidence + log_weights
        total = jax.nn.logsumexp(log_mass, axis=-1)
        share = jnp.exp(log_mass - total[:, None])
        spread = (share[None], found.mean, found.covariance) if variance else ()
        return total, share[None] * found.mean, spread

    total, *rest = _after_points(group, at, 0, points, rows, answer)
    weighted, spread = jax.tree.map(lambda each: jnp.moveaxis(each, 0, 2), rest)  # [columns, b, rows, nodes]
    columns = columns_at(group, at, queries)
    mean = mean_at(columns, weighted)
    if not variance:
        return Sums(total.T, mean, jnp.zeros_like(mean))
    share, coefficients, covariance = spread
    return Sums(total.T, mean, variance_at(columns, mean, share[0], coefficients, covariance))


@jax.jit
def node_moments(
    group: Components,
    points: Points,
    queries: Float[Array, "b m d"],
    low: Float[Array, "b axes boxes"],
    width: Float[Array, "b axes boxes"],
    noise: Float[Array, ""],
) -> tuple[Float[Array, "rows b nodes"], Float[Array, "rows b m nodes"], Float[Array, "rows b m nodes"]]:
    """Returns each component's log of weight times evidence, and its value's mean and variance, after all points.

    There is one component for every row of scales and every node of a prompt's boxes.
    """
    assert group.locate is not None
    orders = orders_of(group.locate)
    at = places_of(low, width, orders)
    shares = jnp.log(jnp.asarray(rule(orders).shares))
    log_weights = (jnp.log(width).sum(1)[:, :, None] + shares[None, None, :]).reshape(at.shape[1:])
    found = _after_points(group, at, 0, points, 1, lambda gram: row_moments(group, gram, noise))
    log_mass, mean, covariance = (each[0] for each in found)
    return log_mass + log_weights[None], *value_moments(columns_at(group, at, queries), mean, covariance)


def _scales(group: Components) -> tuple[Array, Array]:
    return jnp.asarray(group.scales), jnp.asarray(group.log_scale_weights)


def _after_points(
    group: Components,
    at: Float[Array, "axes *nodes"],
    axis: int,
    points: Points,
    rows: int,
    answer: Callable[[Array], Any],
) -> Any:
    """Stores `answer` of the Gram matrices [pairs, *nodes] after each requested point, in that point's row.

    The nodes have two axes; `axis` is that of the prompts.
    """
    nodes = jax.vmap(jax.vmap(group.locate))(*at)  # type: ignore[arg-type]
    of_nodes = jax.vmap(group.features, in_axes=(0, 1 if axis == 1 else None), out_axes=1)
    of_nodes = jax.vmap(of_nodes, in_axes=(0, 1 if axis == 0 else None), out_axes=1)
    count = len(group.fixed) + 1
    apart = count <= UNROLLED + 1
    first, second = places(count)

    def add(place: Array, sofar: tuple[Any, Any]) -> tuple[Any, Any]:
        gram, found = sofar
        x, y, counted, row = (each[place] for each in points[:4])
        # Barriers and separate arrays prevent sines from being recomputed for every entry (measured: 7 against 30 ns).
        columns = (*of_nodes(nodes, x), jnp.broadcast_to(jnp.expand_dims(y, 1 - axis), at.shape[1:]))
        if apart:
            columns = barrier(columns)
            entries = tuple(counted * columns[i] * columns[j] for i, j in pairs(count))
        else:
            columns = barrier(jnp.stack(columns))
            entries = counted * columns[first] * columns[second]
        gram = barrier(jax.tree.map(jnp.add, gram, entries))

        def put() -> Any:
            of_gram = answer(jnp.stack(gram) if apart else gram)
            return jax.tree.map(lambda whole, one: whole.at[row].set(one), found, of_gram)

        return gram, jax.lax.cond(row >= 0, put, lambda: found)

    empty = jnp.zeros((len(first), *at.shape[1:]), points.y.dtype)
    found = jax.tree.map(lambda one: jnp.zeros((rows, *one.shape), one.dtype), jax.eval_shape(answer, empty))
    return jax.lax.fori_loop(0, points.count, add, (tuple(empty) if apart else empty, found))[1]
