"""Inputs from a mixture of two laws."""

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from offprior.compute.randomness import fold
from offprior.input_laws.input_law import InputLaw, Inputs, base_parameter
from offprior.laws.law import LawLike, law
from offprior.laws.normal import Normal
from offprior.parameter import Scalar, parameter


class Mixed(InputLaw):
    """Inputs only: each is drawn from another law with a given probability."""

    base: LawLike = base_parameter()
    other: LawLike = parameter(Normal(), "the other law", converter=law)
    share: Scalar = parameter(0.5, "share of the inputs that follow the other law", minimum=0, maximum=1)

    @property
    def nested(self) -> bool:
        return self.base.nested and self.other.nested

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        keys = fold(key, "context"), fold(key, "queries")
        others = self.other.prompt(*keys, len(context), len(queries), context.shape[1])

        def mixed(key: PRNGKeyArray, x: Inputs, other: Inputs) -> Inputs:
            chosen = jax.random.uniform(fold(key, "chosen"), (len(x), 1)) < self.share
            return jnp.where(chosen, other, x)

        return mixed(keys[0], context, others[0]), mixed(keys[1], queries, others[1])

    def span(self) -> tuple[float, float]:
        """Returns the lower of both lower ends and the higher of both upper ends."""
        lows, highs = zip(self.base.span(), self.other.span(), strict=True)
        return min(lows), max(highs)
