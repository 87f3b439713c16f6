"""The compiled programs of the engine: a first pass over whole prompts, and the refinement of single posteriors."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from offprior.components import Components
from offprior.conjugate import gram_of, moments, products
from offprior.laws import PANEL_NODES
from offprior.posterior.nodes import SHARES, Leaves, Panels, Sums, columns_at, columns_of, places_of, with_y

CUT = 4
"""Panels that are cut in a round, into so many:"""
CHILDREN = 4


@functools.partial(jax.jit, static_argnames=("lengths", "variance"))
def first_pass(
    group: Components,
    x: Float[Array, "b n d"],
    y: Float[Array, "b n"],
    queries: Float[Array, "b m d"],
    lengths: tuple[int, ...],
    noise: Float[Array, ""],
    variance: bool,
) -> tuple[Sums, Array, Array, Array, Array]:
    """Sums [b, L(, m)], coarseness [b, L]; the nodes' log-mass, first and second moments [(columns, )b, L, nodes]."""
    columns = with_y(columns_of(group, x), y)
    edges = zip((0, *lengths), lengths, strict=False)
    segments = jnp.stack([gram_of(columns[:, :, a:b]) for a, b in edges], axis=2)
    gram = jnp.cumsum(segments, axis=2)  # [pairs, b, L, nodes]
    found = moments(gram, group.scales, group.log_scale_weights, noise, group.fixed, variance)
    log_mass = found.log_evidence + group.log_weights[None, None, :]
    total = jax.nn.logsumexp(log_mass, axis=-1)
    share = jnp.exp(log_mass - total[..., None])
    sums = _at_queries(columns_of(group, queries), share, found.first, found.second, variance)
    return Sums(total, *sums), _coarseness(group, share), log_mass, found.first, found.second


@functools.partial(jax.jit, static_argnames=("variance",))
def refine(
    group: Components,
    x: Float[Array, "i n d"],
    y: Float[Array, "i n"],
    mask: Float[Array, "i n"],
    panels: Panels,
    retired: Float[Array, " i"],
    noise: Float[Array, ""],
    variance: bool,
) -> tuple[Leaves, Panels, Float[Array, " i"], Float[Array, " i"]]:
    """One round: the panels that hold most are cut, the others retire.

    `mask` is 1 on each posterior's context; `retired` the log-mass of all leaves so far. Returns the new leaves, the
    new panels, the log-mass of all leaves and the coarseness of the new panels.
    """
    count, wide = panels.low.shape
    of_panels = jax.nn.logsumexp(panels.log_mass.reshape(count, wide, -1), axis=-1)
    _, chosen = jax.lax.top_k(of_panels, min(CUT, wide))
    cut = jnp.zeros((count, wide), bool).at[jnp.arange(count)[:, None], chosen].set(True)
    left = jnp.where(jnp.repeat(cut, PANEL_NODES, axis=1), -jnp.inf, panels.log_mass)
    leaves = Leaves(places_of(panels.low, panels.width), left, panels.first, panels.second)
    retired = jnp.logaddexp(retired, jax.nn.logsumexp(left, axis=-1))

    low, width = (jnp.take_along_axis(array, chosen, axis=1) for array in (panels.low, panels.width))
    width = jnp.repeat(width / CHILDREN, CHILDREN, axis=1)
    low = jnp.repeat(low, CHILDREN, axis=1) + width * jnp.tile(jnp.arange(CHILDREN), chosen.shape[1])[None, :]
    log_weights = (jnp.log(width)[:, :, None] + jnp.log(SHARES)[None, None, :]).reshape(count, -1)

    gram = gram_of(with_y(columns_at(group, places_of(low, width), x), y), mask)
    found = moments(gram, group.scales, group.log_scale_weights, noise, group.fixed, variance)
    log_mass = found.log_evidence + log_weights
    total = jnp.logaddexp(retired, jax.nn.logsumexp(log_mass, axis=-1))
    density = (log_mass.reshape(count, -1, PANEL_NODES) - jnp.log(SHARES)[None, None, :]).max((1, 2))
    return leaves, Panels(low, width, log_mass, found.first, found.second), retired, jnp.exp(density - total)


@functools.partial(jax.jit, static_argnames=("variance",))
def summed(group: Components, queries: Float[Array, "i m d"], leaves: Leaves, variance: bool) -> Sums:
    """What leaves sum to, at the queries."""
    total = jax.nn.logsumexp(leaves.log_mass, axis=-1)
    share = jnp.exp(leaves.log_mass - total[:, None])[:, None]
    columns = columns_at(group, leaves.place, queries)
    first, second = _at_queries(columns, share, leaves.first[:, :, None], leaves.second[:, :, None], variance)
    return Sums(total, first[:, 0], second[:, 0])


def _coarseness(group: Components, share: Float[Array, "b L nodes"]) -> Float[Array, "b L"]:
    if not group.integrated:
        return jnp.zeros(share.shape[:2])
    if group.locate is None:  # a product of quadratures: as if the heaviest node were of one in the middle of its panel
        return share.max(-1) / SHARES.max()
    in_panels = share.reshape(*share.shape[:2], -1, PANEL_NODES)
    return (in_panels / SHARES[None, None, None, :]).max((2, 3))


def _at_queries(
    columns: Float[Array, "columns b m nodes"],
    share: Float[Array, "b L nodes"],
    first: Float[Array, "columns b L nodes"],
    second: Float[Array, "pairs b L nodes"],
    variance: bool,
) -> tuple[Float[Array, "b L m"], Float[Array, "b L m"]]:
    """First and second moment of the value."""
    mean = jnp.einsum("cbmz,cblz->blm", columns, share[None] * first)
    if not variance:
        return mean, jnp.zeros_like(mean)
    return mean, jnp.einsum("cbmz,cblz->blm", products(columns), share[None] * second)
