"""The normal distributions that an exact posterior mixes, one for each component that the context leaves a weight."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from offprior.components import Components
from offprior.components.boxes import orders_of
from offprior.compute.precision import as_double, double
from offprior.compute.threads import LAPACK
from offprior.posterior.batches import MEMORY, POSTERIORS, check_prompts, check_reach
from offprior.posterior.conjugate import is_large
from offprior.posterior.gram import pairs
from offprior.posterior.passes import component_pass
from offprior.posterior.prefixes import node_moments
from offprior.posterior.prompts import filled, prompts_of
from offprior.posterior.quadrature_refinement import noise_levels, pieces, refined_boxes, together_of

NEGLIGIBLE = 23.0
"""Nats below a prompt's heaviest component at which a component is left out: a share of 10⁻¹⁰."""


class NormalComponents(NamedTuple):
    """Weighted normal distributions of the value at m queries, without noise; c per prompt, padded with weight 0."""

    log_weights: Float[np.ndarray, "B c"]
    """Logs of weight times evidence, without the evidence's common term."""
    mean: Float[np.ndarray, "B m c"]
    variance: Float[np.ndarray, "B m c"]


class _Listed(NamedTuple):
    """Components of any prompts, in any order."""

    prompt: Int[np.ndarray, " all"]
    log_weight: Float[np.ndarray, " all"]
    mean: Float[np.ndarray, "all m"]
    variance: Float[np.ndarray, "all m"]


def has_normal_components(groups: Sequence[Components]) -> bool:
    """Whether the components of all groups can be listed; too many subsets of columns are sampled instead."""
    return all(group.subsets is None for group in groups)


def normal_components(
    groups: Sequence[Components],
    weights: Float[np.ndarray, " G"],
    x: Float[Any, "B n d"],
    y: Float[Any, "B n"],
    queries: Float[Any, "B m d"],
    noise: float,
    *,
    memory_bytes: int = MEMORY,
) -> NormalComponents:
    """Lists the components of the posterior of every prompt from its whole context, under the weighted groups.

    Integrals over laws are sums over the quadrature nodes that `posterior` refines for each prompt.

    Args:
        groups: the priors, none of which is sampled.
        weights: their shares of the prior.
        x: the contexts' inputs.
        y: the contexts' outputs.
        queries: the inputs at which to predict.
        noise: the standard deviation of y around the function.
        memory_bytes: about how many bytes the arrays of a block take.

    Raises:
        ValueError: the shapes do not fit together.
        OffpriorError: the noise is not above 0, or y is so far from the prior that double precision tells no more.
    """
    x, y, queries = as_double(x), as_double(y), as_double(queries)
    check_prompts(x.shape, y.shape, queries.shape, (y.shape[1],), noise)
    check_reach(groups, x, y, noise)
    listed: list[_Listed] = []
    with double():
        for group, weight in zip(groups, weights, strict=True):
            if weight <= 0:
                continue
            list_of = _direct if group.locate is None else _refined
            for part in list_of(group, x, y, queries, noise, memory_bytes):
                listed.append(part._replace(log_weight=part.log_weight + np.log(weight)))
    return _by_prompt(_Listed(*(np.concatenate(parts) for parts in zip(*listed, strict=True))), len(x))


def _refined(
    group: Components, x: np.ndarray, y: np.ndarray, queries: np.ndarray, noise: float, memory_bytes: int
) -> Iterator[_Listed]:
    assert group.locate is not None
    levels, sigma = noise_levels(group, x, noise), jnp.asarray(noise, float)
    most = POSTERIORS if len(group.locate.steps) == 1 else POSTERIORS // 16
    nodes, asked = int(np.prod(orders_of(group.locate))), queries.shape[1]
    group = jax.tree.map(jnp.asarray, group)
    for start in range(0, len(x), most):
        block = slice(start, start + most)
        prompts = prompts_of(x[block], y[block], queries[block], (y.shape[1],))
        boxes, _ = refined_boxes(group, prompts, levels, memory_bytes)
        together = together_of(group, len(group.scales), len(group.scales) * asked, memory_bytes, nodes)
        _, blocks = pieces(group, boxes, together)
        for rows, prompt, low, width in blocks:
            found = node_moments(group, prompts.at(prompt), queries[block][prompt], low, width, sigma)
            kept = rows.stop - rows.start
            yield _listed(start + prompt[:kept], *(np.asarray(each)[:, :kept] for each in found))


def _direct(
    group: Components, x: np.ndarray, y: np.ndarray, queries: np.ndarray, noise: float, memory_bytes: int
) -> Iterator[_Listed]:
    columns, second = len(group.fixed), len(pairs(len(group.fixed) + 1))
    rows, nodes, asked = len(group.scales), group.node_count, queries.shape[1]
    numbers = nodes * (y.shape[1] * (columns + 1) + rows * (second + 2 * asked) + asked * (columns + second))
    fitting = max(1, memory_bytes // (8 * numbers))
    size = min(1 << (fitting.bit_length() - 1), 1 << max(len(x) - 1, 0).bit_length())
    # Contexts of neighbouring lengths run the same program.
    missing = -y.shape[1] % 8
    counted = (np.arange(y.shape[1] + missing) < y.shape[1]).astype(float)
    group = jax.tree.map(jnp.asarray, group)
    for start in range(0, len(x), size):
        kept = min(size, len(x) - start)
        context, outputs, asked_at = (filled(each[start : start + size], size) for each in (x, y, queries))
        context, outputs = np.pad(context, ((0, 0), (0, missing), (0, 0))), np.pad(outputs, ((0, 0), (0, missing)))
        with LAPACK if is_large(group.fixed) else contextlib.nullcontext():
            found = component_pass(group, context, outputs, counted, asked_at, jnp.asarray(noise, float))
        yield _listed(start + np.arange(kept), *(np.asarray(each)[:, :kept] for each in found))


def _listed(
    prompt: Int[np.ndarray, " b"],
    log_mass: Float[np.ndarray, "rows b nodes"],
    mean: Float[np.ndarray, "rows b m nodes"],
    variance: Float[np.ndarray, "rows b m nodes"],
) -> _Listed:
    """Lists the components that are not negligible beside the heaviest of their block, which are all that may count."""
    log_mass = np.where(np.isfinite(log_mass), log_mass, -np.inf)
    row, place, node = np.nonzero(log_mass > log_mass.max((0, 2))[None, :, None] - NEGLIGIBLE)
    return _Listed(prompt[place], log_mass[row, place, node], mean[row, place, :, node], variance[row, place, :, node])


def _by_prompt(listed: _Listed, prompts: int) -> NormalComponents:
    heaviest = np.full(prompts, -np.inf)
    np.maximum.at(heaviest, listed.prompt, listed.log_weight)
    listed = _Listed(*(each[listed.log_weight > heaviest[listed.prompt] - NEGLIGIBLE] for each in listed))
    listed = _Listed(*(each[np.argsort(listed.prompt, kind="stable")] for each in listed))
    counts = np.bincount(listed.prompt, minlength=prompts)
    number = np.arange(len(listed.prompt)) - np.repeat(np.cumsum(counts) - counts, counts)
    most, asked = int(counts.max(initial=1)), listed.mean.shape[1]
    log_weights = np.full((prompts, most), -np.inf)
    mean, variance = np.zeros((prompts, most, asked)), np.ones((prompts, most, asked))
    for whole, part in ((log_weights, listed.log_weight), (mean, listed.mean), (variance, listed.variance)):
        whole[listed.prompt, number] = part
    return NormalComponents(log_weights, mean.swapaxes(1, 2), variance.swapaxes(1, 2))
