"""Two families as one: pairs of their components, and the refinement of both quadratures together."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from offprior.components import Columns, Components, NoClosedForm, approximations, distinct
from offprior.components.boxes import NODES_PER_BOX, Locate, LocateAny, LocateBoth, boxes_of_axis, grid_of

MOST_KNOWN = 256
"""The most nodes of a finite family that are refined together with another family's quadrature."""
BESIDE_OTHERS = 4
"""The factor by which a quadrature starts with fewer nodes if it is repeated for each node of a finite family."""


class Both(Columns):
    """The columns of two families, side by side."""

    first: Columns
    second: Columns
    kept: tuple[int, ...] = eqx.field(static=True)
    """The second family's columns that are not already the first's."""

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        second = self.second(node[1], x)[np.asarray(self.kept, int)]
        return jnp.concatenate([self.first(node[0], x), second])


def combine(first: Components, second: Components, a: float, b: float) -> Components:
    """Returns the components of a·f + b·g, with f and g drawn independently from `first` and `second`.

    These are all pairs of their components. The quadratures of both are refined together.
    """
    nodes, log_weights, locate, boxes = paired(first, second)
    rows = np.indices((len(first.scales), len(second.scales))).reshape(2, -1)
    left, right = a * first.scales[rows[0]], b * second.scales[rows[1]]
    # Two fixed constants are merged, which keeps combinations of grids small.
    ones = [j for j in range(len(first.fixed)) if first.constant[j] and first.fixed[j]]
    twins = [j for j in range(len(second.fixed)) if ones and second.constant[j] and second.fixed[j]][:1]
    for j in twins:
        left[:, ones[0]] += right[:, j]
    kept = tuple(j for j in range(len(second.fixed)) if j not in twins)
    scales, log_scale_weights = distinct(
        np.concatenate([left, right[:, list(kept)]], axis=1),
        first.log_scale_weights[rows[0]] + second.log_scale_weights[rows[1]],
    )
    return Components(
        features=Both(first.features, second.features, kept),
        nodes=nodes,
        log_weights=log_weights,
        scales=scales,
        log_scale_weights=log_scale_weights,
        fixed=first.fixed + tuple(second.fixed[j] for j in kept),
        constant=first.constant + tuple(second.constant[j] for j in kept),
        integrated=first.integrated + second.integrated,
        locate=locate,
        boxes=boxes,
        approximation=approximations((first, second)),
    )


class Paired(NamedTuple):
    """All pairs of the nodes of two families."""

    nodes: tuple[Any, Any]
    log_weights: Float[np.ndarray, " pairs"]
    locate: Locate | None
    """The refinement of everything that either family integrates."""
    boxes: int


def paired(first: Components, second: Components) -> Paired:
    """Returns all pairs of the nodes of two families, or the initial nodes if both are refined together.

    Raises:
        NoClosedForm: one of them has too many components to enumerate.
    """
    sides: Sequence[Components] = (first, second)
    if first.subsets is not None or second.subsets is not None:
        raise NoClosedForm("a prior over sampled subsets cannot be combined with another family's")
    refined = [side for side in sides if side.locate is not None]
    several = [side for side in sides if side.node_count > 1]
    if len(refined) == len(several) == 1:
        # The other family has a single node, so the boxes of this one are enough.
        nodes, log_weights = _pairs(first, second)
        return Paired(nodes, log_weights, LocateBoth(*map(_locate, sides)), refined[0].boxes)
    known = [side for side in several if side.locate is None]
    if not refined or any(side.integrated or side.node_count > MOST_KNOWN for side in known):
        return Paired(*_pairs(*map(_thinned, sides)), None, 0)
    locate = LocateBoth(*map(_locate, sides))
    smooth = sum(step is None for step in locate.steps)
    nodes = min(map(_density, refined)) // (BESIDE_OTHERS if known else 1)
    boxes = boxes_of_axis(nodes, smooth)
    return Paired(*grid_of(locate, boxes), locate, boxes)


