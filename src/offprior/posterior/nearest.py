"""The function of a class that is nearest to the truth: what no predictor that stays in the class can beat."""

import contextlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from offprior.components import Components
from offprior.conjugate import gram_of, is_large, solve
from offprior.laws import PANEL_NODES
from offprior.posterior.nodes import PLACES, columns_at, columns_of, places_of, with_y
from offprior.posterior.subsets import nearest
from offprior.precision import as_double, double
from offprior.threads import LAPACK

FIT_NOISE = 1e-4
"""The noise at which is fitted: the prior of a coefficient then weighs 10⁻⁸."""
HALVINGS = 14
BLOCK = 8
"""Prompts in a block, for each of the many rows of scales there may be."""
ROWS = 4096


def best_fit(
    groups: Sequence[Components], queries: Float[Any, "B m d"], truth: Float[Any, "B m"]
) -> Float[np.ndarray, "B G m"]:
    """The function of every group that is nearest to the truth in the mean square over the queries, at the queries."""
    return fit_each(groups, queries, truth, queries)[0]


def fit_each(
    groups: Sequence[Components], x: Float[Any, "B k d"], y: Float[Any, "B k"], queries: Float[Any, "B m d"]
) -> tuple[Float[np.ndarray, "B G m"], Float[np.ndarray, "B G"]]:
    """The function of every group that is nearest to y at x: its values at the queries, and its squared error at x.

    Normal coefficients are free; rows of scales and quadrature nodes are searched, the latter ever more finely around
    the best. The error includes the coefficients' prior at a noise of 10⁻⁴, which decides between functions that all
    interpolate.
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
            block = BLOCK * max(1, ROWS // (len(group.scales) * group.node_count))
            block = min(block, 1 << max(len(y) - 1, 0).bit_length())
            for start in range(0, len(y), block):
                kept = slice(start, min(start + block, len(y)))
                rows = kept.stop - start
                taken = (
                    np.concatenate([array[kept], np.repeat(array[kept][:1], block - rows, axis=0)])
                    for array in (x, y, queries)
                )
                with LAPACK if is_large(group.fixed) else contextlib.nullcontext():
                    values, misfit = (np.asarray(each) for each in _fit(group, *taken))
                found[kept, place] = values[:rows]
                errors[kept, place] = misfit[:rows] * FIT_NOISE**2
    return found, errors


@jax.jit
def _fit(
    group: Components, x: Float[Array, "b k d"], y: Float[Array, "b k"], queries: Float[Array, "b m d"]
) -> tuple[Float[Array, "b m"], Float[Array, " b"]]:
    misfit, coefficients, node = _best_node(group, columns_of(group, x), y)
    if group.locate is None:
        return _values(group, jax.tree.map(lambda leaf: leaf[node], group.nodes), coefficients, queries), misfit
    offsets = jnp.asarray([-0.5, 0.0, 0.5, 1.0])

    def halve(_: Any, sofar: tuple[Array, ...]) -> tuple[Array, ...]:
        """From the panel of the best node and half a panel on either side, to one of half the width."""
        misfit, coefficients, place, low, width = sofar
        lows = jnp.clip(low[:, None] + (width * offsets)[None, :], 0.0, 1.0 - width / 2)
        places = places_of(lows, jnp.full_like(lows, width / 2))
        finer, finer_coefficients, node = _best_node(group, columns_at(group, places, x), y)
        better = finer < misfit
        coefficients = jnp.where(better[None], finer_coefficients, coefficients)
        place = jnp.where(better, jnp.take_along_axis(places, node[:, None], axis=1)[:, 0], place)
        low = jnp.take_along_axis(lows, (node // PANEL_NODES)[:, None], axis=1)[:, 0]
        return jnp.minimum(misfit, finer), coefficients, place, low, width / 2

    width = jnp.asarray(PANEL_NODES / group.node_count)
    low = (node // PANEL_NODES).astype(float) * width
    place = low + width * jnp.asarray(PLACES)[node % PANEL_NODES]
    start = (misfit, coefficients, place, low, width)
    misfit, coefficients, place, _, _ = jax.lax.fori_loop(0, HALVINGS, halve, start)
    return _values(group, jax.vmap(group.locate)(place), coefficients, queries), misfit


def _values(
    group: Components, nodes: Any, coefficients: Float[Array, "columns b"], queries: Float[Array, "b m d"]
) -> Float[Array, "b m"]:
    """The function of each prompt's own node at its queries."""

    def of_prompt(node: Any, coefficients: Array, queries: Array) -> Array:
        return jax.vmap(group.features, in_axes=(None, 0))(node, queries) @ coefficients

    return jax.vmap(of_prompt, in_axes=(0, 1, 0))(nodes, coefficients, queries)


def _best_node(
    group: Components, columns: Float[Array, "columns b k nodes"], y: Float[Array, "b k"]
) -> tuple[Float[Array, " b"], Float[Array, "columns b"], Any]:
    """Misfit, coefficients and number of the best node, its rows of scales included."""
    solution = solve(gram_of(with_y(columns, y)), jnp.asarray(group.scales), jnp.asarray(FIT_NOISE), group.fixed)
    best = solution.misfit.reshape(len(y), -1).argmin(-1)
    node, row = best // group.scales.shape[0], best % group.scales.shape[0]
    prompts = jnp.arange(len(y))
    coefficients = jnp.stack([mean[prompts, node, row] for mean in solution.means])
    return solution.misfit[prompts, node, row], coefficients, node
