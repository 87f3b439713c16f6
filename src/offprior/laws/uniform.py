"""The uniform law between two ends."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.laws.law import Law, check_order
from offprior.parameter import Scalar, parameter


class Uniform(Law):
    """Every value between two ends, equally likely."""

    low: Scalar = parameter(0.0, "lower end")
    high: Scalar = parameter(1.0, "upper end")

    def __check_init__(self):
        check_order(self.low, self.high)

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        return jax.random.uniform(key, shape, minval=self.low, maxval=self.high)

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        return self.low + (self.high - self.low) * u

    def span(self) -> tuple[float, float]:
        return float(self.low), float(self.high)

    def even_points(self, n: int) -> Float[Array, " n"]:
        """Returns evenly spaced points, ends included; a single point lies in the middle."""
        return jax.vmap(self.quantile)(jnp.arange(n, dtype=float) / (n - 1) if n > 1 else jnp.full((n,), 0.5))
