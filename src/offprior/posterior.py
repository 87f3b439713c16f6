"""Exact posteriors of weighted Gaussian linear models: evidence and predictions at every context length, in one pass.

A group is a prior over functions as `Components`: quadrature nodes times rows of scales. For each prompt the Gram matrices
of all nodes' columns are summed over the context, cumulatively over the wanted lengths; the conjugate update of
`conjugate.py` gives evidence and moments; a log-sum-exp over nodes and rows gives the group's posterior.

The quadrature adapts. Where one node holds more than `LARGEST_SHARE` of a posterior, the panels that hold most of it are
cut in four, anew, until none does. At that share eight-point Gauss-Legendre panels are at most about three
and a half posterior standard deviations wide, which integrates a bell curve to a few parts in 10⁸. What is not refined
(products of several quadratures) is reported: `Posterior.largest_share`.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from offprior.components import Components
from offprior.conjugate import ROWS_TIMES_NODES, gram_of, moments, pairs, products, solve
from offprior.laws import PANEL_NODES
from offprior.precision import as_double, double

LARGEST_SHARE = 0.25
"""A node that holds more of a posterior is refined."""
LARGEST_DEPTH = 12
"""Rounds of refinement; each makes the panels a quarter as wide."""
CUT = 4
"""Panels that are cut in a round, into so many:"""
CHILDREN = 4
NEGLIGIBLE = 1e-10
GAUSS = np.polynomial.legendre.leggauss(PANEL_NODES)
ITEMS = 32
"""Prompts at a length that are refined together."""
MEMORY = 16 << 20
EXACT_FIT = 1e-4
"""The noise at which `best_fit` fits: the prior then weighs 10⁻⁸."""


@dataclasses.dataclass(frozen=True)
class Posterior:
    """Posteriors of B prompts at L context lengths, under each of G groups alone; m queries."""

    log_evidence: Float[np.ndarray, "B L G"]
    """Log-density of the context's y, in nats."""
    mean: Float[np.ndarray, "B L G m"]
    variance: Float[np.ndarray, "B L G m"]
    """Of the noise-free value; not-a-number where it was not asked for."""
    largest_share: Float[np.ndarray, "B L G"]
    """The largest share of a posterior in one quadrature node; 0 where nothing is integrated numerically."""


class _Nodes(NamedTuple):
    """Active quadrature nodes of items, and their moments; leading axes are [pairs or columns, ]items."""

    low: Float[Array, "i panels"]
    width: Float[Array, "i panels"]
    log_mass: Float[Array, "i nodes"]
    first: Float[Array, "columns i nodes"]
    second: Float[Array, "pairs i nodes"]


class _Leaves(NamedTuple):
    """Quadrature nodes of items that will not be refined."""

    place: Float[Array, "i nodes"]
    log_mass: Float[Array, "i nodes"]
    first: Float[Array, "columns i nodes"]
    second: Float[Array, "pairs i nodes"]


class _Sums(NamedTuple):
    """What nodes have been summed to: the log of their mass, and their mean first and second moment at the queries."""

    log_mass: Float[Array, " i"]
    first: Float[Array, "i m"]
    second: Float[Array, "i m"]


