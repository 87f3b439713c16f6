"""The compiled programs of the engine: a first pass over whole prompts, and a second over single posteriors."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from offprior.components import Components
from offprior.conjugate import gram_of, moments, products
from offprior.posterior.nodes import SHARES, Nodes, Sums, columns_at, columns_of, panel_errors, places_of, with_y


@functools.partial(jax.jit, static_argnames=("lengths", "variance"))
def first_pass(
    group: Components,
    x: Float[Array, "b n d"],
    y: Float[Array, "b n"],
    queries: Float[Array, "b m d"],
    lengths: tuple[int, ...],
    noise: Float[Array, ""],
    variance: bool,
) -> tuple[Sums, Array, Array]:
    """Sums [b, L(, m)], errors [b, L]; the nodes' log-mass [b, L, nodes]."""
    columns = with_y(columns_of(group, x), y)
    edges = zip((0, *lengths), lengths, strict=False)
    segments = jnp.stack([gram_of(columns[:, :, a:b]) for a, b in edges], axis=2)
    gram = jnp.cumsum(segments, axis=2)  # [pairs, b, L, nodes]
    found = moments(gram, jnp.asarray(group.scales), jnp.asarray(group.log_scale_weights), noise, group.fixed, variance)
    log_mass = found.log_evidence + group.log_weights[None, None, :]
    total = jax.nn.logsumexp(log_mass, axis=-1)
    share = jnp.exp(log_mass - total[..., None])
    sums = _at_queries(columns_of(group, queries), share, found.first, found.second, variance)
    return Sums(total, *sums), _error(group, log_mass - total[..., None]), log_mass


@functools.partial(jax.jit, static_argnames=("lengths", "variance"))
def streamed_pass(
    blocks: Components,
    x: Float[Array, "b n d"],
    y: Float[Array, "b n"],
    queries: Float[Array, "b m d"],
    lengths: tuple[int, ...],
    noise: Float[Array, ""],
    variance: bool,
) -> Sums:
    """The sums of `first_pass` for a group of many nodes in blocks, of which one at a time takes memory."""

    def add(sofar: Sums, block: tuple[Any, Array]) -> tuple[Sums, None]:
        group = eqx.tree_at(lambda whole: (whole.nodes, whole.log_weights), blocks, block)
        return _together(sofar, first_pass(group, x, y, queries, lengths, noise, variance)[0]), None

    shape = (x.shape[0], len(lengths))
    nothing = (jnp.zeros((*shape, queries.shape[1])) for _ in range(2))
    start = Sums(jnp.full(shape, -jnp.inf), *nothing)
    return jax.lax.scan(add, start, (blocks.nodes, jnp.asarray(blocks.log_weights)))[0]


def _together(one: Sums, other: Sums) -> Sums:
    """What two sets of nodes sum to."""
    log_evidence = jnp.logaddexp(one.log_evidence, other.log_evidence)
    shares = [jnp.exp(each.log_evidence - log_evidence)[..., None] for each in (one, other)]
    return Sums(log_evidence, *(shares[0] * a + shares[1] * b for a, b in zip(one[1:], other[1:], strict=True)))


@functools.partial(jax.jit, static_argnames=("variance",))
def second_pass(
    group: Components,
    x: Float[Array, "i n d"],
    y: Float[Array, "i n"],
    mask: Float[Array, "i n"],
    low: Float[Array, "i panels"],
    width: Float[Array, "i panels"],
    noise: Float[Array, ""],
    variance: bool,
) -> Nodes:
    """The nodes of panels that each posterior has for itself; `mask` is 1 on its context."""
    places = places_of(low, width)
    log_weights = (jnp.log(width)[:, :, None] + jnp.log(SHARES)[None, None, :]).reshape(places.shape)
    gram = gram_of(with_y(columns_at(group, places, x), y), mask)
    found = moments(gram, jnp.asarray(group.scales), jnp.asarray(group.log_scale_weights), noise, group.fixed, variance)
    return Nodes(places, found.log_evidence + log_weights, found.first, found.second)


@functools.partial(jax.jit, static_argnames=("variance",))
def summed(group: Components, queries: Float[Array, "i m d"], nodes: Nodes, variance: bool) -> Sums:
    """What the nodes of single posteriors sum to, at the queries."""
    total = jax.nn.logsumexp(nodes.log_mass, axis=-1)
    share = jnp.exp(nodes.log_mass - total[:, None])[:, None]
    columns = columns_at(group, nodes.place, queries)
    first, second = _at_queries(columns, share, nodes.first[:, :, None], nodes.second[:, :, None], variance)
    return Sums(total, first[:, 0], second[:, 0])


def _error(group: Components, log_share: Float[Array, "b L nodes"]) -> Float[Array, "b L"]:
    if not group.integrated:
        return jnp.zeros(log_share.shape[:2])
    if group.locate is None:  # a product of quadratures tells nothing of its error: `Bayes.quadrature_gap` does
        return jnp.full(log_share.shape[:2], jnp.nan)
    return panel_errors(log_share).max(-1)


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
