"""Exact posteriors of token processes: evidence and next-token probabilities after each prefix of a sequence.

A family with a closed form counts (`TokenProcess.memory`). Any other family is enumerated (`TokenProcess.grid`): its
tasks are tabulated if they look back only a few tokens (`TokenProcess.reach`), else each reads every sequence once.
Everything is computed in double precision.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from offprior.compute.precision import double
from offprior.families.token_process import Memory, TokenProcess
from offprior.posterior.token_tables import contexts, tabulated

NODES = 32
"""Quadrature nodes of a law of one number: log-evidences of 128 tokens are right to some 10⁻⁶ nats."""
NUMBERS_AT_ONCE = 1 << 22
"""Probabilities of tasks and tokens that are held at once, which bounds the memory."""


class TokenPosterior(NamedTuple):
    """What a family says of B sequences, after the first k tokens of each, for L numbers k."""

    log_evidence: Float[np.ndarray, "B L"]
    """Log-probability of the prefix, in nats."""
    predictive: Float[np.ndarray, "B L vocabulary"]
    """Probabilities of the next token."""


def token_posterior(
    family: TokenProcess,
    tokens: Int[Any, "B n"],
    lengths: Sequence[int] | None = None,
    nodes: int = NODES,
    store: dict[Any, Any] | None = None,
) -> TokenPosterior:
    """Computes the exact posterior predictive of a family of token sources.

    Args:
        family: the family.
        tokens: the sequences.
        lengths: the lengths of the prefixes; None means all, from 0 to n.
        nodes: the number of quadrature nodes for a law that has to be integrated.
        store: keeps what does not depend on the sequences, one per family, for repeated calls; it is filled.

    Raises:
        NoClosedForm: the family is neither counted nor enumerated.
    """
    tokens = np.asarray(tokens, np.int32)
    at = list(range(tokens.shape[1] + 1)) if lengths is None else [int(length) for length in lengths]
    tokens = tokens[:, : max(at)]
    with double():
        memory = family.memory()
        if memory is not None:
            found = _counted(wide(memory), jnp.asarray(tokens))
            return TokenPosterior(*(np.asarray(each)[:, at] for each in found))
        store = {} if store is None else store
        if "grid" not in store:
            tasks, log_weights = family.grid(nodes)
            store["grid"] = wide(family), wide(tasks), np.asarray(log_weights, float)
        family, tasks, log_weights = store["grid"]
        log_weights = np.asarray(log_weights)
        known = contexts(family)
        if known is not None:
            return TokenPosterior(*tabulated(family, tasks, log_weights, tokens, at, known, store))
        chunk = max(1, NUMBERS_AT_ONCE // (len(log_weights) * family.vocabulary))
        parts = [
            _enumerated(family, tasks, jnp.asarray(log_weights), jnp.asarray(tokens[first : first + chunk]))
            for first in range(0, len(tokens), chunk)
        ]
        return TokenPosterior(
            *(np.concatenate([np.asarray(part) for part in each])[:, at] for each in zip(*parts, strict=True))
        )


def wide(tree: Any) -> Any:
    """Casts the real numbers of a pytree to arrays in double precision, so that they share one compiled program."""

    def widened(leaf: Any) -> Any:
        is_real = isinstance(leaf, float) or (eqx.is_array(leaf) and np.asarray(leaf).dtype.kind == "f")
        return jnp.asarray(leaf, float) if is_real else leaf

    return jax.tree.map(widened, tree)


@eqx.filter_jit
def _counted(memory: Memory, tokens: Int[Array, "B n"]) -> tuple[Array, Array]:
    def of_sequence(sequence: Int[Array, " n"]) -> tuple[Array, Array]:
        def read(state: Any, token: Int[Array, ""]) -> tuple[Any, Array]:
            return memory.follow(state, token), memory.next(state)

        state, before = jax.lax.scan(read, memory.start(), sequence)
        predictive = jnp.concatenate([before, memory.next(state)[None]])
        chosen = jnp.log(jnp.take_along_axis(before, sequence[:, None], axis=1)[:, 0])
        return jnp.concatenate([jnp.zeros(1), jnp.cumsum(chosen)]), predictive

    return jax.vmap(of_sequence)(tokens)


@eqx.filter_jit
def _enumerated(
    family: TokenProcess, tasks: Any, log_weights: Float[Array, " tasks"], tokens: Int[Array, "B n"]
) -> tuple[Array, Array]:
    tasks = jax.tree.map(jnp.asarray, tasks)
    follows = jax.vmap(family.follow, in_axes=(0, 0, None))

    def nexts(tasks: Any, states: Any) -> Float[Array, "tasks vocabulary"]:
        found = jax.vmap(family.next)(tasks, states)
        return found / found.sum(-1, keepdims=True)  # rows drawn in single precision sum to 1 only roughly

    def of_sequence(sequence: Int[Array, " n"]) -> tuple[Array, Array]:
        def said(log_mass: Array, probabilities: Array) -> tuple[Array, Array]:
            evidence = jax.nn.logsumexp(log_mass)
            # A prefix that no task can produce has no posterior: every task keeps its weight in the prior.
            share = jnp.where(jnp.isfinite(evidence), jnp.exp(log_mass - evidence), jnp.exp(log_weights))
            return evidence, share @ probabilities

        def read(carry: Any, token: Int[Array, ""]) -> tuple[Any, tuple[Array, Array]]:
            states, log_mass = carry
            probabilities = nexts(tasks, states)
            told = said(log_mass, probabilities)
            return (follows(tasks, states, token), log_mass + jnp.log(probabilities[:, token])), told

        states = jax.vmap(family.start)(tasks)
        (states, log_mass), (evidence, predictive) = jax.lax.scan(read, (states, log_weights), sequence)
        last = said(log_mass, nexts(tasks, states))
        return jnp.append(evidence, last[0]), jnp.concatenate([predictive, last[1][None]])

    return jax.vmap(of_sequence)(tokens)


class MixedPosterior(NamedTuple):
    """What weighted families of token sources say of B sequences after L prefixes."""

    predictive: Float[np.ndarray, "B L vocabulary"]
    of_families: Float[np.ndarray, "B L F vocabulary"]
    share: Float[np.ndarray, "B L F"]
    """The posterior probability of each family."""
    log_evidence: Float[np.ndarray, "B L"]


def mixed_posterior(
    families: Sequence[TokenProcess],
    weights: Float[np.ndarray, " F"],
    tokens: Int[Any, "B n"],
    lengths: Sequence[int],
    known: dict[int, TokenPosterior] | None = None,
    stores: Sequence[dict[Any, Any]] | None = None,
) -> MixedPosterior:
    """Computes the exact posterior predictive of a mixture of families.

    Args:
        families: the families.
        weights: the share of each family, summing to 1.
        tokens: the sequences.
        lengths: the lengths of the prefixes.
        known: posteriors of families at these lengths that have been computed, by their index; it is filled.
        stores: for repeated calls, a `store` of `token_posterior` for each family.

    Raises:
        NoClosedForm: as for `token_posterior`.
    """
    known = {} if known is None else known
    for place, family in enumerate(families):
        if place not in known:
            known[place] = token_posterior(family, tokens, lengths, store=None if stores is None else stores[place])
    evidence = np.stack([known[place].log_evidence for place in range(len(families))], axis=-1)
    of_families = np.stack([known[place].predictive for place in range(len(families))], axis=2)
    log_weights = np.log(weights, out=np.full(len(weights), -np.inf), where=np.asarray(weights) > 0)
    log_mass = evidence + log_weights
    total = np.logaddexp.reduce(log_mass, axis=-1)
    # A prefix that no family can produce has no posterior: every family keeps its weight in the prior.
    possible = np.isfinite(total)[..., None]
    share = np.where(possible, np.exp(log_mass - np.where(possible, total[..., None], 0)), weights)
    return MixedPosterior((share[..., None] * of_families).sum(2), of_families, share, total)
