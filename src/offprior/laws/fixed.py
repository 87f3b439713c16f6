"""The law of a number that does not vary."""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.laws.law import Law, concrete
from offprior.parameter import Scalar, parameter


class Fixed(Law):
    """A single value that never varies."""

    finite: ClassVar[bool] = True
    value: Scalar = parameter(0.0, "the value")

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        return jnp.broadcast_to(jnp.asarray(self.value, float), shape)

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        return jnp.asarray(self.value, u.dtype)

    def nodes(self, count: int) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
        return np.asarray([self.value], np.float64), np.zeros(1)

    @property
    def only_value(self) -> float | None:
        return concrete(self.value)
