"""The Rayleigh law: the length of a normal vector in the plane."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.laws.law import Law
from offprior.parameter import Scalar, parameter


class Rayleigh(Law):
    """The length of a vector of two independent normal numbers."""

    scale: Scalar = parameter(1.0, "standard deviation of each of the two numbers", above=0)

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        # A Rayleigh law is a Weibull law of shape 2.
        return jax.random.weibull_min(key, self.scale * np.sqrt(2.0).item(), 2.0, shape)

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        return self.scale * jnp.sqrt(-2 * jnp.log1p(-u))
