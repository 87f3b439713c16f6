"""Laws of inputs whose contexts cover a part of the range and whose queries also lie beyond it.

An interval is given as a share of the base law's mass, so that the same settings serve every base law. Inputs of
several numbers are restricted in their first coordinate.
"""

import abc

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.input_laws.input_law import InputLaw, Inputs

SMALLEST = 2.0**-23
"""The least share of the mass below an input, and above it: the quantiles of 0 and 1 may be infinite."""


class IntervalLaw(InputLaw):
    """A law whose contexts are restricted to an interval of the first coordinate."""

    @abc.abstractmethod
    def interval(self, key: PRNGKeyArray, kind: jnp.dtype) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Returns the shares of the mass below the two ends of a prompt's interval."""

    def restricted(self, key: PRNGKeyArray, x: Inputs, low: Array, high: Array) -> Inputs:
        """Returns `x` with new first coordinates, drawn from `base` between the shares `low` and `high` of its mass."""
        share = low + (high - low) * jax.random.uniform(key, (len(x),), x.dtype)
        share = jnp.clip(share, SMALLEST, 1 - SMALLEST)
        return x.at[:, 0].set(jax.vmap(self.base.quantile)(share).astype(x.dtype))
