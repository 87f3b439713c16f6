"""Exact posteriors for a page without Python: every group's features as a program, and its tables.

The page repeats the steps of the engine (`offprior.posterior`): Gram matrices of the nodes' columns, the conjugate
update, and boxes that are cut until the evidence is accurate. Nothing is tabulated over x, so that no accuracy is lost.
"""

import math
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from offprior.components import Components
from offprior.components.boxes import edges_of, orders_of, rule
from offprior.compute.precision import double
from offprior.errors import OffpriorError
from offprior.explorer.static_arrays import packed
from offprior.explorer.static_program import Unsupported, program_of
from offprior.posterior import cuts, quadrature_refinement
from offprior.predictors._references import References

MOST_NUMBERS = 1_000_000
"""The most numbers in the nodes and scales of all groups together."""
MOST_PER_MOVE = 20_000_000
"""Nodes times rows of scales times columns²: a page's work when a point moves, at about a nanosecond per number."""


def posterior_of(references: References, places: Float[np.ndarray, " m"]) -> dict[str, Any]:
    """Returns what the page needs to evaluate B, the classes and any other predictors of `references`.

    Args:
        references: the exact predictors.
        places: the inputs that the page covers, which determine the noise levels of the quadrature.

    Raises:
        OffpriorError: a family's features need an operation that the page does not support, its subsets are sampled, or
            it has too many components for a page.
    """
    groups = []
    for group, weight in zip(references.groups, references.weights.tolist(), strict=True):
        if group.subsets is not None:
            raise Unsupported("subsets of its columns are sampled, which a page without a server cannot do")
        groups.append({**_group(group, places, references.noise), "weight": weight})
    own = np.asarray(references.mixture.weights, np.float64)
    numbers = sum(math.prod(each["scales"]["shape"]) + math.prod(each["nodes"]["shape"]) for each in groups)
    if numbers > MOST_NUMBERS:
        raise OffpriorError(f"its components have {numbers:,} numbers; a page takes at most {MOST_NUMBERS:,}")
    work = sum(group.node_count * len(group.scales) * (1 + group.rank) ** 2 for group in references.groups)
    if work > MOST_PER_MOVE:
        raise OffpriorError(f"moving a point takes {work:,} steps; a page takes at most {MOST_PER_MOVE:,}")
    return {
        "groups": groups,
        "families": list(references.mixture.family_names),
        "weights": (own / own.sum()).tolist(),
        "noise": references.noise,
        "quadrature": {"lower": cuts.LOWER, "rounds": quadrature_refinement.ROUNDS},
    }


def _group(group: Components, places: Float[np.ndarray, " m"], noise: float) -> dict[str, Any]:
    point = np.zeros(1)
    if group.locate is not None:
        locate, axes = group.locate, len(group.locate.steps)
        program = program_of(lambda u, x: group.features(locate(*u), x), (0.5,) * axes, point)
        of_nodes: dict[str, Any] = {"nodes": packed(np.zeros((0, axes))), "boxes": _boxes(group)}
    else:
        leaves = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(group.nodes)]
        with double():
            first = jax.tree.map(lambda leaf: np.asarray(leaf)[0], group.nodes)
        program = program_of(group.features, first, point)
        flat = [leaf.reshape(group.node_count, -1) for leaf in leaves]
        nodes = np.concatenate(flat, axis=1) if flat else np.zeros((group.node_count, 0))
        of_nodes = {"nodes": packed(nodes), "boxes": None}
    with double():
        levels = quadrature_refinement.noise_levels(group, places[None, :, None], noise)
    return {
        "program": program._asdict(),
        **of_nodes,
        "levels": levels,
        "log_weights": packed(group.log_weights),
        "scales": packed(group.scales),
        "log_scale_weights": packed(group.log_scale_weights),
        "fixed": list(group.fixed),
    }


def _boxes(group: Components) -> dict[str, Any]:
    """Returns the quadrature rule of the group's boxes, the initial boxes, and the engine's settings."""
    assert group.locate is not None
    taken = rule(orders_of(group.locate))
    return {
        "orders": list(taken.orders),
        "places": taken.places.T.tolist(),
        "shares": taken.shares.tolist(),
        "last": [rows.tolist() for rows in taken.last],
        "lines": [lines.tolist() for lines in taken.lines],
        "edges": [edges.tolist() for edges in edges_of(group.locate, quadrature_refinement.boxes_of(group))],
        "tolerance": quadrature_refinement.of_axes(quadrature_refinement.TOLERANCE, group),
        "rough": quadrature_refinement.of_axes(quadrature_refinement.ROUGH, group),
        "negligible": quadrature_refinement.of_axes(quadrature_refinement.NEGLIGIBLE, group),
        "most": quadrature_refinement.most_boxes(group),
    }
