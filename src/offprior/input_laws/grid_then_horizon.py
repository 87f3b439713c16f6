"""Contexts on a regular grid, in order, with queries at the steps that follow, as forecasters take them."""

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.errors import SettingError
from offprior.laws.law import Law, number_in_words
from offprior.parameter import Scalar, parameter

SHOWN = 48
"""Steps before and after the end of a context that drawings show: a context may reach back any number of steps."""


class GridThenHorizon(Law):
    """Inputs only: a context at even steps up to `end`, in order, and queries at the steps after it (settings ours).

    The queries are the same for every context, so that errors after long and short contexts compare: a longer context
    reaches further back. In inputs of several numbers all numbers are equal.
    """

    end: Scalar = parameter(0.0, "the last point of a context")
    step: Scalar = parameter(0.1, "from one point to the next", above=0)

    @property
    def words(self) -> str:
        end = number_in_words(self.end)
        return f"a horizon at steps of {number_in_words(self.step)}" + ("" if end == "0" else f" after {end}")

    @property
    def nested(self) -> bool:
        return False

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        return self.end + self.step * SHOWN * (2 * u - 1)

    def span(self) -> tuple[float, float]:
        reach = SHOWN * float(self.step)
        return float(self.end) - reach, float(self.end) + reach

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Returns the contexts' inputs, an array of `shape` [..., n, d]; nothing is drawn."""
        if len(shape) < 2:
            raise SettingError("a grid with a horizon is a law of inputs, not of a parameter; choose uniform")
        return self._at(jnp.arange(1 - shape[-2], 1), shape)

    def queries(self, key: PRNGKeyArray, m: int, d: int) -> Float[Array, "m d"]:
        """Returns the m points after the context."""
        return self._at(jnp.arange(1, m + 1), (m, d))

    def _at(self, steps: Array, shape: tuple[int, ...]) -> Float[Array, "..."]:
        return jnp.broadcast_to((self.end + self.step * steps.astype(float))[:, None], shape)
