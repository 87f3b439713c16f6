"""Posteriors of sources whose next token depends on the last few alone: the counts of these are all that matters.

With c the latest tokens, n(c, t) the tokens t that have followed c, and T the probabilities of a source, the logarithm
of the evidence of a sequence is the sum of n(c, t)·log T(c, t): one product of matrices for all sequences and sources.
"""

import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from offprior.families.token_process import TokenProcess

MOST_CONTEXTS = 1 << 12
"""More different contexts than this are not tabulated."""
NUMBERS_AT_ONCE = 1 << 23
"""Numbers of a table that are held at once, which bounds the memory."""


def contexts(family: TokenProcess) -> list[tuple[int, ...]] | None:
    """Lists what the next token can depend on: the tokens so far while they are few, then the last few.

    Returns:
        The contexts, shortest first and in alphabetical order; None if there is no end of them, or if they are many.
    """
    reach = family.reach
    if reach is None or sum(family.vocabulary**length for length in range(reach + 1)) > MOST_CONTEXTS:
        return None
    alphabet = range(family.vocabulary)
    return [given for length in range(reach + 1) for given in itertools.product(alphabet, repeat=length)]


def context_of_each_place(tokens: Int[np.ndarray, "B n"], vocabulary: int, reach: int) -> Int[np.ndarray, "B n_and_1"]:
    """Returns the number of the context, in the list of `contexts`, in which each token and the next one stand."""
    count, n = tokens.shape
    found = np.zeros((count, n + 1), np.int64)
    latest = np.zeros(count, np.int64)
    for place in range(n + 1):
        seen = min(place, reach)
        found[:, place] = sum(vocabulary**length for length in range(seen)) + latest
        if place < n:
            latest = (latest * vocabulary + tokens[:, place]) % vocabulary ** min(place + 1, reach)
    return found


def tabulated(
    family: TokenProcess,
    tasks: Any,
    log_weights: Float[np.ndarray, " tasks"],
    tokens: Int[np.ndarray, "B n"],
    lengths: list[int],
    known: list[tuple[int, ...]],
    store: dict[Any, Any] | None = None,
) -> tuple[Float[np.ndarray, "B L"], Float[np.ndarray, "B L vocabulary"]]:
    """Computes log-evidence and predictive of weighted sources whose contexts are `known`, in double precision.

    The tables are put into `store` if they are whole, and taken from there.
    """
    vocabulary, reach = family.vocabulary, family.reach or 0
    store = {} if store is None else store
    where = context_of_each_place(tokens, vocabulary, reach)
    counts = _counts(where[:, :-1] * vocabulary + tokens, lengths, len(known) * vocabulary)
    shape = len(tokens), len(lengths)
    evidence = np.full(shape, -np.inf)
    predictive, prior = np.zeros((*shape, vocabulary)), np.zeros((*shape, vocabulary))
    chunk = max(1, NUMBERS_AT_ONCE // max(counts.shape[1], len(tokens) * len(lengths)))
    for first in range(0, len(log_weights), chunk):
        # A table of several chunks would take too much memory.
        is_whole = chunk >= len(log_weights)
        if not (is_whole and "table" in store):
            some = jax.tree.map(lambda leaf, first=first: leaf[first : first + chunk], tasks)
            made = _with_logarithms(table_of(family, some, known))
            if is_whole:
                store["table"] = made
        else:
            made = store["table"]
        table, logarithms, impossible = made
        log_mass = counts @ logarithms.T + log_weights[first : first + chunk]
        if impossible is not None:
            log_mass[counts @ impossible.T > 0] = -np.inf
        log_mass = log_mass.reshape(*shape, -1)
        # The sums go on from chunk to chunk, with the largest logarithm so far as their unit.
        largest = np.maximum(evidence, log_mass.max(-1))
        unit = np.where(np.isfinite(largest), largest, 0.0)
        kept = np.exp(evidence - unit)[..., None]
        share = np.exp(log_mass - unit[..., None], out=log_mass)
        total = kept + share.sum(-1, keepdims=True)
        weights = np.exp(log_weights[first : first + chunk])
        for context in np.unique(where[:, lengths]):
            here = where[:, lengths] == context
            predictive[here] = kept[here] * predictive[here] + share[here] @ table[:, context]
            prior[here] += weights @ table[:, context]
        predictive = np.divide(predictive, total, out=np.zeros_like(predictive), where=total > 0)
        with np.errstate(divide="ignore"):
            evidence = unit + np.log(total[..., 0])
    # A prefix that no source can produce has no posterior: every source keeps its weight in the prior.
    return evidence, np.where(np.isfinite(evidence)[..., None], predictive, prior)


def _with_logarithms(
    table: Float[np.ndarray, "tasks contexts vocabulary"],
) -> tuple[np.ndarray, Float[np.ndarray, "tasks events"], Float[np.ndarray, "tasks events"] | None]:
    """Returns a table, its logarithms (0 where it is 0), and where it is 0 (as 1); None if that is nowhere."""
    rows = table.reshape(len(table), -1)
    impossible = rows == 0
    return table, np.log(np.where(impossible, 1.0, rows)), impossible.astype(float) if impossible.any() else None


def table_of(
    family: TokenProcess, tasks: Any, known: list[tuple[int, ...]]
) -> Float[np.ndarray, "tasks contexts vocabulary"]:
    """Returns the probabilities of the next token in every context of `known`, for stacked tasks."""
    return np.asarray(_table(family, tasks, tuple(known)))


def _counts(events: Int[np.ndarray, "B n"], lengths: list[int], kinds: int) -> Float[np.ndarray, "B_times_L kinds"]:
    """Counts the events of each kind in the first k places of every sequence, for every k in `lengths`."""
    found = np.zeros((len(events), len(lengths), kinds))
    row = np.arange(len(events))[:, None]
    for at, length in enumerate(lengths):
        np.add.at(found[:, at], (row, events[:, :length]), 1.0)
    return found.reshape(-1, kinds)


@eqx.filter_jit
def _table(
    family: TokenProcess, tasks: Any, known: tuple[tuple[int, ...], ...]
) -> Float[Array, "tasks contexts vocabulary"]:
    def of_task(task: Any) -> Float[Array, "contexts vocabulary"]:
        def after(given: Int[Array, " k"]) -> Float[Array, " vocabulary"]:
            state = family.start(task)
            for token in given:
                state = family.follow(task, state, token)
            return family.next(task, state)

        of_lengths = [[given for given in known if len(given) == length] for length in range(len(known[-1]) + 1)]
        arrays = [np.asarray(given, np.int32).reshape(len(given), length) for length, given in enumerate(of_lengths)]
        return jnp.concatenate([jax.vmap(after)(jnp.asarray(given)) for given in arrays])

    found = jax.vmap(of_task)(jax.tree.map(jnp.asarray, tasks))
    return found / found.sum(-1, keepdims=True)  # rows drawn in single precision sum to 1 only roughly
