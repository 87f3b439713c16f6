"""Posteriors of many prompts, in blocks that stay in the caches."""

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from offprior.components import Components
from offprior.compute.devices import cores
from offprior.compute.precision import as_double, double
from offprior.compute.threads import LAPACK
from offprior.errors import OffpriorError, Problem, SettingError
from offprior.posterior import passes, subsets
from offprior.posterior.conjugate import ROWS_TIMES_NODES, is_large
from offprior.posterior.gram import pairs
from offprior.posterior.prompts import filled, prompts_of
from offprior.posterior.quadrature_nodes import Sums, columns_of
from offprior.posterior.quadrature_refinement import noise_levels, refined

POSTERIORS = 1 << 12
"""The most posteriors whose quadratures are refined together."""
FEWEST = 16
"""The fewest prompts for which starting a thread pays off."""
MEMORY = 16 << 20
"""Bytes per block; arrays that fit a cache are twice as fast as arrays that only fit the memory."""
FARTHEST = 1e4
"""How many times larger than the prior expects y may be, if rounding is more than a nat."""
NODES_A_BLOCK = 1 << 10
"""Nodes per block for groups with many nodes, such as pools of tasks."""


@dataclasses.dataclass(frozen=True)
class Posterior:
    """Posteriors of B prompts at L context lengths, under each of G groups alone; m queries."""

    log_evidence: Float[np.ndarray, "B L G"]
    """Log-density of the context's y, in nats."""
    mean: Float[np.ndarray, "B L G m"]
    variance: Float[np.ndarray, "B L G m"]
    """Variance of the noise-free value; not-a-number if it was not requested."""
    quadrature_error: Float[np.ndarray, "B L G"]
    """The estimated relative error of the evidence.

    It is 0 if nothing is integrated numerically, and not-a-number on a grid that is not refined
    (`Bayes.quadrature_gap`).
    """


def posterior(
    groups: Sequence[Components],
    x: Float[Any, "B n d"],
    y: Float[Any, "B n"],
    queries: Float[Any, "B m d"],
    lengths: Sequence[int],
    noise: float,
    *,
    variance: bool = True,
    room: int = 0,
    memory_bytes: int = MEMORY,
) -> Posterior:
    """Computes evidence and predictions of every group from the first k pairs of each prompt, for each k in `lengths`.

    All computations are in double precision, in blocks of prompts.

    Args:
        groups: the priors.
        x: the contexts' inputs.
        y: the contexts' outputs.
        queries: the inputs at which to predict.
        lengths: context lengths in pairs.
        noise: the standard deviation of y around the function.
        variance: whether to compute variances.
        room: contexts of one length are padded to this many points, which do not count, so that contexts of all lengths
            up to it run the same programs.
        memory_bytes: about how many bytes the arrays of a block take; a block has at least one prompt.

    Raises:
        ValueError: the shapes do not fit together, or a length lies outside them; there is room, but several lengths.
        OffpriorError: the noise is not above 0, or y is so far from the prior that double precision tells no more.
    """
    x, y, queries = as_double(x), as_double(y), as_double(queries)
    lengths = tuple(int(length) for length in lengths)
    check_prompts(x.shape, y.shape, queries.shape, lengths, noise)
    check_reach(groups, x[:, : max(lengths)], y[:, : max(lengths)], noise)
    ordered = tuple(sorted(set(lengths)))
    back = [ordered.index(length) for length in lengths]
    prompts = _Prompts(x[:, : ordered[-1]], y[:, : ordered[-1]], queries, max(room, ordered[-1]))
    if prompts.room > ordered[-1] and len(ordered) > 1:
        raise ValueError(f"room needs contexts of one length, got {list(ordered)}")
    with double():
        sigma = jnp.asarray(noise, float)
        answers = [_of_group(group, prompts, ordered, sigma, variance, memory_bytes) for group in groups]
    log_evidence, mean, spread, error = (np.stack(parts, axis=2)[:, back] for parts in zip(*answers, strict=True))
    log_evidence = log_evidence - np.asarray(lengths)[None, :, None] * np.log(2 * np.pi * float(noise) ** 2) / 2
    return Posterior(log_evidence, mean, spread if variance else np.full_like(mean, np.nan), error)


def check_reach(
    groups: Sequence[Components], x: Float[np.ndarray, "B n d"], y: Float[np.ndarray, "B n"], noise: float
) -> None:
    """Checks that the evidence of y is known to a nat, or that y is at least within the reach of the prior.

    Raises:
        OffpriorError: neither holds; the message says by how much y exceeds what the prior expects.
    """
    if y.size == 0:
        return
    largest = np.abs(y).max(1)
    with np.errstate(over="ignore"):
        lost = np.finfo(float).eps * np.square(y / noise).sum(1)
    for prompt in np.flatnonzero(lost > 1)[np.argsort(-largest[lost > 1])][:1]:
        at = x[prompt, np.abs(y[prompt]).argmax()][None, None]
        prior = posterior(groups, at[:, :0], np.zeros((1, 0)), at, [0], noise)
        expected = np.sqrt((np.square(prior.mean) + prior.variance).max() + noise**2)
        if largest[prompt] > FARTHEST * expected:
            times = largest[prompt] / expected
            raise OffpriorError(
                f"y reaches {largest[prompt]:.3g}, {times:.1g} times what the prior expects there ({expected:.3g}); "
                "double precision cannot hold such a posterior: rescale y, or give the families larger scales"
            )


