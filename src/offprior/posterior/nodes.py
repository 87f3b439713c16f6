"""Quadrature nodes, of a whole group or of single posteriors, and the features at them."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from offprior.components import Components
from offprior.laws import PANEL_NODES

AT, WEIGHTS = (np.polynomial.legendre.leggauss(PANEL_NODES)[k] for k in range(2))
PLACES = (AT + 1) / 2
"""Gauss-Legendre places of a panel of width 1."""
SHARES = WEIGHTS / 2


DEGREES = np.asarray([PANEL_NODES - 2, PANEL_NODES - 1])
LAST = (DEGREES + 0.5)[:, None] * WEIGHTS * np.polynomial.legendre.legvander(AT, PANEL_NODES - 1).T[DEGREES]
"""From a panel's values to the last two coefficients of its Legendre series."""


class Nodes(NamedTuple):
    """Nodes of posteriors [i], and the moments of their coefficients."""

    place: Float[Any, "i nodes"]
    """In the unit interval."""
    log_mass: Float[Any, "i nodes"]
    first: Float[Any, "columns i nodes"]
    second: Float[Any, "pairs i nodes"]


class Sums(NamedTuple):
    """What all nodes sum to: log-evidence, and the value's first and second moment at the queries."""

    log_evidence: Float[Any, "*i"]
    first: Float[Any, "*i m"]
    second: Float[Any, "*i m"]


def panel_errors(log_mass: Float[Array, "*i nodes"]) -> Float[Array, "*i panels"]:
    """The estimated error of each panel's integral, from its nodes' share of the mass.

    Gauss-Legendre quadrature with n nodes is exact up to degree 2n − 1: where the coefficients of the Legendre series
    have fallen by ρ at degree n they fall by about ρ² until those that are integrated wrongly.
    """
    mass = jnp.exp(log_mass).reshape(*log_mass.shape[:-1], -1, PANEL_NODES)
    values = mass / jnp.broadcast_to(SHARES, mass.shape)
    last = jnp.abs(values @ LAST.T).sum(-1)
    return last**2 / jnp.maximum(values.max(-1), 1e-300)


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
