"""Two-layer networks of rectified linear units."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.families.family import Family
from offprior.parameter import Scalar, parameter


class Weights(NamedTuple):
    """A task: the weights of one network."""

    inward: Float[Array, "d hidden"]
    outward: Float[Array, " hidden"]


class ReluNetwork(Family):
    """Two-layer networks Σ aᵢ max(0, wᵢ·x) with normal weights, a scaled by √(2/hidden) (arXiv 2208.01066, section 5).

    The family is not a finite mixture of Gaussian linear models, so there is no exact posterior; `sampled-bayes`
    samples it.
    """

    dimension: int = parameter(20, "numbers in an input", minimum=1)
    hidden: int = parameter(100, "hidden units", minimum=1)
    scale: Scalar = parameter(1.0, "factor by which values are multiplied", above=0)

    def draw(self, key: PRNGKeyArray) -> Weights:
        inward, outward = jax.random.split(key)
        spread = self.scale * (2 / self.hidden) ** 0.5
        return Weights(
            jax.random.normal(inward, (self.dimension, self.hidden)),
            spread * jax.random.normal(outward, (self.hidden,)),
        )

    def value(self, task: Weights, x: Float[Array, " d"]) -> Float[Array, ""]:
        return jnp.dot(task.outward, jax.nn.relu(x @ task.inward))
