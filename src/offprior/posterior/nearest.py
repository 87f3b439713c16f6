"""The function of a class that is nearest to the truth, which no predictor inside the class can beat."""

import contextlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from offprior.components import Components
from offprior.components.boxes import edges_of, orders_of, rule, shape_of
from offprior.compute.precision import as_double, double
from offprior.compute.threads import LAPACK
from offprior.posterior.conjugate import is_large, solve
from offprior.posterior.gram import gram_of
from offprior.posterior.quadrature_nodes import columns_at, columns_of, places_of, with_y
from offprior.posterior.quadrature_refinement import boxes_of
from offprior.posterior.subsets import nearest

FIT_NOISE = 1e-4
"""The noise used for fitting: the prior of a coefficient then weighs 10⁻⁸."""
HALVINGS = 14
BLOCK = 8
"""Prompts in a block, per `ROWS` rows of scales times nodes."""
ROWS = 4096
OFFSETS = (-0.5, 0.0, 0.5, 1.0), (-0.25, 0.25, 0.75)
"""Where boxes of half the width start, in widths of the best box: on each of one or two axes, and of more."""


def best_fit(
    groups: Sequence[Components], queries: Float[Any, "B m d"], truth: Float[Any, "B m"]
) -> Float[np.ndarray, "B G m"]:
    """Returns each group's function nearest to the truth in mean square over the queries, evaluated at the queries."""
    return fit_each(groups, queries, truth, queries)[0]


