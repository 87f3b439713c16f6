"""Contexts in an interval drawn for each prompt."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.compute.randomness import fold
from offprior.input_laws._interval_law import IntervalLaw
from offprior.input_laws.input_law import Inputs, base_parameter
from offprior.laws.law import LawLike
from offprior.parameter import Scalar, parameter


class SubInterval(IntervalLaw):
    """Inputs only: contexts in an interval drawn for each prompt, queries everywhere (settings ours).

    The interval holds a share of the mass that is uniform between `least` and `most`, anywhere in the range. A
    pretraining prompt starts with inputs from its interval and continues with inputs from the whole range. The position
    of the change is uniform over the prompt, so that contexts of every length come with queries both between and beyond
    their inputs.
    """

    base: LawLike = base_parameter()
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
