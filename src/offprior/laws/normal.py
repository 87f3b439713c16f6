"""The normal law."""

import jax
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.laws.law import Law
from offprior.parameter import Scalar, parameter


class Normal(Law):
    """The bell curve."""

    mean: Scalar = parameter(0.0, "mean")
    sd: Scalar = parameter(1.0, "standard deviation", above=0)

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        return self.mean + jax.random.normal(key, shape) * self.sd

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        return self.mean + self.sd * jax.scipy.special.ndtri(u)
