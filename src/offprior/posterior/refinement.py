"""Where a posterior is narrower than a panel of its quadrature: the panels that hold most of it are cut, repeatedly."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Array, Float

from offprior.components import Components
from offprior.laws import PANEL_NODES
from offprior.posterior import passes
from offprior.posterior.nodes import SHARES, Nodes

COARSEST = 1.6
"""A posterior of a larger coarseness is refined."""
ROUNDS = 12
CUT = 4
"""Panels that are cut in a round, into so many:"""
CHILDREN = 4
NEGLIGIBLE = 1e-10
LEAST = 64
"""Predictions are made for so many nodes at least, and for a power of two, so that few programs are compiled."""


def refined(
    group: Components,
    prompts: tuple[Float[np.ndarray, "i n d"], Float[np.ndarray, "i n"], Float[np.ndarray, "i n"]],
    coarse: Nodes,
    noise: Array,
    variance: bool,
) -> tuple[Nodes, Float[np.ndarray, " i"]]:
    """The nodes that hold the posteriors, and their coarseness; `prompts` are x, y and the mask of each's context."""
    wide = coarse.log_mass.shape[1] // PANEL_NODES
    low = np.broadcast_to(np.arange(wide)[None, :] / wide, (len(coarse.log_mass), wide))
    width, nodes, leaves = np.full(low.shape, 1 / wide), coarse, []
    coarseness = np.zeros(len(low))
    for _ in range(ROUNDS):
        chosen = _heaviest_panels(nodes.log_mass, min(CUT, low.shape[1]))
        leaves.append(_without(nodes, chosen))
        low, width = (np.take_along_axis(array, chosen, axis=1) for array in (low, width))
        width = np.repeat(width / CHILDREN, CHILDREN, axis=1)
        low = np.repeat(low, CHILDREN, axis=1) + width * np.tile(np.arange(CHILDREN), chosen.shape[1])[None, :]
        found = passes.second_pass(group, *prompts, low, width, noise, variance)
        nodes = Nodes(*(np.asarray(array) for array in found))
        coarseness = _coarseness(nodes.log_mass, [*(leaf.log_mass for leaf in leaves), nodes.log_mass])
        if coarseness.max() <= COARSEST:
            break
    return _heaviest([*leaves, nodes]), coarseness


def _heaviest_panels(log_mass: Float[np.ndarray, "i nodes"], count: int) -> np.ndarray:
    of_panels = log_mass.reshape(len(log_mass), -1, PANEL_NODES).max(-1)
    return np.argpartition(-of_panels, count - 1, axis=1)[:, :count]


def _without(nodes: Nodes, panels: np.ndarray) -> Nodes:
    """The nodes, those of some panels without mass."""
    in_panels = nodes.log_mass.reshape(len(panels), -1, PANEL_NODES).copy()
    in_panels[np.arange(len(panels))[:, None], panels] = -np.inf
    return nodes._replace(log_mass=in_panels.reshape(nodes.log_mass.shape))


def _coarseness(
    log_mass: Float[np.ndarray, "i nodes"], everything: Sequence[Float[np.ndarray, "i _"]]
) -> Float[np.ndarray, " i"]:
    total = np.logaddexp.reduce(np.concatenate(everything, axis=1), axis=1)
    density = log_mass.reshape(len(log_mass), -1, PANEL_NODES) - np.log(SHARES)[None, None, :]
    return np.exp(density.max((1, 2)) - total)


def _heaviest(leaves: Sequence[Nodes]) -> Nodes:
    """The nodes that hold all of the posteriors but 10⁻¹⁰: predictions need to be made for these alone."""
    place, log_mass, first, second = (np.concatenate(parts, axis=-1) for parts in zip(*leaves, strict=True))
    mass = np.exp(log_mass - log_mass.max(-1, keepdims=True))
    order = np.argsort(-mass, axis=-1)
    held = np.cumsum(np.take_along_axis(mass, order, axis=-1), axis=-1)
    enough = int((held < held[:, -1:] * (1 - NEGLIGIBLE)).sum(-1).max()) + 1
    order = order[:, : 1 << (max(enough, LEAST) - 1).bit_length()]
    place, log_mass = (np.take_along_axis(array, order, axis=-1) for array in (place, log_mass))
    first, second = (np.take_along_axis(array, order[None], axis=-1) for array in (first, second))
    return Nodes(place, log_mass, first, second)
