"""Posteriors of many prompts, in blocks that stay in the caches; those that need a finer quadrature wait in a queue."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from offprior.components import Components
from offprior.conjugate import ROWS_TIMES_NODES, pairs
from offprior.errors import OffpriorError
from offprior.posterior import passes, subsets
from offprior.posterior.nodes import Sums, columns_of
from offprior.posterior.refinement import TOLERANCE, noise_levels, refined
from offprior.precision import as_double, double

ITEMS = 32
"""Posteriors that are refined together."""
QUEUE = 16 * ITEMS
"""Posteriors that wait, so that those of alike depth can be refined together."""
MEMORY = 16 << 20
"""Bytes; what fits a cache is twice as fast as what fits the memory."""
NODES_A_BLOCK = 1 << 10
"""Of groups that have so many more nodes that they are looked at in blocks, as pools of tasks do."""


@dataclasses.dataclass(frozen=True)
class Posterior:
    """Posteriors of B prompts at L context lengths, under each of G groups alone; m queries."""

    log_evidence: Float[np.ndarray, "B L G"]
    """Log-density of the context's y, in nats."""
    mean: Float[np.ndarray, "B L G m"]
    variance: Float[np.ndarray, "B L G m"]
    """Of the noise-free value; not-a-number where it was not asked for."""
    quadrature_error: Float[np.ndarray, "B L G"]
    """The estimated relative error of the evidence: 0 where nothing is integrated numerically, not-a-number where a
    product of several quadratures is (`Bayes.quadrature_gap`)."""


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

    `noise` is the standard deviation of y around the function. Everything is in double precision, in blocks of prompts
    whose arrays take about `memory_bytes`, one prompt at least.

    Raises:
        ValueError: the shapes do not fit together, or a length lies outside them.
        OffpriorError: the noise is not above 0.
    """
    x, y, queries = as_double(x), as_double(y), as_double(queries)
    lengths = tuple(int(length) for length in lengths)
    check_prompts(x.shape, y.shape, queries.shape, lengths, noise)
    ordered = tuple(sorted(set(lengths)))
    back = [ordered.index(length) for length in lengths]
    prompts = _Prompts(x[:, : ordered[-1]], y[:, : ordered[-1]], queries)
    with double():
        sigma = jnp.asarray(noise, float)
        answers = [_of_group(group, prompts, ordered, sigma, variance, memory_bytes) for group in groups]
    log_evidence, mean, second, error = (np.stack(parts, axis=2)[:, back] for parts in zip(*answers, strict=True))
    log_evidence = log_evidence - np.asarray(lengths)[None, :, None] * np.log(2 * np.pi * float(noise) ** 2) / 2
    spread = np.maximum(second - mean**2, 0.0) if variance else np.full_like(mean, np.nan)
    return Posterior(log_evidence, mean, spread, error)


class _Prompts(NamedTuple):
    x: Float[np.ndarray, "B n d"]
    y: Float[np.ndarray, "B n"]
    queries: Float[np.ndarray, "B m d"]


class _Waiting(NamedTuple):
    """Posteriors [i] that need a finer quadrature."""

    prompt: np.ndarray
    length: np.ndarray
    sharpness: np.ndarray
    """By how much the heaviest node outweighs the third: the sharper a posterior, the more often its panels are cut."""


def _of_group(
    group: Components, prompts: _Prompts, lengths: tuple[int, ...], noise: Array, variance: bool, memory_bytes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Log-evidence [B, L], first and second moments [B, L, m] and quadrature errors [B, L]."""
    blocks = _blocks_of_nodes(group)
    group = jax.tree.map(jnp.asarray, group if blocks is None else blocks)
    shape = (len(prompts.x), len(lengths))
    if group.subsets is not None:
        columns, asked = (np.asarray(columns_of(group, jnp.asarray(at)))[..., 0] for at in (prompts.x, prompts.queries))
        found = subsets.sampled(group, columns, prompts.y, asked, lengths, float(noise))
        return *found, np.zeros(shape)
    sums = Sums(np.zeros(shape), *(np.zeros((*shape, prompts.queries.shape[1])) for _ in range(2)))
    errors = np.zeros(shape)
    levels = noise_levels(group, prompts.x, float(noise))
    block = _block(group, prompts, len(lengths), memory_bytes)
    queue: list[_Waiting] = []
    for start in range(0, shape[0], block):
        kept = slice(start, min(start + block, shape[0]))
        rows = kept.stop - start
        taken = [_filled(array[kept], block) for array in prompts]
        if blocks is None:
            found, error, log_mass = passes.first_pass(group, *taken, lengths, noise, variance)
            errors[kept] = error[:rows]
        else:
            found, log_mass = passes.streamed_pass(group, *taken, lengths, noise, variance), None
            errors[kept] = np.nan if group.integrated else 0.0
        for whole, part in zip(sums, found, strict=True):
            whole[kept] = part[:rows]
        if group.locate is not None:
            # A grid that does not see all cannot know its error.
            prompt, length = np.nonzero((errors[kept] > TOLERANCE) | (len(levels) > 1))
            highest = np.partition(np.asarray(log_mass)[prompt, length], -3, axis=-1)[:, -3:]
            queue.append(_Waiting(start + prompt, length, highest.max(-1) - highest.min(-1)))
        if queue and (kept.stop == shape[0] or sum(len(each.prompt) for each in queue) >= QUEUE):
            _empty(queue, group, prompts, lengths, levels, variance, sums, errors)
    return *sums, errors