class _Prompts(NamedTuple):
    x: Float[np.ndarray, "B n d"]
    y: Float[np.ndarray, "B n"]
    queries: Float[np.ndarray, "B m d"]
    room: int
    """Points, including those that do not count."""


def _of_group(
    group: Components, prompts: _Prompts, lengths: tuple[int, ...], noise: Array, variance: bool, memory_bytes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns log-evidence [B, L], means and variances [B, L, m] and quadrature errors [B, L]."""
    blocks = _blocks_of_nodes(group)
    group = jax.tree.map(jnp.asarray, group if blocks is None else blocks)
    shape = (len(prompts.x), len(lengths))
    if group.subsets is not None:
        columns, asked = (np.asarray(columns_of(group, jnp.asarray(at)))[..., 0] for at in (prompts.x, prompts.queries))
        found = subsets.sampled(group, columns, prompts.y, asked, lengths, float(noise))
        return *found, np.zeros(shape)
    sums = Sums(np.zeros(shape), *(np.zeros((*shape, prompts.queries.shape[1])) for _ in range(2)))
    errors = np.full(shape, 0.0 if not group.integrated else np.nan)
    levels = noise_levels(group, prompts.x, float(noise))
    if group.locate is None:
        block = _block(group, prompts, len(lengths), memory_bytes)
    else:
        most = POSTERIORS if len(group.locate.steps) == 1 else POSTERIORS // 16
        block = min(max(1, most // len(lengths)), max(FEWEST, -(-shape[0] // cores())))

    def fill(start: int) -> None:
        kept = slice(start, min(start + block, shape[0]))
        x, y, queries = (array[kept] for array in prompts[:3])
        with double():  # a setting of each thread
            if group.locate is not None:
                taken = prompts_of(x, y, queries, lengths)
                found, errors[kept] = refined(group, taken, levels, variance, memory_bytes)
            else:
                x, y, queries = (filled(array, block) for array in (x, y, queries))
                one_pass = passes.whole_pass if blocks is None else passes.streamed_pass
                counted = (np.arange(prompts.room) < lengths[-1]).astype(float)
                missing = ((0, 0), (0, prompts.room - lengths[-1]))
                x, y = np.pad(x, (*missing, (0, 0))), np.pad(y, missing)
                ends = (*lengths[:-1], prompts.room)
                found = one_pass(group, x, y, counted, queries, ends, noise, variance)
        for whole, part in zip(sums, found, strict=True):
            whole[kept] = np.asarray(part)[: kept.stop - kept.start]

    starts = range(0, shape[0], block)
    if is_large(group.fixed):
        with LAPACK:
            for start in starts:
                fill(start)
    else:
        with ThreadPoolExecutor(max(1, min(cores(), len(starts)))) as threads:
            list(threads.map(fill, starts))
    return *sums, errors


def _blocks_of_nodes(group: Components) -> Components | None:
    """Splits nodes and log-weights into blocks, padded with nodes of weight 0; None for a small group."""
    if group.locate is not None or group.node_count <= 4 * NODES_A_BLOCK:
        return None
    blocks = -(-group.node_count // NODES_A_BLOCK)
    size = blocks * NODES_A_BLOCK

    def folded(leaf: Any) -> np.ndarray:
        leaf = np.asarray(leaf)
        return filled(leaf, size).reshape(blocks, NODES_A_BLOCK, *leaf.shape[1:])

    missing = np.full(size - group.node_count, -np.inf)
    log_weights = np.concatenate([group.log_weights, missing]).reshape(blocks, NODES_A_BLOCK)
    nodes = jax.tree.map(folded, group.nodes)
    return eqx.tree_at(lambda whole: (whole.nodes, whole.log_weights), group, (nodes, log_weights))


def _block(group: Components, prompts: _Prompts, lengths: int, memory: int) -> int:
    """Returns the number of prompts in a block: a power of two whose arrays fit about the allowed memory."""
    columns, nodes, (count, n) = len(group.fixed), group.log_weights.shape[-1], prompts.y.shape
    second = len(pairs(columns))
    rows = min(len(group.scales), max(1, ROWS_TIMES_NODES // nodes))
    of_node = n * (columns + 1) + prompts.queries.shape[1] * (columns + second)
    numbers = nodes * (of_node + lengths * (2 * second + rows * (4 + 2 * columns)))
    fitting = max(1, memory // (8 * numbers))
    return min(1 << (fitting.bit_length() - 1), 1 << max(count - 1, 0).bit_length())


def check_prompts(
    x: tuple[int, ...], y: tuple[int, ...], queries: tuple[int, ...], lengths: tuple[int, ...], noise: float
) -> None:
    """Checks that the shapes of prompts, the lengths and the noise are consistent.

    Raises:
        ValueError: the shapes do not.
        SettingError: there are no lengths, or one lies outside of the prompts.
        OffpriorError: the noise is not above 0.
    """
    if len(x) != 3 or len(queries) != 3 or y != x[:2] or queries[0] != x[0] or queries[2] != x[2]:
        message = f"x {x}, y {y}, queries {queries} were given; expected [prompts, n, d], [prompts, n], [prompts, m, d]"
        raise ValueError(message)
    if not lengths or min(lengths) < 0 or max(lengths) > x[1]:
        message = f"got {list(lengths)}, but prompts have {x[1]} pairs; give one or more lengths from 0 to {x[1]}"
        raise SettingError(Problem("lengths", message))
    if not noise > 0:
        raise OffpriorError(f"noise: {noise:g} is too small for an exact posterior; give the mixture a noise floor")
