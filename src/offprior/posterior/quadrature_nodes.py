"""Quadrature nodes, of a whole group or of single posteriors, and the features at them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from offprior.components import Components
from offprior.components.boxes import rule
from offprior.posterior.gram import products


class Sums(NamedTuple):
    """Sums over all nodes: log-evidence, and the value's mean and variance at the queries."""

    log_evidence: Float[Any, "*i"]
    mean: Float[Any, "*i m"]
    variance: Float[Any, "*i m"]


def places_of(
    low: Float[Array, "i axes panels"], width: Float[Array, "i axes panels"], orders: tuple[int, ...]
) -> Float[Array, "axes i nodes"]:
    """Returns the nodes of boxes."""
    places = jnp.asarray(rule(orders).places)
    at = low[..., None] + width[..., None] * places[None, :, None, :]
    return jnp.moveaxis(at.reshape(*low.shape[:2], -1), 1, 0)


def box_sums(
    log_density: Float[Array, "nodes panels"], orders: tuple[int, ...]
) -> tuple[Float[Array, " panels"], Float[Array, "axes panels"]]:
    """Returns the log mean density of each box, and the log of that mean's estimated error along each axis.

    Gauss-Legendre quadrature with n nodes is exact up to degree 2n − 1. If the coefficients of the Legendre series have
    fallen by ρ at degree n, they fall by about ρ² before the degrees that are integrated wrongly. In boxes of several
    axes this is required of every line of nodes separately, so that no errors cancel.
    """
    taken = rule(orders)
    highest = log_density.max(0, keepdims=True)
    values = jnp.exp(log_density - highest)
    if len(orders) == 1:
        # Written out, because products with such small matrices are slow.
        total = sum(values[k] * taken.shares[k] for k in range(orders[0]))
        last = sum(jnp.abs(sum(values[k] * row[k] for k in range(orders[0]))) for row in taken.last[0])
        return highest[0] + jnp.log(total), (highest[0] + 2 * jnp.log(last))[None]
    total = (values * jnp.asarray(taken.shares)[:, None]).sum(0)
    table = values.reshape(*orders, values.shape[1])
    errors = []
    for axis, order in enumerate(orders):
        lines = jnp.moveaxis(table, axis, 0).reshape(order, -1, values.shape[1])
        last = sum(jnp.abs(sum(lines[k] * row[k] for k in range(order))) for row in taken.last[axis])
        error = jnp.square(last) / jnp.maximum(lines.max(0), 1e-300)
        errors.append((error * jnp.asarray(taken.lines[axis])[:, None]).sum(0))
    return highest[0] + jnp.log(total), highest + jnp.log(jnp.stack(errors))


def columns_of(group: Components, x: Float[Array, "b n d"]) -> Float[Array, "columns b n nodes"]:
    """Returns the features of a group's own nodes at all points."""
    if not jax.tree.leaves(group.nodes):
        of_points = jax.vmap(lambda point: group.features(group.nodes, point), out_axes=1)
        return jax.vmap(of_points, in_axes=0, out_axes=1)(x)[..., None]
    of_nodes = jax.vmap(group.features, in_axes=(0, None), out_axes=1)
    of_points = jax.vmap(of_nodes, in_axes=(None, 0), out_axes=1)
    return jax.vmap(of_points, in_axes=(None, 0), out_axes=1)(group.nodes, x)


def columns_at(
    group: Components, places: Float[Array, "axes i nodes"], x: Float[Array, "i n d"]
) -> Float[Array, "columns i n nodes"]:
    """Returns the features of nodes at places of the unit cube, each prompt with its own places."""

    def of_item(places: Array, x: Array) -> Array:
        nodes = jax.vmap(group.locate)(*places)  # type: ignore[arg-type]
        of_nodes = jax.vmap(group.features, in_axes=(0, None), out_axes=1)
        return jax.vmap(of_nodes, in_axes=(None, 0), out_axes=1)(nodes, x)

    return jax.vmap(of_item, in_axes=(1, 0), out_axes=1)(places, x)


def with_y(columns: Float[Array, "columns b n nodes"], y: Float[Array, "b n"]) -> Float[Array, "more b n nodes"]:
    """Appends y to the columns."""
    return jnp.concatenate([columns, jnp.broadcast_to(y[None, :, :, None], (1, *columns.shape[1:]))])


def mean_at(
    columns: Float[Array, "columns b m nodes"], weighted: Float[Array, "columns b L nodes"]
) -> Float[Array, "b L m"]:
    """Returns the mean of the value, from the coefficients' means times the nodes' shares."""
    return jnp.einsum("cbmz,cblz->blm", columns, weighted)


def variance_at(
    columns: Float[Array, "columns b m nodes"],
    whole: Float[Array, "b L m"],
    share: Float[Array, "b L nodes"],
    mean: Float[Array, "columns b L nodes"],
    covariance: Float[Array, "pairs b L nodes"],
) -> Float[Array, "b L m"]:
    """Returns the variance of the value about its mean, from the nodes' shares and their coefficients' moments.

    It is the variance within nodes plus that of the nodes' means about the mean: E[f²] − mean² would be only rounding
    if the mean is large.
    """
    within = jnp.einsum("cbmz,cblz->blm", products(columns), share[None] * covariance)

    def between(of_length: tuple[Array, Array, Array]) -> Array:
        share, mean, whole = of_length
        away = (columns * mean[:, :, None]).sum(0) - whole[:, :, None]
        return (share[:, None] * jnp.square(away)).sum(-1)

    by_length = (jnp.moveaxis(share, 1, 0), jnp.moveaxis(mean, 2, 0), jnp.moveaxis(whole, 1, 0))
    # A variance at the level of rounding may come out negative.
    return jnp.maximum(within, 0.0) + jnp.moveaxis(jax.lax.map(between, by_length), 0, 1)


def value_moments(
    columns: Float[Array, "columns b m nodes"],
    mean: Float[Array, "rows columns b nodes"],
    covariance: Float[Array, "rows pairs b nodes"],
) -> tuple[Float[Array, "rows b m nodes"], Float[Array, "rows b m nodes"]]:
    """Returns the value's mean and variance at the queries under each component, from its coefficients' moments."""
    spread = jnp.einsum("cbmz,rcbz->rbmz", products(columns), covariance)
    return jnp.einsum("cbmz,rcbz->rbmz", columns, mean), jnp.maximum(spread, 0.0)