def _empty(
    queue: list[_Waiting],
    group: Components,
    prompts: _Prompts,
    lengths: tuple[int, ...],
    levels: list[float],
    variance: bool,
    sums: Sums,
    errors: np.ndarray,
) -> None:
    """Refine what waits, and write it over the first pass's sums."""
    waiting = _Waiting(*(np.concatenate(parts) for parts in zip(*queue, strict=True)))
    queue.clear()
    # Alike ones go together, the lengths first where the grid does not see their sharpness.
    order = np.lexsort((waiting.sharpness, waiting.length if len(levels) > 1 else waiting.sharpness))
    size = min(ITEMS, 1 << max(len(order) - 1, 0).bit_length())
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        items = _Waiting(*(_filled(part[rows], size) for part in waiting))
        x, y, queries = (array[items.prompt] for array in prompts)
        mask = np.arange(x.shape[1])[None, :] < np.asarray(lengths)[items.length][:, None]
        nodes, error = refined(group, (x, y, mask.astype(float)), levels, variance)
        finer = passes.summed(group, queries, nodes, variance)
        where = waiting.prompt[rows], waiting.length[rows]
        errors[where] = error[: len(rows)]
        for whole, part in zip(sums, finer, strict=True):
            whole[where] = np.asarray(part)[: len(rows)]


def _blocks_of_nodes(group: Components) -> Components | None:
    """Nodes and log-weights with a leading axis of blocks, filled up with nodes of weight 0; None where it is small."""
    if group.locate is not None or group.node_count <= 4 * NODES_A_BLOCK:
        return None
    blocks = -(-group.node_count // NODES_A_BLOCK)
    size = blocks * NODES_A_BLOCK

    def folded(leaf: Any) -> np.ndarray:
        leaf = np.asarray(leaf)
        return _filled(leaf, size).reshape(blocks, NODES_A_BLOCK, *leaf.shape[1:])

    missing = np.full(size - group.node_count, -np.inf)
    log_weights = np.concatenate([group.log_weights, missing]).reshape(blocks, NODES_A_BLOCK)
    nodes = jax.tree.map(folded, group.nodes)
    return eqx.tree_at(lambda whole: (whole.nodes, whole.log_weights), group, (nodes, log_weights))


def _block(group: Components, prompts: _Prompts, lengths: int, memory: int) -> int:
    """Prompts in a block: a power of two whose arrays take about as many bytes as they may."""
    columns, nodes, (count, n) = len(group.fixed), group.log_weights.shape[-1], prompts.y.shape
    second = len(pairs(columns))
    rows = min(len(group.scales), max(1, ROWS_TIMES_NODES // nodes))
    of_node = n * (columns + 1) + prompts.queries.shape[1] * (columns + second)
    numbers = nodes * (of_node + lengths * (2 * second + rows * (4 + 2 * columns)))
    fitting = max(1, memory // (8 * numbers))
    return min(1 << (fitting.bit_length() - 1), 1 << max(count - 1, 0).bit_length())


def _filled(array: np.ndarray, size: int) -> np.ndarray:
    """Filled up with copies of the first entry, so that every block runs the same program."""
    missing = size - len(array)
    return array if missing == 0 else np.concatenate([array, np.repeat(array[:1], missing, axis=0)])


def check_prompts(
    x: tuple[int, ...], y: tuple[int, ...], queries: tuple[int, ...], lengths: tuple[int, ...], noise: float
) -> None:
    """Do the shapes of prompts fit together, and the lengths and the noise with them?

    Raises:
        ValueError: the shapes do not, or a length lies outside them.
        OffpriorError: the noise is not above 0.
    """
    if len(x) != 3 or len(queries) != 3 or y != x[:2] or queries[0] != x[0] or queries[2] != x[2]:
        message = f"x {x}, y {y}, queries {queries} were given; expected [prompts, n, d], [prompts, n], [prompts, m, d]"
        raise ValueError(message)
    if not lengths or min(lengths) < 0 or max(lengths) > x[1]:
        raise ValueError(f"lengths {list(lengths)} were given, prompts have {x[1]} pairs; they lie between 0 and that")
    if not noise > 0:
        raise OffpriorError(f"noise: {noise:g} is too little for an exact posterior; give the mixture a noise floor")
