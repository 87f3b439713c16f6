"""The compiled programs of the panels: point after point of their prompts, answering after those that are asked for.

Features are made a point at a time, for all nodes, and added to Gram matrices that stay in the cache; what is said of a
prefix is made from them on the way. All context lengths together cost little more than the longest, and one program
serves any of them.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.lax import optimization_barrier as barrier
from jaxtyping import Array, Bool, Float, Int

from offprior.components import Components
from offprior.conjugate import UNROLLED, log_evidence, moments, pairs, places
from offprior.posterior.nodes import PLACES, SHARES, Sums, at_queries, columns_at, panel_sums, places_of


@jax.jit
def panel_masses(
    group: Components,
    x: Float[Array, "points d panels"],
    y: Float[Array, "points panels"],
    counted: Float[Array, " points"],
    asked: Bool[Array, " points"],
    low: Float[Array, " panels"],
    width: Float[Array, " panels"],
    noise: Float[Array, ""],
) -> tuple[Float[Array, "points panels"], Float[Array, "points panels"]]:
    """Logarithms of the evidence that panels hold and of its estimated error, after each point that is `asked`.

    Every panel comes with its own prompt. A point that is not `counted` is there for what precedes all points.
    """

    def answer(gram: Array) -> tuple[Array, Array]:
        log_density = log_evidence(gram, *_rows(group), noise, group.fixed)
        return tuple(jnp.log(width) + each for each in panel_sums(log_density))  # type: ignore[return-value]

    # A panel's nodes lie apart, so that what is said of panels is vectorised as well.
    at = low[None, :] + width[None, :] * PLACES[:, None]
    return _after_points(group, at, 1, x, y, counted, asked, answer)


@functools.partial(jax.jit, static_argnames=("variance",))
def predictions(
    group: Components,
    x: Float[Array, "points d b"],
    y: Float[Array, "points b"],
    counted: Float[Array, " points"],
    asked: Bool[Array, " points"],
    lengths: Int[Array, " L"],
    queries: Float[Array, "b m d"],
    low: Float[Array, "b panels"],
    width: Float[Array, "b panels"],
    noise: Float[Array, ""],
    variance: bool,
) -> Sums:
    """What the panels of each prompt sum to, [b, L(, m)], after `lengths` of its points."""
    at = places_of(low, width)
    log_weights = (jnp.log(width)[:, :, None] + jnp.log(SHARES)[None, None, :]).reshape(at.shape)

    def answer(gram: Array) -> tuple[Array, Array, Array]:
        found = moments(gram, *_rows(group), noise, group.fixed, variance)
        log_mass = found.log_evidence + log_weights
        total = jax.nn.logsumexp(log_mass, axis=-1)
        share = jnp.exp(log_mass - total[:, None])[None]
        return total, share * found.first, share * found.second if variance else found.second[:0]

    found = _after_points(group, at, 0, x, y, counted, asked, answer)
    total, first, second = (each[lengths] for each in found)
    first, second = (jnp.moveaxis(each, 0, 2) for each in (first, second))  # [columns, b, L, nodes]
    sums = at_queries(columns_at(group, at, queries), first, second if variance else None)
    return Sums(total.T, *sums)


def _rows(group: Components) -> tuple[Array, Array]:
    return jnp.asarray(group.scales), jnp.asarray(group.log_scale_weights)


def _after_points(
    group: Components,
    at: Float[Array, "*nodes"],
    axis: int,
    x: Float[Array, "points d prompts"],
    y: Float[Array, "points prompts"],
    counted: Float[Array, " points"],
    asked: Bool[Array, " points"],
    answer: Callable[[Array], Any],
) -> Any:
    """What `answer` makes of the Gram matrices [pairs, *nodes] after each point; zeros where it is not asked.

    The nodes have two axes; `axis` is that of the prompts.
    """
    nodes = jax.vmap(jax.vmap(group.locate))(at)  # type: ignore[arg-type]
    of_nodes = jax.vmap(group.features, in_axes=(0, 1 if axis == 1 else None), out_axes=1)
    of_nodes = jax.vmap(of_nodes, in_axes=(0, 1 if axis == 0 else None), out_axes=1)
    count = len(group.fixed) + 1
    apart = count <= UNROLLED + 1
    first, second = places(count)

    def add(gram: Any, point: tuple[Array, ...]) -> tuple[Any, Any]:
        x, y, counted, asked = point
        # Barriers and arrays of their own keep sines from being made anew for every entry (measured: 7 against 30 ns).
        columns = (*of_nodes(nodes, x), jnp.broadcast_to(jnp.expand_dims(y, 1 - axis), at.shape))
        if apart:
            columns = barrier(columns)
            entries = tuple(counted * columns[i] * columns[j] for i, j in pairs(count))
        else:
            columns = barrier(jnp.stack(columns))
            entries = counted * columns[first] * columns[second]
        gram = barrier(jax.tree.map(jnp.add, gram, entries))
        return gram, jax.lax.cond(asked, lambda: answer(jnp.stack(gram) if apart else gram), nothing)

    empty = jnp.zeros((len(first), *at.shape), y.dtype)
    shapes = jax.eval_shape(answer, empty)

    def nothing() -> Any:
        return jax.tree.map(lambda one: jnp.zeros(one.shape, one.dtype), shapes)

    return jax.lax.scan(add, tuple(empty) if apart else empty, (x, y, counted, asked))[1]
