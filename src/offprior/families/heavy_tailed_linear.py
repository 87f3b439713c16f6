"""Linear functions whose slopes are occasionally much larger."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Components
from offprior.families._gamma_nodes import gamma_nodes
from offprior.families.family import Family
from offprior.families.linear import with_spreads
from offprior.laws.law import concrete
from offprior.parameter import Scalar, parameter


class HeavyTailedLinear(Family):
    """Linear functions w·x, w of Student's multivariate t-law (ours; no paper's setting).

    The slopes are normal with a random scale s that all slopes of a task share: 1/s² is Gamma(ν/2, rate ν/2) for ν
    degrees of freedom, and w is N(0, scale²·s²·I).
    """

    dimension: int = parameter(1, "numbers in an input", minimum=1)
    degrees: Scalar = parameter(3.0, "degrees of freedom ν; the fewer, the heavier the tails", above=0)
    scale: Scalar = parameter(1.0, "standard deviation of a slope where s is 1", above=0)

    def draw(self, key: PRNGKeyArray) -> Float[Array, " d"]:
        of_slopes, of_scale = jax.random.split(key)
        half = jnp.asarray(self.degrees, float) / 2
        precision = jax.random.gamma(of_scale, half) / half
        return self.scale * jax.random.normal(of_slopes, (self.dimension,)) / jnp.sqrt(precision)

    def value(self, task: Float[Array, " d"], x: Float[Array, " d"]) -> Float[Array, ""]:
        return jnp.dot(task, x)

    def components(self, nodes: int = 256) -> Components:
        """Returns one component, with one row of scales per node of the law of s, accurate far into its tail."""
        half = (concrete(self.degrees) or 0.0) / 2
        precision, log_weights = gamma_nodes(half, self.dimension, inverse=True)
        spread: Any = float(self.scale) / np.sqrt(precision)
        found = with_spreads(spread, log_weights, self.dimension)
        if half > 1:
            return found
        text = f"{self.label}: with {2 * half:g} degrees of freedom its values have no variance before enough data"
        return dataclasses.replace(found, approximation=text)