def posterior(
    groups: Sequence[Components],
    x: Float[Any, "B n d"],
    y: Float[Any, "B n"],
    queries: Float[Any, "B m d"],
    lengths: Sequence[int],
    noise: float,
    *,
    variance: bool = True,
    memory_bytes: int = MEMORY,
) -> Posterior:
    """Evidence and predictions of every group, given the first k pairs of every prompt, for every k of `lengths`.

    `noise` is the standard deviation of y around the function. Everything is computed in double precision, in blocks of
    prompts whose intermediate arrays stay near `memory_bytes`.
    """
    x, y, queries = as_double(x), as_double(y), as_double(queries)
    lengths = tuple(int(length) for length in lengths)
    _check(x, y, queries, lengths, noise)
    ordered = tuple(sorted(set(lengths)))
    back = [ordered.index(length) for length in lengths]
    x, y = x[:, : ordered[-1]], y[:, : ordered[-1]]
    shape = (len(x), len(ordered), len(groups))
    log_evidence, share = np.zeros(shape), np.zeros(shape)
    mean, second = np.zeros((*shape, queries.shape[1])), np.full((*shape, queries.shape[1]), np.nan)
    with double():
        sigma = jnp.asarray(noise, float)
        for place, group in enumerate(groups):
            group = jax.tree.map(jnp.asarray, group)
            block = _block(group, x.shape[1], queries.shape[1], len(ordered), len(x), memory_bytes)
            for start in range(0, len(x), block):
                kept = slice(start, min(start + block, len(x)))
                prompts = tuple(_filled(array[kept], block) for array in (x, y, queries))
                sums, largest = _block_posterior(group, prompts, ordered, sigma, variance, kept.stop - kept.start)
                rows = kept.stop - kept.start
                log_evidence[kept, :, place], share[kept, :, place] = sums.log_mass[:rows], largest[:rows]
                mean[kept, :, place] = sums.first[:rows]
                if variance:
                    second[kept, :, place] = sums.second[:rows]
    log_evidence -= np.asarray(ordered)[None, :, None] * np.log(2 * np.pi * float(noise) ** 2) / 2
    spread = np.maximum(second - mean**2, 0.0)
    return Posterior(log_evidence[:, back], mean[:, back], spread[:, back], share[:, back])


def best_fit(
    groups: Sequence[Components], queries: Float[Any, "B m d"], truth: Float[Any, "B m"]
) -> Float[np.ndarray, "B G m"]:
    """The function of every group that is nearest to the truth in the mean square over the queries, at the queries.

    Random coefficients are free; rows of scales and quadrature nodes are searched, the latter ever more finely.
    """
    queries, truth = as_double(queries), as_double(truth)
    found = np.zeros((len(truth), len(groups), truth.shape[1]))
    with double():
        for place, group in enumerate(groups):
            group = jax.tree.map(jnp.asarray, group)
            block = _block(group, truth.shape[1], 1, 1, len(truth), MEMORY)
            for start in range(0, len(truth), block):
                kept = slice(start, min(start + block, len(truth)))
                fitted = _fit(group, _filled(queries[kept], block), _filled(truth[kept], block))
                found[kept, place] = np.asarray(fitted)[: kept.stop - kept.start]
    return found


def _block_posterior(
    group: Components,
    prompts: tuple[np.ndarray, ...],
    lengths: tuple[int, ...],
    noise: Array,
    variance: bool,
    rows: int,
) -> tuple[_Sums, np.ndarray]:
    """Sums [block, L(, m)] and largest shares [block, L] of a block, refined where that is needed."""
    x, y, queries = prompts
    sums, nodes, share = _first_pass(group, x, y, queries, lengths, noise, variance)
    sums, share = jax.tree.map(np.array, (sums, share))
    if group.locate is None:
        return sums, share if group.node_count > 1 and jax.tree.leaves(group.nodes) else np.zeros_like(share)
    coarse = np.argwhere(share[:rows] > LARGEST_SHARE)
    size = min(ITEMS, 1 << max(len(coarse) - 1, 0).bit_length())
    for start in range(0, len(coarse), size):
        items = coarse[start : start + size]
        prompt, length = _filled(items, size).T
        mask = np.arange(x.shape[1])[None, :] < np.asarray(lengths)[length][:, None]
        of_items = (x[prompt], y[prompt], mask.astype(np.float64), queries[prompt])
        finer, finer_share = _refined(group, of_items, _take(nodes, prompt, length), noise, variance)
        where = tuple(items.T)
        share[where] = finer_share[: len(items)]
        for whole, part in zip(sums, finer, strict=True):
            whole[where] = part[: len(items)]
    return sums, share


