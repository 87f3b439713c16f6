"""Where the panels of a quadrature are too wide for a posterior they are cut, one posterior at a time.

With little noise a posterior may have many narrow modes, which a coarse grid cannot see. The panels are then made for
higher noise first, at which the grid sees all, and cut as the noise is lowered: a mode of the posterior is a mode at a
higher noise too, only wider. Panels that hold nothing at a higher noise are dropped.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from offprior.components import Components
from offprior.laws import PANEL_NODES
from offprior.posterior import passes
from offprior.posterior.nodes import Nodes, columns_of, panel_errors

TOLERANCE = 1e-8
"""Estimated error of a panel's integral, as a share of the evidence, above which it is cut."""
ROUGH = 1e-6
"""The same at a higher noise, where the modes need to be seen and no more."""
CHILDREN = 4
ROUNDS = 12
"""Cuts at one level of noise, at most."""
MOST_PANELS = 512
NEGLIGIBLE = 1e-12
"""Share of the evidence below which a panel is dropped."""
LOWER = 4.0
"""Factor between two levels of noise."""
LEAST = 64
"""Predictions are made for so many nodes at least, and for a power of two, so that few programs are compiled."""


class Panels(NamedTuple):
    """Panels of posteriors [i], in the unit interval; those of width 0 are there to keep the shape."""

    low: Float[np.ndarray, "i panels"]
    width: Float[np.ndarray, "i panels"]


def noise_levels(group: Components, x: Float[np.ndarray, "b n d"], noise: float) -> list[float]:
    """The noise at which to begin, and the levels down to `noise`, which is the only one where the grid sees all.

    The grid sees all where the function's values at neighbouring nodes differ by no more than the noise.
    """
    if group.locate is None or x.size == 0:
        return [noise]
    farthest = np.abs(x).reshape(-1, x.shape[-1]).max(0)
    at = np.asarray(columns_of(group, jnp.asarray(farthest[None, None])))[:, 0, 0]
    step = (np.abs(np.diff(at, axis=1)).max(1) * np.abs(np.asarray(group.scales)).max(0)).max()
    levels = [noise]
    while levels[0] < step:
        levels.insert(0, levels[0] * LOWER)
    return levels


def refined(
    group: Components,
    prompts: tuple[Float[np.ndarray, "i n d"], Float[np.ndarray, "i n"], Float[np.ndarray, "i n"]],
    levels: list[float],
    variance: bool,
) -> tuple[Nodes, Float[np.ndarray, " i"]]:
    """The nodes that hold the posteriors, and the estimated error of the evidence; `prompts` are x, y and a mask."""
    wide = group.node_count // PANEL_NODES
    low = np.broadcast_to(np.arange(wide)[None, :] / wide, (len(prompts[0]), wide))
    panels = Panels(low, np.full(low.shape, 1 / wide))
    nodes, errors, total = _evaluated(group, prompts, panels, levels[0], variance)
    for level in levels:
        if level != levels[0]:
            nodes, errors, total = _evaluated(group, prompts, panels, level, variance)
        tolerance = TOLERANCE if level == levels[-1] else ROUGH
        for _ in range(ROUNDS):
            if not (errors > tolerance).any():
                break
            finer = _cut(panels, _shares(nodes, total), errors > tolerance)
            if finer is None:
                break
            panels = finer
            nodes, errors, total = _evaluated(group, prompts, panels, level, variance)
    return _heaviest(nodes), errors.sum(-1)


def _evaluated(
    group: Components, prompts: tuple[np.ndarray, ...], panels: Panels, noise: float, variance: bool
) -> tuple[Nodes, Float[np.ndarray, "i panels"], Float[np.ndarray, " i"]]:
    """The panels' nodes, each panel's error and all panels' log-evidence."""
    found = passes.second_pass(group, *prompts, *panels, jnp.asarray(noise, float), variance)
    nodes = Nodes(*(np.asarray(array) for array in found))
    total = np.logaddexp.reduce(nodes.log_mass, axis=1)
    errors = np.asarray(panel_errors(jnp.asarray(nodes.log_mass - total[:, None])))
    return nodes, errors, total


def _shares(nodes: Nodes, total: Float[np.ndarray, " i"]) -> Float[np.ndarray, "i panels"]:
    mass = np.exp(nodes.log_mass - total[:, None])
    return mass.reshape(len(mass), -1, PANEL_NODES).sum(-1)


def _cut(panels: Panels, shares: Float[np.ndarray, "i panels"], is_cut: Bool[np.ndarray, "i panels"]) -> Panels | None:
    """Some panels cut, and negligible ones of the others dropped; None where that would be too many."""
    is_kept = ~is_cut & (shares > NEGLIGIBLE)
    needed = int((is_kept.sum(1) + CHILDREN * is_cut.sum(1)).max())
    count = max(PANEL_NODES, 1 << (needed - 1).bit_length())
    if count > MOST_PANELS:
        return None
    width = panels.width / CHILDREN
    low = panels.low[:, :, None] + width[:, :, None] * np.arange(CHILDREN)
    # All children and all that are kept, those that count first.
    counts = np.concatenate([np.repeat(is_cut, CHILDREN, axis=1), is_kept], axis=1)
    first = np.argsort(~counts, axis=1, kind="stable")[:, :count]
    lows = np.concatenate([low.reshape(len(low), -1), panels.low], axis=1)
    widths = np.concatenate([np.repeat(width, CHILDREN, axis=1), panels.width], axis=1)
    taken = [np.take_along_axis(np.where(counts, array, 0.0), first, axis=1) for array in (lows, widths)]
    missing = count - taken[0].shape[1]
    return Panels(*(np.pad(array, ((0, 0), (0, max(missing, 0)))) for array in taken))


def _heaviest(nodes: Nodes) -> Nodes:
    """The nodes that hold all of the posteriors but 10⁻¹²: predictions need to be made for these alone."""
    mass = np.exp(nodes.log_mass - nodes.log_mass.max(-1, keepdims=True))
    order = np.argsort(-mass, axis=-1)
    held = np.cumsum(np.take_along_axis(mass, order, axis=-1), axis=-1)
    enough = int((held < held[:, -1:] * (1 - NEGLIGIBLE)).sum(-1).max()) + 1
    order = order[:, : 1 << (max(enough, LEAST) - 1).bit_length()]
    place, log_mass = (np.take_along_axis(array, order, axis=-1) for array in (nodes.place, nodes.log_mass))
    first, second = (np.take_along_axis(array, order[None], axis=-1) for array in (nodes.first, nodes.second))
    return Nodes(place, log_mass, first, second)
