"""The law of a number whose logarithm is uniform."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.laws.law import Law, check_order
from offprior.parameter import Scalar, parameter


class LogUniform(Law):
    """A positive number whose logarithm is uniform."""

    low: Scalar = parameter(0.1, "lower end", above=0)
    high: Scalar = parameter(10.0, "upper end", above=0)

    def __check_init__(self):
        check_order(self.low, self.high)

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        return jnp.exp(jax.random.uniform(key, shape, minval=jnp.log(self.low), maxval=jnp.log(self.high)))

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        return self.low * jnp.exp(u * jnp.log(jnp.asarray(self.high / self.low, u.dtype)))
