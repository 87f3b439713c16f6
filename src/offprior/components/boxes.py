"""Boxes of the unit interval, square, cube and so on, over which a prior is integrated, and their nodes.

A prior's uncertain laws are quantile functions of independent uniform numbers, one number per axis of the unit cube. A
box uses the product of Gauss-Legendre rules on its axes; the mass of the prior in it is its volume.
"""

import functools
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from offprior.laws.law import PANEL_NODES

NODES_OF_AXIS = (PANEL_NODES, PANEL_NODES, PANEL_NODES, 6, 4)
"""Nodes on each axis of a box of 0, 1, 2, 3 or 4 axes; boxes of more axes also have 4."""
NODES_PER_BOX = (PANEL_NODES, PANEL_NODES, 64, 128, 256)
"""By how much fewer initial boxes there are on each axis than nodes requested, for 0, 1, 2, 3 or 4 axes."""


class Locate(eqx.Module):
    """The node at a place of the unit cube, with which the engine refines a quadrature."""

    @property
    def steps(self) -> tuple[Any, ...]:
        """One entry per axis: None, or the places between which the node does not change."""
        return (None,)

    def __call__(self, *u: Float[Array, ""]) -> Any:
        raise NotImplementedError


class LocateAny(Locate):
    """One of finitely many nodes, whose intervals are as wide as their probabilities."""

    nodes: Any
    edges: Float[np.ndarray, " edges"]

    @property
    def steps(self) -> tuple[Any, ...]:
        return (self.edges,)

    def __call__(self, *u: Float[Array, ""]) -> Any:
        place = (u[0] >= jnp.asarray(self.edges)[1:-1]).sum()
        return jax.tree.map(lambda leaf: jnp.asarray(leaf)[place], self.nodes)


class LocateBoth(Locate):
    """Two families' nodes: each at a place of its own axes, or its only node."""

    first: Any
    second: Any

    @property
    def steps(self) -> tuple[Any, ...]:
        return tuple(step for side in (self.first, self.second) if isinstance(side, Locate) for step in side.steps)

    def __call__(self, *u: Float[Array, ""]) -> Any:
        cut = len(self.first.steps) if isinstance(self.first, Locate) else 0
        sides = ((self.first, u[:cut]), (self.second, u[cut:]))
        return tuple(side(*places) if isinstance(side, Locate) else side for side, places in sides)


class Rule(NamedTuple):
    """The product rule of a box of width 1."""

    orders: tuple[int, ...]
    """Nodes on each axis; 1 if the axis numbers finitely many things, which need no more."""
    places: Float[np.ndarray, "axes nodes"]
    shares: Float[np.ndarray, " nodes"]
    last: tuple[Float[np.ndarray, "2 order"], ...]
    """For each axis, the map from the values on a line to the last two coefficients of its Legendre series."""
    lines: tuple[Float[np.ndarray, " lines"], ...]
    """For each axis, the shares of its lines."""


@functools.cache
def rule(orders: tuple[int, ...]) -> Rule:
    """Builds the product of Gauss-Legendre rules with `orders` nodes on each axis."""
    parts = [np.polynomial.legendre.leggauss(order) for order in orders]
    places = np.stack([each.ravel() for each in np.meshgrid(*((at + 1) / 2 for at, _ in parts), indexing="ij")])
    weights, axes = [each / 2 for _, each in parts], range(len(orders))
    lines = tuple(_product([weights[b] for b in axes if b != a]) for a in axes)
    return Rule(orders, places, _product(weights), tuple(_last(*part) for part in parts), lines)


def _product(shares: list[np.ndarray]) -> Float[np.ndarray, " nodes"]:
    return functools.reduce(np.multiply.outer, shares, np.ones(())).ravel()


def _last(at: np.ndarray, weights: np.ndarray) -> Float[np.ndarray, "2 order"]:
    if len(at) == 1:
        return np.zeros((2, 1))
    degrees = np.asarray([len(at) - 2, len(at) - 1])
    return (degrees + 0.5)[:, None] * weights * np.polynomial.legendre.legvander(at, len(at) - 1).T[degrees]


def orders_of(locate: Locate) -> tuple[int, ...]:
    """Returns the number of nodes on each axis of a box, which falls with the number of axes."""
    smooth = sum(step is None for step in locate.steps)
    nodes = NODES_OF_AXIS[min(smooth, len(NODES_OF_AXIS) - 1)]
    return tuple(nodes if step is None else 1 for step in locate.steps)


def boxes_of_axis(nodes: int, smooth: int) -> int:
    """Returns the initial number of boxes per axis with `smooth` axes, if `nodes` nodes suit a single axis."""
    return max(1, round(nodes / NODES_PER_BOX[min(smooth, len(NODES_PER_BOX) - 1)]))


def edges_of(locate: Locate, boxes: int) -> list[Float[np.ndarray, " edges"]]:
    """Returns the ends of the first boxes along each axis."""
    return [np.linspace(0, 1, boxes + 1) if step is None else np.asarray(step) for step in locate.steps]


def shape_of(locate: Locate, boxes: int) -> tuple[int, ...]:
    """Returns the number of nodes along each axis of `grid_of`."""
    ends = zip(edges_of(locate, boxes), orders_of(locate), strict=True)
    return tuple((len(edges) - 1) * order for edges, order in ends)


def grid_of(locate: Locate, boxes: int) -> tuple[Any, Float[np.ndarray, " nodes"]]:
    """Returns the nodes of the initial boxes and their log-weights; the last axis varies fastest."""
    places, weights = [], []
    for edges, order in zip(edges_of(locate, boxes), orders_of(locate), strict=True):
        of_axis, width = rule((order,)), np.diff(edges)
        places.append((edges[:-1, None] + width[:, None] * of_axis.places[0]).ravel())
        weights.append(np.log(width[:, None] * of_axis.shares).ravel())
    at = [each.ravel() for each in np.meshgrid(*places, indexing="ij")]
    with jax.enable_x64(True):
        nodes = jax.tree.map(np.asarray, jax.vmap(locate)(*map(jnp.asarray, at)))
    return nodes, functools.reduce(np.add.outer, weights).ravel()