def _pairs(first: Components, second: Components) -> tuple[tuple[Any, Any], Float[np.ndarray, " pairs"]]:
    pairs = np.indices((first.node_count, second.node_count)).reshape(2, -1)
    left, right = (
        jax.tree.map(lambda leaf, which=which: leaf[which], side.nodes)
        for side, which in zip((first, second), pairs, strict=True)
    )
    return (left, right), first.log_weights[pairs[0]] + second.log_weights[pairs[1]]


def _locate(side: Components) -> Any:
    """Returns the side's own refinement, a choice among its weighted nodes, or its only node."""
    if side.locate is not None:
        return side.locate
    if side.node_count == 1:
        return jax.tree.map(lambda leaf: leaf[0], side.nodes)
    weights = np.exp(side.log_weights)
    edges = np.concatenate([np.zeros(1), np.cumsum(weights / weights.sum())])
    edges[-1] = 1.0
    return LocateAny(side.nodes, edges)


def _thinned(side: Components) -> Components:
    """Returns the side with fewer of the nodes that could have been refined."""
    if side.locate is None:
        return side
    smooth = sum(step is None for step in side.locate.steps)
    nodes, log_weights = grid_of(side.locate, boxes_of_axis(_density(side) // BESIDE_OTHERS, smooth))
    return dataclasses.replace(side, nodes=nodes, log_weights=log_weights)


def _density(side: Components) -> int:
    """Returns the number of nodes that were requested for one axis."""
    assert side.locate is not None
    if side.boxes == 0:
        return side.node_count
    smooth = sum(step is None for step in side.locate.steps)
    return side.boxes * NODES_PER_BOX[min(smooth, len(NODES_PER_BOX) - 1)]


class Value(Columns):
    """A known function as a single column; its node is a node of the columns and a row of their scales."""

    columns: Columns

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        inner, row = node
        return jnp.dot(jnp.asarray(row, x.dtype), self.columns(inner, x))[None]


def as_values(known: Components) -> Components:
    """Rewrites functions that are known given their node as a single column of coefficient 1."""
    if known.rank:
        raise NoClosedForm("its functions have free coefficients")
    both = paired(known, _as_nodes(known.scales, known.log_scale_weights, known))
    return dataclasses.replace(
        _as_nodes(both.nodes, both.log_weights, known),
        features=Value(known.features),
        integrated=known.integrated,
        locate=both.locate,
        boxes=both.boxes,
        approximation=known.approximation,
    )


def _as_nodes(nodes: Any, log_weights: Float[np.ndarray, " nodes"], known: Components) -> Components:
    """Returns a single column of coefficient 1 at each of the given nodes."""
    one = np.ones((1, 1))
    return Components(known.features, nodes, log_weights, one, np.zeros(1), fixed=(True,), constant=(False,))


class LocateCoefficient(Locate):
    """A node and a row of scales, and on the last axis the free coefficient that multiplies its columns."""

    both: LocateBoth
    fixed: tuple[bool, ...] = eqx.field(static=True)
    symmetric: bool = eqx.field(static=True)

    @property
    def steps(self) -> tuple[Any, ...]:
        return (*self.both.steps, None)

    def __call__(self, *u: Float[Array, ""]) -> Any:
        node, row = self.both(*u[:-1])
        coefficient = jax.scipy.special.ndtri((1 + u[-1]) / 2 if self.symmetric else u[-1])
        return node, jnp.where(np.asarray(self.fixed), row, jnp.asarray(row) * coefficient)


def with_coefficient(known: Components, nodes: int, symmetric: bool) -> Components:
    """Integrates the only free coefficient too, which leaves a single column of coefficient 1.

    `symmetric` says that the coefficient may be taken as positive, which halves the work.
    """
    rows = _as_nodes(known.scales, known.log_scale_weights, known)
    locate = LocateCoefficient(LocateBoth(_locate(known), _locate(rows)), known.fixed, symmetric)
    boxes = boxes_of_axis(nodes, sum(step is None for step in locate.steps))
    grid, log_weights = grid_of(locate, boxes)
    return dataclasses.replace(
        _as_nodes(grid, log_weights, known),
        features=Value(known.features),
        integrated=known.integrated + 1,
        locate=locate,
        boxes=boxes,
        approximation=known.approximation,
    )
