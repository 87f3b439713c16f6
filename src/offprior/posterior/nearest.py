"""The function of a class that is nearest to the truth: what no predictor that stays in the class can beat."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from offprior.components import Components
from offprior.conjugate import gram_of, solve
from offprior.laws import PANEL_NODES
from offprior.posterior.nodes import columns_at, columns_of, places_of, with_y
from offprior.posterior.subsets import nearest
from offprior.precision import as_double, double

FIT_NOISE = 1e-4
"""The noise at which is fitted: the prior of a coefficient then weighs 10⁻⁸."""
HALVINGS = 14
BLOCK = 8
"""Prompts in a block, for each of the many rows of scales there may be."""
ROWS = 4096


def best_fit(
    groups: Sequence[Components], queries: Float[Any, "B m d"], truth: Float[Any, "B m"]
) -> Float[np.ndarray, "B G m"]:
    """The function of every group that is nearest to the truth in the mean square over the queries, at the queries.

    Normal coefficients are free; rows of scales and quadrature nodes are searched, the latter ever more finely around
    the best.
    """
    queries, truth = as_double(queries), as_double(truth)
    found = np.zeros((len(truth), len(groups), truth.shape[1]))
    with double():
        for place, group in enumerate(groups):
            group = jax.tree.map(jnp.asarray, group)
            if group.subsets is not None:
                columns = np.asarray(columns_of(group, jnp.asarray(queries)))[..., 0]
                found[:, place] = nearest(group, columns, truth)
                continue
            block = BLOCK * max(1, ROWS // (len(group.scales) * group.node_count))
            block = min(block, 1 << max(len(truth) - 1, 0).bit_length())
            for start in range(0, len(truth), block):
                kept = slice(start, min(start + block, len(truth)))
                rows = kept.stop - start
                asked, wanted = (
                    np.concatenate([array[kept], np.repeat(array[kept][:1], block - rows, axis=0)])
                    for array in (queries, truth)
                )
                found[kept, place] = np.asarray(_fit(group, asked, wanted))[:rows]
    return found


@jax.jit
def _fit(group: Components, queries: Float[Array, "b m d"], truth: Float[Array, "b m"]) -> Float[Array, "b m"]:
    misfit, values, node = _best_node(group, columns_of(group, queries), truth)
    if group.locate is None:
        return values
    offsets = jnp.asarray([-0.5, 0.0, 0.5, 1.0])

    def halve(_: Any, sofar: tuple[Array, ...]) -> tuple[Array, ...]:
        """From the panel of the best node and half a panel on either side, to one of half the width."""
        misfit, values, low, width = sofar
        lows = jnp.clip(low[:, None] + (width * offsets)[None, :], 0.0, 1.0 - width / 2)
        columns = columns_at(group, places_of(lows, jnp.full_like(lows, width / 2)), queries)
        finer, finer_values, node = _best_node(group, columns, truth)
        values = jnp.where((finer < misfit)[:, None], finer_values, values)
        low = jnp.take_along_axis(lows, (node // PANEL_NODES)[:, None], axis=1)[:, 0]
        return jnp.minimum(misfit, finer), values, low, width / 2

    width = jnp.asarray(PANEL_NODES / group.node_count)
    start = (misfit, values, (node // PANEL_NODES).astype(float) * width, width)
    return jax.lax.fori_loop(0, HALVINGS, halve, start)[1]


def _best_node(
    group: Components, columns: Float[Array, "columns b m nodes"], truth: Float[Array, "b m"]
) -> tuple[Float[Array, " b"], Float[Array, "b m"], Any]:
    """Misfit, values and number of the best node, its rows of scales included."""
    solution = solve(gram_of(with_y(columns, truth)), jnp.asarray(group.scales), jnp.asarray(FIT_NOISE), group.fixed)
    best = solution.misfit.reshape(len(truth), -1).argmin(-1)
    node, row = best // group.scales.shape[0], best % group.scales.shape[0]
    prompts = jnp.arange(len(truth))
    coefficients = jnp.stack([mean[prompts, node, row] for mean in solution.means])
    at_node = jnp.stack([column[prompts, :, node] for column in columns])
    return solution.misfit[prompts, node, row], (coefficients[:, :, None] * at_node).sum(0), node
