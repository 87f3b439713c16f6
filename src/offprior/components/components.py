"""Families as weighted Gaussian linear models: everything that exact inference needs to know about them.

A component is a function f(x) = Σ_j s_j c_j φ_j(x), with known features φ_j, known scales s_j and coefficients c_j that
are either 1 (a fixed column) or independent N(0, 1). `Components` holds one for every pair of a node, which shapes the
features (a frequency), and a row of scales, which only stretches them (a weight of a combination, an entry of a grid).
The engine computes sines and sums of products once per node, whatever the number of rows.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from offprior.components.boxes import Locate
from offprior.errors import OffpriorError

__all__ = [
    "FIXED_GRID",
    "Columns",
    "Components",
    "Locate",
    "NoClosedForm",
    "Subsets",
    "approximations",
    "distinct",
    "equal",
    "merged",
]

FIXED_GRID = "a law is integrated on a grid that is not refined, for each of very many known functions"
"""What is approximate about components that are integrated but cannot be located."""
DECIMALS = 12
"""Scales that agree to this many decimals are treated as equal."""


class NoClosedForm(OffpriorError):
    """The family is not a mixture of Gaussian linear models, so there is no exact posterior."""


class Columns(eqx.Module):
    """The features of a component at one point."""

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        raise NotImplementedError


class Subsets(eqx.Module):
    """A prior over which of the columns a function has; `posterior/subsets.py` samples it."""

    log_weights: Float[np.ndarray, " sizes"]
    """Log-weight of a single subset of 0, 1, 2 … columns."""
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
    """How many laws the nodes integrate numerically; 0 if the nodes are all there are."""
    locate: Locate | None = None
    """The node at any place of the unit cube, if the nodes are those of `boxes.grid_of`; None otherwise."""
    boxes: int = eqx.field(default=0, static=True)
    """The number of boxes on each axis of the unit cube; 0 means one per eight nodes of the only axis."""
    subsets: Subsets | None = None
    """If there are too many components to enumerate: one for every subset of the columns of the only node."""
    approximation: str = eqx.field(default="", static=True)
    """What is approximate about this prior beyond its quadrature, in words; empty if nothing is."""

    @property
    def node_count(self) -> int:
        """The number of nodes."""
        return len(self.log_weights)

    @property
    def rank(self) -> int:
        """The number of random coefficients of a component."""
        return sum(not fixed for fixed in self.fixed)


def approximations(sides: Sequence[Components]) -> str:
    """Lists what is approximate about any of them, each reason once."""
    said = [side.approximation for side in sides if side.approximation]
    said += [FIXED_GRID for side in sides if side.integrated and side.locate is None]
    return "; ".join(dict.fromkeys(said))


def distinct(
    scales: Float[np.ndarray, "all columns"], log_weights: Float[np.ndarray, " all"]
) -> tuple[Float[np.ndarray, "rows columns"], Float[np.ndarray, " rows"]]:
    """Merges equal rows and adds their weights."""
    codes = np.zeros(len(scales), np.int64)
    for column in np.round(scales, DECIMALS).T:
        values, code = np.unique(column, return_inverse=True)
        _, codes = np.unique(codes * len(values) + code, return_inverse=True)
    _, first = np.unique(codes, return_index=True)
    weights = np.bincount(codes, weights=np.exp(log_weights))
    return scales[first] + 0.0, np.log(weights)  # + 0.0 removes negative zeros


def merged(first: Components, second: Components, share: float) -> Components | None:
    """Returns the mixture (1 − share)·first + share·second as one prior, or None if the two are too different."""
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
    """Whether both are the same prior over functions, written in the same way."""
    return _same(first, second)


def _same(first: Any, second: Any) -> bool:
    return jax.tree.structure(first) == jax.tree.structure(second) and bool(eqx.tree_equal(first, second))