def _refined(
    group: Components, items: tuple[np.ndarray, ...], nodes: _Nodes, noise: Array, variance: bool
) -> tuple[_Sums, np.ndarray]:
    leaves = []
    log_mass = jnp.full(len(items[0]), -jnp.inf)
    for _ in range(LARGEST_DEPTH):
        retired, nodes, log_mass, share = _refine(group, *items[:3], nodes, log_mass, noise, variance)
        leaves.append(retired)
        if float(share.max()) <= LARGEST_SHARE:
            break
    leaves.append(_Leaves(_places(nodes.low, nodes.width), nodes.log_mass, nodes.first, nodes.second))
    joined = _Leaves(*(np.concatenate([np.asarray(leaf) for leaf in parts], axis=-1) for parts in zip(*leaves, strict=True)))
    kept = _largest(joined)
    return jax.tree.map(np.asarray, (_summed(group, items[3], kept, variance), share))


def _largest(leaves: _Leaves) -> _Leaves:
    """The nodes that hold all of the posterior but 10⁻¹⁰ of it: predictions have to be made for these alone."""
    mass = np.exp(leaves.log_mass - leaves.log_mass.max(-1, keepdims=True))
    order = np.argsort(-mass, axis=-1)
    held = np.cumsum(np.take_along_axis(mass, order, axis=-1), axis=-1)
    enough = int((held < held[:, -1:] * (1 - NEGLIGIBLE)).sum(-1).max()) + 1
    order = order[:, : 1 << max(enough - 1, 63).bit_length()]
    return _Leaves(
        np.take_along_axis(leaves.place, order, axis=-1),
        np.take_along_axis(leaves.log_mass, order, axis=-1),
        np.take_along_axis(leaves.first, order[None], axis=-1),
        np.take_along_axis(leaves.second, order[None], axis=-1),
    )


