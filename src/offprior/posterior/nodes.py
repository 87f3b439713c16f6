"""Quadrature nodes, of a whole group or of single posteriors, and the features at them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from offprior.components import Components
from offprior.conjugate import products
from offprior.laws import PANEL_NODES

AT, WEIGHTS = (np.polynomial.legendre.leggauss(PANEL_NODES)[k] for k in range(2))
PLACES = (AT + 1) / 2
"""Gauss-Legendre places of a panel of width 1."""
SHARES = WEIGHTS / 2


DEGREES = np.asarray([PANEL_NODES - 2, PANEL_NODES - 1])
LAST = (DEGREES + 0.5)[:, None] * WEIGHTS * np.polynomial.legendre.legvander(AT, PANEL_NODES - 1).T[DEGREES]
"""From a panel's values to the last two coefficients of its Legendre series."""


class Sums(NamedTuple):
    """What all nodes sum to: log-evidence, and the value's first and second moment at the queries."""

    log_evidence: Float[Any, "*i"]
    first: Float[Any, "*i m"]
    second: Float[Any, "*i m"]


def panel_sums(log_density: Float[Array, "8 panels"]) -> tuple[Float[Array, " panels"], Float[Array, " panels"]]:
    """Logarithms of the mean density of each panel and of that mean's estimated error.

    Gauss-Legendre quadrature with n nodes is exact up to degree 2n − 1: where the coefficients of the Legendre series
    have fallen by ρ at degree n they fall by about ρ² until those that are integrated wrongly.
    """
    highest = log_density.max(0, keepdims=True)
    values = jnp.exp(log_density - highest)
    # Written out: products with matrices as small as these are slow.
    total = sum(values[k] * SHARES[k] for k in range(PANEL_NODES))
    last = sum(jnp.abs(sum(values[k] * row[k] for k in range(PANEL_NODES))) for row in LAST)
    return highest[0] + jnp.log(total), highest[0] + 2 * jnp.log(last)


def places_of(low: Float[Array, "i panels"], width: Float[Array, "i panels"]) -> Float[Array, "i nodes"]:
    """The nodes of panels."""
    return (low[:, :, None] + width[:, :, None] * PLACES[None, None, :]).reshape(low.shape[0], -1)


def columns_of(group: Components, x: Float[Array, "b n d"]) -> Float[Array, "columns b n nodes"]:
    """The features of a group's own nodes at all points."""
    if not jax.tree.leaves(group.nodes):
        of_points = jax.vmap(lambda point: group.features(group.nodes, point), out_axes=1)
        return jax.vmap(of_points, in_axes=0, out_axes=1)(x)[..., None]
    of_nodes = jax.vmap(group.features, in_axes=(0, None), out_axes=1)
    of_points = jax.vmap(of_nodes, in_axes=(None, 0), out_axes=1)
    return jax.vmap(of_points, in_axes=(None, 0), out_axes=1)(group.nodes, x)


def columns_at(
    group: Components, places: Float[Array, "i nodes"], x: Float[Array, "i n d"]
) -> Float[Array, "columns i n nodes"]:
    """The features of nodes at places of the unit interval, each prompt with its own."""

    def of_item(places: Array, x: Array) -> Array:
        nodes = jax.vmap(group.locate)(places)  # type: ignore[arg-type]
        of_nodes = jax.vmap(group.features, in_axes=(0, None), out_axes=1)
        return jax.vmap(of_nodes, in_axes=(None, 0), out_axes=1)(nodes, x)

    return jax.vmap(of_item, out_axes=1)(places, x)


def with_y(columns: Float[Array, "columns b n nodes"], y: Float[Array, "b n"]) -> Float[Array, "more b n nodes"]:
    """The columns and, last, y."""
    return jnp.concatenate([columns, jnp.broadcast_to(y[None, :, :, None], (1, *columns.shape[1:]))])


def at_queries(
    columns: Float[Array, "columns b m nodes"],
    first: Float[Array, "columns b L nodes"],
    second: Float[Array, "pairs b L nodes"] | None,
) -> tuple[Float[Array, "b L m"], Float[Array, "b L m"]]:
    """First and second moment of the value, from the coefficients' moments times the nodes' shares."""
    mean = jnp.einsum("cbmz,cblz->blm", columns, first)
    if second is None:
        return mean, jnp.zeros_like(mean)
    return mean, jnp.einsum("cbmz,cblz->blm", products(columns), second)
