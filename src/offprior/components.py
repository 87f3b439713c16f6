"""Families as weighted Gaussian linear models: what exact inference needs to know of them.

A component is a function f(x) = Σ_j s_j c_j φ_j(x), with known features φ_j, known scales s_j and coefficients c_j that
are either 1 (a fixed column) or independent N(0, 1). `Components` holds one for every pair of a node, which shapes the
features (a frequency), and a row of scales, which only stretches them (a weight of a combination, an entry of a grid):
the engine computes sines and sums of products once a node, whatever the number of rows.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from offprior.errors import OffpriorError

DECIMALS = 12
"""Scales that agree to so many decimals are one."""


class NoClosedForm(OffpriorError):
    """The family is no mixture of Gaussian linear models, so that there is no exact posterior."""


class Columns(eqx.Module):
    """The features of a component at one point."""

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        raise NotImplementedError


class Locate(eqx.Module):
    """The node at a place of the unit interval, by which the engine refines a quadrature where that is needed."""

    def __call__(self, u: Float[Array, ""]) -> Any:
        raise NotImplementedError


class Subsets(eqx.Module):
    """A prior over which of the columns a function has; `posterior/subsets.py` samples it."""

    log_weights: Float[np.ndarray, " sizes"]
    """Of a single subset of 0, 1, 2 … columns."""
    particles: int = eqx.field(static=True)


class Components(eqx.Module):
    """Weighted Gaussian linear models, one for every pair of a node and a row of scales."""

    features: Columns
    nodes: Any
    """A pytree whose leaves have the nodes as leading axis."""
    log_weights: Float[np.ndarray, " nodes"]
    scales: Float[np.ndarray, "rows columns"]
    log_scale_weights: Float[np.ndarray, " rows"]
    fixed: tuple[bool, ...] = eqx.field(static=True)
    """Which columns have coefficient 1 rather than N(0, 1)."""
    constant: tuple[bool, ...] = eqx.field(static=True)
    """Which columns are 1 everywhere."""
    integrated: int = eqx.field(default=0, static=True)
    """How many laws the nodes integrate numerically; 0 where they are all there is."""
    locate: Locate | None = None
    """Where the nodes are the panels of `laws.unit_nodes`, the node at any place of the unit interval."""
    subsets: Subsets | None = None
    """Where the components are too many to enumerate: one for every subset of the columns of the only node."""
    approximation: str = eqx.field(default="", static=True)
    """What is approximate about this prior beyond its quadrature, in words; empty where nothing is."""

    @property
    def node_count(self) -> int:
        """Nodes."""
        return len(self.log_weights)

    @property
    def rank(self) -> int:
        """Random coefficients of a component."""
        return sum(not fixed for fixed in self.fixed)


class Both(Columns):
    """The columns of two families, side by side."""

    first: Columns
    second: Columns
    kept: tuple[int, ...] = eqx.field(static=True)
    """Columns of the second that are not the first's already."""

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        second = self.second(node[1], x)[np.asarray(self.kept, int)]
        return jnp.concatenate([self.first(node[0], x), second])


class LocateBoth(Locate):
    """A place of one family's unit interval, the other's single node beside it."""

    first: Any
    second: Any

    def __call__(self, u: Float[Array, ""]) -> Any:
        return tuple(side(u) if isinstance(side, Locate) else side for side in (self.first, self.second))


def combine(first: Components, second: Components, a: float, b: float) -> Components:
    """The components of a·f + b·g, with f of `first` and g of `second`, independent: all pairs of their components.

    Where at most one of them has more than one node, the refinement of its quadrature is kept.
    """
    nodes, log_weights = paired(first, second)
    rows = np.indices((len(first.scales), len(second.scales))).reshape(2, -1)
    left, right = a * first.scales[rows[0]], b * second.scales[rows[1]]
    # Two fixed constants are one, which keeps combinations of grids small.
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
        locate=locate_both(first, second),
        approximation=approximations((first, second)),
    )


def paired(first: Components, second: Components) -> tuple[tuple[Any, Any], Float[np.ndarray, " pairs"]]:
    """All pairs of the nodes of two families, and their log-weights.

    Raises:
        NoClosedForm: one of them has too many components to enumerate.
    """
    if first.subsets is not None or second.subsets is not None:
        raise NoClosedForm("a prior over subsets that are sampled, not enumerated, is joined to no other family's")
    pairs = np.indices((first.node_count, second.node_count)).reshape(2, -1)
    left, right = (
        jax.tree.map(lambda leaf, which=which: leaf[which], side.nodes)
        for side, which in zip((first, second), pairs, strict=True)
    )
    return (left, right), first.log_weights[pairs[0]] + second.log_weights[pairs[1]]


