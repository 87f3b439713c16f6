"""Evenly spaced inputs."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.errors import SettingError
from offprior.laws.law import Law, check_order, number_in_words
from offprior.parameter import Scalar, parameter


class Evenly(Law):
    """Inputs only: evenly spaced points, ends included, in random order."""

    low: Scalar = parameter(-1.0, "the first point")
    high: Scalar = parameter(1.0, "the last point")

    @property
    def words(self) -> str:
        ends = [number_in_words(end) for end in (self.low, self.high)]
        return "even contexts" if ends == ["-1", "1"] else f"even contexts {' to '.join(ends)}"

    def __check_init__(self):
        check_order(self.low, self.high)

    @property
    def nested(self) -> bool:
        return False

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        return self.low + (self.high - self.low) * u

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Draws an array of `shape` [..., n, d]: evenly spaced, in random order along the second-to-last axis."""
        if len(shape) < 2:
            raise SettingError("evenly spaced points are a law of inputs, not of a parameter; choose uniform")
        grid = jnp.broadcast_to(self.grid(shape[-2])[:, None], shape)
        return jax.random.permutation(key, grid, axis=-2, independent=True)

    def grid(self, n: int) -> Float[Array, " n"]:
        """Returns the points in order; a single point lies in the middle."""
        place = jnp.arange(n, dtype=float) / (n - 1) if n > 1 else jnp.full((n,), 0.5)
        return self.low + (self.high - self.low) * place

    def queries(self, key: PRNGKeyArray, m: int, d: int) -> Float[Array, "m d"]:
        """Returns the grid in order for inputs of one number, otherwise evenly spaced coordinates in random order."""
        return self.grid(m)[:, None] if d == 1 else self.sample(key, (m, d))

    def span(self) -> tuple[float, float]:
        return float(self.low), float(self.high)
