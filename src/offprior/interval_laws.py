"""Laws of a prompt's inputs whose contexts cover a part of the range and whose queries lie beyond it as well.

An interval holds a share of the mass of the law that it is made from, so that the same settings serve every such law.
Inputs of several numbers are restricted in their first coordinate.
"""

import abc

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.input_laws import InputLaw, Inputs, base_parameter
from offprior.laws import Law
from offprior.parameter import Scalar, parameter
from offprior.randomness import fold

SMALLEST = 2.0**-23
"""Least share of the mass below an input, and above it: the quantiles of 0 and 1 may be infinite."""


class IntervalLaw(InputLaw):
    """A law whose contexts are restricted to an interval of the first coordinate."""

    @abc.abstractmethod
    def interval(self, key: PRNGKeyArray, kind: jnp.dtype) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """The shares of the mass below the two ends of a prompt's interval."""

    def restricted(self, key: PRNGKeyArray, x: Inputs, low: Array, high: Array) -> Inputs:
        """`x` with new first coordinates, drawn from `base` between the shares `low` and `high` of its mass."""
        share = low + (high - low) * jax.random.uniform(key, (len(x),), x.dtype)
        share = jnp.clip(share, SMALLEST, 1 - SMALLEST)
        return x.at[:, 0].set(jax.vmap(self.base.quantile)(share).astype(x.dtype))


class SubInterval(IntervalLaw):
    """Inputs only: contexts in an interval drawn for each prompt, queries everywhere (settings ours).

    The interval holds a share of the mass that is uniform between `least` and `most`, anywhere in the range. A prompt
    to pretrain on begins with inputs of its interval and goes on with inputs of the whole range. Where it goes over is
    uniform over the prompt, so that contexts of every length come with queries both between and beyond their inputs.
    """

    base: Law = base_parameter()
    least: Scalar = parameter(0.25, "smallest share of the mass that an interval holds", above=0, maximum=1)
    most: Scalar = parameter(1.0, "largest share of the mass that an interval holds", above=0, maximum=1)

    def interval(self, key: PRNGKeyArray, kind: jnp.dtype) -> tuple[Float[Array, ""], Float[Array, ""]]:
        width, place = jax.random.uniform(key, (2,), kind)
        share = self.least + (self.most - self.least) * width
        low = place * (1 - share)
        return low, low + share

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        low, high = self.interval(fold(key, "interval"), context.dtype)
        return self.restricted(fold(key, "inside"), context, low, high), queries

    def sequence(self, key: PRNGKeyArray, n: int, d: int) -> Inputs:
        everywhere = self.base.inputs(key, n, d)
        key = fold(key, type(self).__name__)
        low, high = self.interval(fold(key, "interval"), everywhere.dtype)
        inside = self.restricted(fold(key, "inside"), everywhere, low, high)
        count = jax.random.randint(fold(key, "count"), (), 0, n + 1)
        return jnp.where((jnp.arange(n) < count)[:, None], inside, everywhere)


class OneSided(IntervalLaw):
    """Inputs only: contexts in the lower share c of the inputs' mass, queries in the rest (settings ours).

    Where c is 1 both are those of the law that it is made from.
    """

    base: Law = base_parameter()
    share: Scalar = parameter(0.6, "c, the share of the mass that the contexts cover", above=0, maximum=1)

    def interval(self, key: PRNGKeyArray, kind: jnp.dtype) -> tuple[Float[Array, ""], Float[Array, ""]]:
        return jnp.zeros((), kind), jnp.asarray(self.share, kind)

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        low, high = self.interval(key, context.dtype)
        is_whole = high >= 1
        below = self.restricted(fold(key, "context"), context, low, high)
        above = self.restricted(fold(key, "queries"), queries, high, jnp.ones_like(high))
        return jnp.where(is_whole, context, below), jnp.where(is_whole, queries, above)


INTERVAL_LAWS: dict[str, type[Law]] = {"sub-interval": SubInterval, "one-sided": OneSided}
"""The laws of inputs in intervals by their names in recipes."""