def fit_each(
    groups: Sequence[Components], x: Float[Any, "B k d"], y: Float[Any, "B k"], queries: Float[Any, "B m d"]
) -> tuple[Float[np.ndarray, "B G m"], Float[np.ndarray, "B G"]]:
    """Finds the function of every group that is nearest to y at x.

    Normal coefficients are free; rows of scales and quadrature nodes are searched, the nodes ever more finely around
    the best one. The error includes the coefficients' prior at a noise of 10⁻⁴, which decides between functions that
    all interpolate.

    Returns:
        The function's values at the queries, and its squared error at x.
    """
    x, y, queries = as_double(x), as_double(y), as_double(queries)
    found = np.zeros((len(y), len(groups), queries.shape[1]))
    errors = np.zeros((len(y), len(groups)))
    with double():
        for place, group in enumerate(groups):
            group = jax.tree.map(jnp.asarray, group)
            if group.subsets is not None:
                at_x, asked = (np.asarray(columns_of(group, jnp.asarray(points)))[..., 0] for points in (x, queries))
                found[:, place], errors[:, place] = nearest(group, at_x, y, asked)
                continue
            boxes = 1 if group.locate is None else len(_offsets(group).T) * int(np.prod(orders_of(group.locate)))
            block = BLOCK * max(1, ROWS // (len(group.scales) * max(group.node_count, boxes)))
            block = min(block, 1 << max(len(y) - 1, 0).bit_length())
            begin = None if group.locate is None else _boxes_of_nodes(group)
            for start in range(0, len(y), block):
                kept = slice(start, min(start + block, len(y)))
                rows = kept.stop - start
                taken = (
                    np.concatenate([array[kept], np.repeat(array[kept][:1], block - rows, axis=0)])
                    for array in (x, y, queries)
                )
                with LAPACK if is_large(group.fixed) else contextlib.nullcontext():
                    values, misfit = (np.asarray(each) for each in _fit(group, begin, *taken))
                found[kept, place] = values[:rows]
                errors[kept, place] = misfit[:rows] * FIT_NOISE**2
    return found, errors


@jax.jit
def _fit(
    group: Components,
    begin: tuple[Array, Array, Array] | None,
    x: Float[Array, "b k d"],
    y: Float[Array, "b k"],
    queries: Float[Array, "b m d"],
) -> tuple[Float[Array, "b m"], Float[Array, " b"]]:
    misfit, coefficients, node = _best_node(group, columns_of(group, x), y)
    if group.locate is None or begin is None:
        return _values(group, jax.tree.map(lambda leaf: leaf[node], group.nodes), coefficients, queries), misfit
    low, width, place = (table[:, node] for table in begin)
    smooth = jnp.asarray([known is None for known in group.locate.steps])
    offsets, orders = jnp.asarray(_offsets(group)), orders_of(group.locate)

    def halve(_: Any, sofar: tuple[Array, ...]) -> tuple[Array, ...]:
        """Moves from the best node's box and its neighbours to a box of half the width."""
        misfit, coefficients, place, low, width = sofar
        finer_width = jnp.where(smooth[:, None], width / 2, width)
        beside = low[..., None] + jnp.where(smooth[:, None], width, 0.0)[..., None] * offsets[:, None, :]
        lows = jnp.moveaxis(jnp.clip(beside, 0.0, 1.0 - finer_width[..., None]), 1, 0)  # [b, axes, boxes]
        widths = jnp.broadcast_to(finer_width.T[..., None], lows.shape)
        places = places_of(lows, widths, orders)
        finer, finer_coefficients, node = _best_node(group, columns_at(group, places, x), y)
        better = finer < misfit
        coefficients = jnp.where(better[None], finer_coefficients, coefficients)
        found = jnp.take_along_axis(places, node[None, :, None], axis=2)[..., 0]
        low = jnp.take_along_axis(lows, (node // int(np.prod(orders)))[:, None, None], axis=2)[..., 0].T
        return jnp.minimum(misfit, finer), coefficients, jnp.where(better[None], found, place), low, finer_width

    start = (misfit, coefficients, place, low, width)
    misfit, coefficients, place, _, _ = jax.lax.fori_loop(0, HALVINGS, halve, start)
    return _values(group, jax.vmap(group.locate)(*place), coefficients, queries), misfit


def _offsets(group: Components) -> Float[np.ndarray, "axes boxes"]:
    """Returns all combinations of an offset on each axis; the offset is 0 on axes that are not cut."""
    assert group.locate is not None
    smooth = [known is None for known in group.locate.steps]
    of_axis = OFFSETS[sum(smooth) > 2]
    table = np.meshgrid(*(of_axis if each else (0.0,) for each in smooth), indexing="ij")
    return np.stack([each.ravel() for each in table])


def _boxes_of_nodes(group: Components) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns low ends, widths and places of the boxes that hold the group's own nodes, [axes, nodes] each."""
    assert group.locate is not None
    shape = shape_of(group.locate, boxes_of(group))
    axes = zip(edges_of(group.locate, boxes_of(group)), orders_of(group.locate), np.indices(shape), strict=True)
    found = []
    for edges, order, place in axes:
        box, node = place.ravel() // order, place.ravel() % order
        width = np.diff(edges)[box]
        found.append((edges[box], width, edges[box] + width * rule((order,)).places[0][node]))
    low, width, place = (np.stack(each) for each in zip(*found, strict=True))
    return low, width, place


def _values(
    group: Components, nodes: Any, coefficients: Float[Array, "columns b"], queries: Float[Array, "b m d"]
) -> Float[Array, "b m"]:
    """Evaluates the function of each prompt's own node at its queries."""

    def of_prompt(node: Any, coefficients: Array, queries: Array) -> Array:
        return jax.vmap(group.features, in_axes=(None, 0))(node, queries) @ coefficients

    return jax.vmap(of_prompt, in_axes=(0, 1, 0))(nodes, coefficients, queries)


def _best_node(
    group: Components, columns: Float[Array, "columns b k nodes"], y: Float[Array, "b k"]
) -> tuple[Float[Array, " b"], Float[Array, "columns b"], Any]:
    """Returns the misfit, the coefficients and the index of the best node, over all rows of scales."""
    solution = solve(gram_of(with_y(columns, y)), jnp.asarray(group.scales), jnp.asarray(FIT_NOISE), group.fixed)
    best = solution.misfit.reshape(len(y), -1).argmin(-1)
    node, row = best // group.scales.shape[0], best % group.scales.shape[0]
    prompts = jnp.arange(len(y))
    coefficients = jnp.stack([mean[prompts, node, row] for mean in solution.means])
    return solution.misfit[prompts, node, row], coefficients, node
