"""The compiled programs for groups that are not refined: one pass over whole prompts."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from offprior.components import Components
from offprior.posterior.conjugate import moments, row_moments
from offprior.posterior.gram import gram_of
from offprior.posterior.quadrature_nodes import Sums, columns_of, mean_at, value_moments, variance_at, with_y


@functools.partial(jax.jit, static_argnames=("lengths", "variance"))
def whole_pass(
    group: Components,
    x: Float[Array, "b n d"],
    y: Float[Array, "b n"],
    counted: Float[Array, " n"],
    queries: Float[Array, "b m d"],
    lengths: tuple[int, ...],
    noise: Float[Array, ""],
    variance: bool,
) -> Sums:
    """Sums over the nodes, [b, L(, m)]; `counted` is 1 for each point, or 0 for padding."""
    columns = counted[None, None, :, None] * with_y(columns_of(group, x), y)
    edges = zip((0, *lengths), lengths, strict=False)
    segments = jnp.stack([gram_of(columns[:, :, a:b]) for a, b in edges], axis=2)
    gram = jnp.cumsum(segments, axis=2)  # [pairs, b, L, nodes]
    found = moments(gram, jnp.asarray(group.scales), jnp.asarray(group.log_scale_weights), noise, group.fixed, variance)
    log_mass = found.log_evidence + group.log_weights[None, None, :]
    total = jax.nn.logsumexp(log_mass, axis=-1)
    share = jnp.exp(log_mass - total[..., None])
    asked = columns_of(group, queries)
    mean = mean_at(asked, share[None] * found.mean)
    if not variance:
        return Sums(total, mean, jnp.zeros_like(mean))
    return Sums(total, mean, variance_at(asked, mean, share, found.mean, found.covariance))


@jax.jit
def component_pass(
    group: Components,
    x: Float[Array, "b n d"],
    y: Float[Array, "b n"],
    counted: Float[Array, " n"],
    queries: Float[Array, "b m d"],
    noise: Float[Array, ""],
) -> tuple[Float[Array, "rows b nodes"], Float[Array, "rows b m nodes"], Float[Array, "rows b m nodes"]]:
    """Returns each component's log of weight times evidence, and its value's mean and variance, after all points."""
    gram = gram_of(counted[None, None, :, None] * with_y(columns_of(group, x), y))
    log_mass, mean, covariance = row_moments(group, gram, noise)
    return log_mass + group.log_weights[None, None, :], *value_moments(columns_of(group, queries), mean, covariance)


@functools.partial(jax.jit, static_argnames=("lengths", "variance"))
def streamed_pass(
    blocks: Components,
    x: Float[Array, "b n d"],
    y: Float[Array, "b n"],
    counted: Float[Array, " n"],
    queries: Float[Array, "b m d"],
    lengths: tuple[int, ...],
    noise: Float[Array, ""],
    variance: bool,
) -> Sums:
    """Returns the sums of `whole_pass` for a group of many nodes in blocks; memory is used for one block at a time."""

    def add(sofar: Sums, block: tuple[Any, Array]) -> tuple[Sums, None]:
        group = eqx.tree_at(lambda whole: (whole.nodes, whole.log_weights), blocks, block)
        return _together(sofar, whole_pass(group, x, y, counted, queries, lengths, noise, variance)), None

    shape = (x.shape[0], len(lengths))
    nothing = (jnp.zeros((*shape, queries.shape[1])) for _ in range(2))
    start = Sums(jnp.full(shape, -jnp.inf), *nothing)
    return jax.lax.scan(add, start, (blocks.nodes, jnp.asarray(blocks.log_weights)))[0]


def _together(one: Sums, other: Sums) -> Sums:
    """Combines the sums of two sets of nodes."""
    log_evidence = jnp.logaddexp(one.log_evidence, other.log_evidence)
    shares = [jnp.exp(each.log_evidence - log_evidence)[..., None] for each in (one, other)]
    mean = shares[0] * one.mean + shares[1] * other.mean
    within = shares[0] * one.variance + shares[1] * other.variance
    return Sums(log_evidence, mean, within + shares[0] * shares[1] * jnp.square(one.mean - other.mean))