def approximations(sides: Sequence[Components]) -> str:
    """What is approximate about any of them, each said once."""
    return "; ".join(dict.fromkeys(side.approximation for side in sides if side.approximation))


class Value(Columns):
    """A function without freedom as a single column; a node is one of the columns', and a row of their scales."""

    columns: Columns

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        inner, row = node
        return jnp.dot(jnp.asarray(row, x.dtype), self.columns(inner, x))[None]


class LocateValue(Locate):
    """A node of the columns, the only row of their scales beside it."""

    locate: Locate
    row: Any

    def __call__(self, u: Float[Array, ""]) -> Any:
        return self.locate(u), self.row


def as_values(known: Components) -> Components:
    """The same prior over functions, all of them known but for their node: a single column of coefficient 1."""
    if known.rank:
        raise NoClosedForm("its functions have free coefficients")
    node, row = np.indices((known.node_count, len(known.scales))).reshape(2, -1)
    one_row = len(known.scales) == 1
    return Components(
        features=Value(known.features),
        nodes=(jax.tree.map(lambda leaf: leaf[node], known.nodes), known.scales[row]),
        log_weights=known.log_weights[node] + known.log_scale_weights[row],
        scales=np.ones((1, 1)),
        log_scale_weights=np.zeros(1),
        fixed=(True,),
        constant=(False,),
        integrated=known.integrated,
        locate=LocateValue(known.locate, known.scales[0]) if one_row and known.locate is not None else None,
        approximation=known.approximation,
    )


def distinct(
    scales: Float[np.ndarray, "all columns"], log_weights: Float[np.ndarray, " all"]
) -> tuple[Float[np.ndarray, "rows columns"], Float[np.ndarray, " rows"]]:
    """Equal rows become one, their weights added."""
    codes = np.zeros(len(scales), np.int64)
    for column in np.round(scales, DECIMALS).T:
        values, code = np.unique(column, return_inverse=True)
        _, codes = np.unique(codes * len(values) + code, return_inverse=True)
    _, first = np.unique(codes, return_index=True)
    weights = np.bincount(codes, weights=np.exp(log_weights))
    return scales[first] + 0.0, np.log(weights)  # + 0.0: no negative zeros


def merged(first: Components, second: Components, share: float) -> Components | None:
    """The mixture (1 − share)·first + share·second of two priors as one; None where they are too different."""
    same_shape = (first.fixed, first.constant) == (second.fixed, second.constant)
    same_shape &= first.approximation == second.approximation and first.subsets is second.subsets is None
    if not same_shape or not eqx.tree_equal(first.features, second.features):
        return None
    weight = np.log1p(-share), np.log(share)
    sides = (first, second)
    if _same((first.nodes, first.log_weights, first.locate), (second.nodes, second.log_weights, second.locate)):
        scales, log_scale_weights = distinct(
            np.concatenate([side.scales for side in sides]),
            np.concatenate([w + side.log_scale_weights for w, side in zip(weight, sides, strict=True)]),
        )
        return eqx.tree_at(lambda c: (c.scales, c.log_scale_weights), first, (scales, log_scale_weights))
    discrete = first.locate is None and second.locate is None and first.integrated == second.integrated
    if discrete and _same((first.scales, first.log_scale_weights), (second.scales, second.log_scale_weights)):
        nodes = jax.tree.map(lambda *leaves: np.concatenate(leaves), first.nodes, second.nodes)
        log_weights = np.concatenate([w + side.log_weights for w, side in zip(weight, sides, strict=True)])
        return eqx.tree_at(lambda c: (c.nodes, c.log_weights), first, (nodes, log_weights))
    return None


def equal(first: Components, second: Components) -> bool:
    """Are they the same prior over functions, written in the same way?"""
    return _same(first, second)


def _same(first: Any, second: Any) -> bool:
    return jax.tree.structure(first) == jax.tree.structure(second) and bool(eqx.tree_equal(first, second))


def locate_both(first: Components, second: Components) -> Locate | None:
    """The refinement of a pair's quadrature, where at most one of them has more than one node."""
    sides: Sequence[Components] = (first, second)
    if not any(side.locate is not None for side in sides):
        return None
    if any(side.locate is None and side.node_count > 1 for side in sides) or all(side.locate for side in sides):
        return None
    return LocateBoth(
        *(side.locate if side.locate is not None else jax.tree.map(lambda leaf: leaf[0], side.nodes) for side in sides)
    )
