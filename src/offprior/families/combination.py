"""Weighted sums of two families' functions."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Components
from offprior.components.combined import combine
from offprior.errors import Problem, SettingError
from offprior.families.family import Family
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.laws.law import concrete
from offprior.parameter import Scalar, parameter


class Pair(NamedTuple):
    """A task: one function of each family."""

    first: Any
    second: Any


class Combination(Family):
    """The functions a·f + (1−a)·g, f and g drawn independently from two families (arXiv 2311.00871)."""

    first: Family = parameter(Linear(), "the family of f")
    second: Family = parameter(Sinusoid(), "the family of g")
    weight: Scalar = parameter(0.5, "a", minimum=0, maximum=1)
    scaled: bool = parameter(True, "a·f + (1−a)·g; or this over max(a, 1−a), so that a = ½ is the plain sum f + g")

    def __check_init__(self):
        if self.first.dimension != self.second.dimension:
            message = f"it must be {self.first.dimension}, as for the first family; got {self.second.dimension}"
            raise SettingError(Problem("second.dimension", message))

    @property
    def dimension(self) -> int:  # type: ignore[override]
        """How many numbers an input has."""
        return self.first.dimension

    @property
    def factors(self) -> tuple[Scalar, Scalar]:
        """The factors of f and of g."""
        a = self.weight
        if self.scaled:
            return a, 1 - a
        known = concrete(a)
        largest = jnp.maximum(a, 1 - a) if known is None else max(known, 1 - known)
        return a / largest, (1 - a) / largest

    def summands(self) -> list[tuple[Scalar, Family]]:
        sides = zip(self.factors, (self.first, self.second), strict=True)
        return [(factor * inner, family) for factor, side in sides for inner, family in side.summands()]

    def draw(self, key: PRNGKeyArray) -> Pair:
        of_first, of_second = jax.random.split(key)
        return Pair(self.first.draw(of_first), self.second.draw(of_second))

    def value(self, task: Pair, x: Float[Array, " d"]) -> Float[Array, ""]:
        a, b = self.factors
        return a * self.first.value(task.first, x) + b * self.second.value(task.second, x)

    def angular_frequency(self, task: Pair) -> Float[Array, ""]:
        """Returns the angular frequency of f, or that of g if f has none."""
        first, second = self.first.angular_frequency(task.first), self.second.angular_frequency(task.second)
        return jnp.where(jnp.isnan(first), second, first)

    def components(self, nodes: int = 256) -> Components:
        sides = self.first.components(nodes), self.second.components(nodes)
        a, b = self.factors
        return combine(*sides, float(a), float(b))