@functools.partial(jax.jit, static_argnames=("lengths", "variance"))
def _first_pass(
    group: Components, x: Array, y: Array, queries: Array, lengths: tuple[int, ...], noise: Array, variance: bool
) -> tuple[_Sums, _Nodes, Array]:
    """Sums [B, L(, m)]; nodes, as items of shape [B, L]; the largest share of a node [B, L]."""
    count = group.node_count
    columns = _columns(group, group.nodes, x)
    stacked = jnp.concatenate([columns, jnp.broadcast_to(y[None, :, :, None], (1, *columns.shape[1:]))])
    edges = zip((0, *lengths), lengths, strict=False)
    gram = jnp.cumsum(jnp.stack([gram_of(stacked[:, :, a:b]) for a, b in edges], axis=2), axis=2)  # [pairs, B, L, nodes]
    found = moments(gram, group.scales, group.log_scale_weights, noise, group.fixed, variance)
    log_mass = found.log_evidence + group.log_weights[None, None, :]
    total = jax.nn.logsumexp(log_mass, axis=-1)
    share = jnp.exp(log_mass - total[..., None])
    first, second = _at_queries(_columns(group, group.nodes, queries), share, found.first, found.second, variance)
    panels = max(1, count // PANEL_NODES)
    shape = (*total.shape, panels)
    low = jnp.broadcast_to(jnp.arange(panels)[None, None, :] / panels, shape)
    nodes = _Nodes(low, jnp.full(shape, 1 / panels), log_mass, found.first, found.second)
    return _Sums(total, first, second), nodes, share.max(-1)


@functools.partial(jax.jit, static_argnames=("variance",))
def _refine(
    group: Components,
    x: Array,
    y: Array,
    mask: Array,
    nodes: _Nodes,
    retired_mass: Array,
    noise: Array,
    variance: bool,
) -> tuple[_Leaves, _Nodes, Array, Array]:
    """The panels that hold most are cut in four, the others retire; the largest share of a new node in everything."""
    count, panels = nodes.low.shape
    of_panels = jax.nn.logsumexp(nodes.log_mass.reshape(count, panels, -1), axis=-1)
    _, chosen = jax.lax.top_k(of_panels, min(CUT, panels))
    cut = jnp.zeros((count, panels), bool).at[jnp.arange(count)[:, None], chosen].set(True)
    log_mass = jnp.where(jnp.repeat(cut, PANEL_NODES, axis=1), -jnp.inf, nodes.log_mass)
    retired = _Leaves(_places(nodes.low, nodes.width), log_mass, nodes.first, nodes.second)
    retired_mass = jnp.logaddexp(retired_mass, jax.nn.logsumexp(log_mass, axis=-1))

    low, width = (jnp.take_along_axis(array, chosen, axis=1) for array in (nodes.low, nodes.width))
    width = jnp.repeat(width / CHILDREN, CHILDREN, axis=1)
    low = jnp.repeat(low, CHILDREN, axis=1) + width * jnp.tile(jnp.arange(CHILDREN), chosen.shape[1])[None, :]
    log_weights = (jnp.log(width)[:, :, None] + np.log(GAUSS[1] / 2)[None, None, :]).reshape(count, -1)

    columns = _columns_of_items(group, _places(low, width), x)
    stacked = jnp.concatenate([columns, jnp.broadcast_to(y[None, :, :, None], (1, *columns.shape[1:]))])
    gram = gram_of(stacked, mask)
    found = moments(gram, group.scales, group.log_scale_weights, noise, group.fixed, variance)
    log_mass = found.log_evidence + log_weights
    total = jnp.logaddexp(retired_mass, jax.nn.logsumexp(log_mass, axis=-1))
    share = jnp.exp(log_mass.max(-1) - total)
    return retired, _Nodes(low, width, log_mass, found.first, found.second), retired_mass, share


@functools.partial(jax.jit, static_argnames=("variance",))
def _summed(group: Components, queries: Array, leaves: _Leaves, variance: bool) -> _Sums:
    total = jax.nn.logsumexp(leaves.log_mass, axis=-1)
    share = jnp.exp(leaves.log_mass - total[:, None])[:, None]
    columns = _columns_of_items(group, leaves.place, queries)
    first, second = _at_queries(columns, share, leaves.first[:, :, None], leaves.second[:, :, None], variance)
    return _Sums(total, first[:, 0], second[:, 0])


def _at_queries(columns: Array, share: Array, first: Array, second: Array, variance: bool) -> tuple[Array, Array]:
    """First and second moment [b, L, m] of the value, from columns [c, b, m, nodes] and shares [b, L, nodes]."""
    mean = jnp.einsum("cbmz,cblz->blm", columns, share[None] * first)
    if not variance:
        return mean, jnp.zeros_like(mean)
    return mean, jnp.einsum("cbmz,cblz->blm", products(columns), share[None] * second)


def _columns(group: Components, nodes: Any, x: Array) -> Float[Array, "columns b n nodes"]:
    """The features of all nodes at all points."""
    if not jax.tree.leaves(nodes):
        of_points = jax.vmap(lambda point: group.features(nodes, point), out_axes=1)
        return jax.vmap(of_points, in_axes=0, out_axes=1)(x)[..., None]
    of_nodes = jax.vmap(group.features, in_axes=(0, None), out_axes=1)
    of_points = jax.vmap(of_nodes, in_axes=(None, 0), out_axes=1)
    return jax.vmap(of_points, in_axes=(None, 0), out_axes=1)(nodes, x)


def _columns_of_items(group: Components, places: Array, x: Array) -> Float[Array, "columns i n nodes"]:
    """The same, for items [i] with nodes of their own, at places [i, nodes] of the unit interval."""

    def of_item(places: Array, x: Array) -> Array:
        nodes = jax.vmap(group.locate)(places)  # type: ignore[arg-type]
        of_nodes = jax.vmap(group.features, in_axes=(0, None), out_axes=1)
        return jax.vmap(of_nodes, in_axes=(None, 0), out_axes=1)(nodes, x)

    return jax.vmap(of_item, out_axes=1)(places, x)


def _places(low: Array, width: Array) -> Float[Array, "i nodes"]:
    """The nodes of panels."""
    return (low[:, :, None] + width[:, :, None] * ((GAUSS[0] + 1) / 2)[None, None, :]).reshape(low.shape[0], -1)


def _take(nodes: _Nodes, prompt: np.ndarray, length: np.ndarray) -> _Nodes:
    return _Nodes(
        nodes.low[prompt, length],
        nodes.width[prompt, length],
        nodes.log_mass[prompt, length],
        nodes.first[:, prompt, length],
        nodes.second[:, prompt, length],
    )


@jax.jit
def _fit(group: Components, queries: Array, truth: Array) -> Float[Array, "b m"]:
    noise = jnp.asarray(EXACT_FIT)

    def fit(columns: Array) -> tuple[Array, Array, Array]:
        """Misfit [b], values [b, m] and the best node [b]."""
        stacked = jnp.concatenate([columns, jnp.broadcast_to(truth[None, :, :, None], (1, *columns.shape[1:]))])
        solution = solve(gram_of(stacked), group.scales, noise, group.fixed)
        best = solution.misfit.reshape(len(truth), -1).argmin(-1)
        node, row = best // group.scales.shape[0], best % group.scales.shape[0]
        prompts = jnp.arange(len(truth))
        coefficients = jnp.stack([mean[prompts, node, row] for mean in solution.means])
        values = (coefficients[:, :, None] * columns[:, prompts, :, node].swapaxes(0, 1)).sum(0)
        return solution.misfit[prompts, node, row], values, node

    misfit, values, node = fit(_columns(group, group.nodes, queries))
    if group.locate is None:
        return values
    panels = group.node_count // PANEL_NODES
    width = 1 / panels
    low = (node // PANEL_NODES).astype(float) * width
    for _ in range(6):  # three panels around the best node, each in two, and anew around the best of those
        places = low[:, None] + width * jnp.asarray([-0.5, 0.0, 0.5, 1.0])[None, :]
        places = jnp.clip(places, 0.0, 1.0 - width / 2)
        finer, finer_values, node = fit(
            _columns_of_items(group, _places(places, jnp.full(places.shape, width / 2)), queries)
        )
        better = finer < misfit
        misfit, values = jnp.minimum(misfit, finer), jnp.where(better[:, None], finer_values, values)
        low = jnp.take_along_axis(places, (node // PANEL_NODES)[:, None], axis=1)[:, 0]
        width = width / 2
    return values


def _block(group: Components, n: int, m: int, lengths: int, prompts: int, memory: int) -> int:
    """Prompts in a block: a power of two whose arrays stay near the memory bound."""
    columns, nodes = len(group.fixed), group.node_count
    second = len(pairs(columns))
    rows = min(len(group.scales), max(1, ROWS_TIMES_NODES // nodes))
    numbers = nodes * ((n * (columns + 1)) + m * (columns + second) + lengths * (second + rows * (4 + 2 * columns)))
    fitting = max(1, memory // (8 * numbers))
    return min(1 << (fitting.bit_length() - 1), 1 << max(prompts - 1, 0).bit_length())


def _filled(array: np.ndarray, size: int) -> np.ndarray:
    """Filled up to `size` with copies of the first entry, so that every block runs the same program."""
    missing = size - len(array)
    return array if missing == 0 else np.concatenate([array, np.repeat(array[:1], missing, axis=0)])


def _check(x: np.ndarray, y: np.ndarray, queries: np.ndarray, lengths: tuple[int, ...], noise: float) -> None:
    shapes = f"x {x.shape}, y {y.shape}, queries {queries.shape}"
    if x.ndim != 3 or queries.ndim != 3 or y.shape != x.shape[:2] or len(queries) != len(x):
        raise ValueError(f"{shapes}; expected x [prompts, n, d], y [prompts, n], queries [prompts, m, d]")
    if not lengths or min(lengths) < 0 or max(lengths) > x.shape[1]:
        raise ValueError(f"lengths {list(lengths)} of prompts with {x.shape[1]} pairs; they have to lie between 0 and that")
    if not noise > 0:
        raise ValueError(f"the noise is {noise}; an exact posterior needs some, give the mixture a noise floor")
