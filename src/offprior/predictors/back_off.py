"""Counts of the last few tokens, backing off to fewer."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from offprior.compute.precision import double
from offprior.parameter import parameter
from offprior.predictors.predictor import LABEL
from offprior.predictors.token_predictor import TokenPredictor

STRENGTHS = (0.3, 1.0, 3.0, 10.0)
"""Weights of the shorter context, in tokens; they are averaged by their evidence."""


class BackOff(TokenPredictor):
    """Interpolated n-gram counts (after MacKay and Peto 1995), which know no family: what S is for tokens.

    After a context of r tokens the probability of t is (n(t) + c·q(t)) / (N + c), with n of N tokens seen after this
    context so far, and q the same for r − 1 tokens, down to the uniform law. Each c is weighed by how well it has
    predicted the sequence.
    """

    order: int = parameter(2, "the longest context, in tokens", minimum=0)
    label: str = parameter("back-off", LABEL)

    def next_tokens(self, tokens: Int[Any, "B n"], lengths: Sequence[int]) -> Float[np.ndarray, "B L vocabulary"]:
        with double():
            found = _read(jnp.asarray(tokens, jnp.int32), self.vocabulary, self.order)
            return np.asarray(found)[:, list(lengths)]


@eqx.filter_jit
def _read(tokens: Int[Array, "B n"], vocabulary: int, order: int) -> Float[Array, "B n_and_1 vocabulary"]:
    strengths = jnp.asarray(STRENGTHS)

    def of_sequence(sequence: Int[Array, " n"]) -> Array:
        counts = tuple(jnp.zeros((vocabulary**r, vocabulary)) for r in range(order + 1))

        def predicted(counts: Any, latest: Any, seen: Any) -> Float[Array, "strengths vocabulary"]:
            found = jnp.full((len(STRENGTHS), vocabulary), 1 / vocabulary)
            for r in range(order + 1):
                row = counts[r][latest % vocabulary**r]
                deeper = (row[None] + strengths[:, None] * found) / (row.sum() + strengths[:, None])
                found = jnp.where(seen >= r, deeper, found)
            return found

        def mixed(log_share: Array, found: Array) -> Array:
            return jax.nn.softmax(log_share) @ found

        def step(state: Any, token: Array) -> tuple[Any, Array]:
            counts, latest, seen, log_share = state
            found = predicted(counts, latest, seen)
            counts = tuple(
                of.at[latest % vocabulary**r, token].add(jnp.where(seen >= r, 1.0, 0.0)) for r, of in enumerate(counts)
            )
            latest = (latest * vocabulary + token) % vocabulary ** max(order, 1)
            after = (counts, latest.astype(jnp.int32), seen + 1, log_share + jnp.log(found[:, token]))
            return after, mixed(log_share, found)

        start = (counts, jnp.int32(0), jnp.int32(0), jnp.zeros(len(STRENGTHS)))
        (counts, latest, seen, log_share), before = jax.lax.scan(step, start, sequence)
        return jnp.concatenate([before, mixed(log_share, predicted(counts, latest, seen))[None]])

    return jax.vmap(of_sequence)(tokens)
