"""Normalised geometric means of two sources' next-token probabilities."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from offprior.families._two_processes import TwoProcesses
from offprior.families.process_pool import ProcessPool
from offprior.families.sticky_chain import StickyChain
from offprior.families.token_process import TokenProcess
from offprior.families.unigram_source import UnigramSource
from offprior.parameter import Scalar, parameter

LEAST = 1e-30
"""Probabilities are at least this, so that 0 to the power of 0 is 1 as it should be."""


class LogLinear(TwoProcesses):
    """Sources with the transition kernel T₁ᵃ·T₂¹⁻ᵃ, each row normalised."""

    first: TokenProcess = parameter(StickyChain(), "the family of T₁")
    second: TokenProcess = parameter(ProcessPool(UnigramSource()), "the family of T₂")
    weight: Scalar = parameter(0.5, "a", minimum=0, maximum=1)

    def combined(
        self, first: Float[Array, " vocabulary"], second: Float[Array, " vocabulary"]
    ) -> Float[Array, " vocabulary"]:
        logarithms = (jnp.log(jnp.maximum(side, LEAST)) for side in (first, second))
        a, b = logarithms
        return jax.nn.softmax(self.weight * a + (1 - self.weight) * b)
