"""Contexts on one side of the range, queries on the other."""

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.compute.randomness import fold
from offprior.input_laws._interval_law import IntervalLaw
from offprior.input_laws.input_law import Inputs, base_parameter
from offprior.laws.law import LawLike
from offprior.parameter import Scalar, parameter


class OneSided(IntervalLaw):
    """Inputs only: contexts in the lower share c of the inputs' mass, queries in the rest (settings ours).

    If c is 1, both are drawn from the base law.
    """

    base: LawLike = base_parameter()
    share: Scalar = parameter(0.6, "c, the share of the mass that the contexts cover", above=0, maximum=1)

    def interval(self, key: PRNGKeyArray, kind: jnp.dtype) -> tuple[Float[Array, ""], Float[Array, ""]]:
        return jnp.zeros((), kind), jnp.asarray(self.share, kind)

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        low, high = self.interval(key, context.dtype)
        is_whole = high >= 1
        below = self.restricted(fold(key, "context"), context, low, high)
        above = self.restricted(fold(key, "queries"), queries, high, jnp.ones_like(high))
        return jnp.where(is_whole, context, below), jnp.where(is_whole, queries, above)
