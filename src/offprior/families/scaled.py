"""Another family's functions, stretched and shifted."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Columns, Components
from offprior.families.family import Family
from offprior.families.sinusoid import Sinusoid
from offprior.laws.law import concrete
from offprior.parameter import Scalar, parameter


class Scaled(Family):
    """Functions c·f(s·x + t) with f from another family: its graph stretched and shifted (the scale probes' family)."""

    family: Family = parameter(Sinusoid(), "the family of f")
    factor: Scalar = parameter(1.0, "c, the factor of the values")
    stretch: Scalar = parameter(2.0, "s, the factor of every number of an input")
    shift: Scalar = parameter(0.0, "t, added to every number of an input after stretching")

    @property
    def dimension(self) -> int:  # type: ignore[override]
        """How many numbers an input has."""
        return self.family.dimension

    def summands(self) -> list[tuple[Scalar, Family]]:
        if concrete(self.stretch) == 1 and concrete(self.shift) == 0:
            return [(self.factor * inner, family) for inner, family in self.family.summands()]
        return super().summands()

    def draw(self, key: PRNGKeyArray) -> Any:
        return self.family.draw(key)

    def value(self, task: Any, x: Float[Array, " d"]) -> Float[Array, ""]:
        return self.factor * self.family.value(task, _moved(x, self.stretch, self.shift))

    def angular_frequency(self, task: Any) -> Float[Array, ""]:
        """Returns the angular frequency of f, times |s|."""
        return jnp.abs(self.stretch) * self.family.angular_frequency(task)

    def components(self, nodes: int = 256) -> Components:
        """Returns the components of f, with columns at s·x + t and scales times c."""
        own = self.family.components(nodes)
        features = MovedColumns(own.features, np.float64(self.stretch), np.float64(self.shift))
        return dataclasses.replace(own, features=features, scales=float(self.factor) * own.scales)


class MovedColumns(Columns):
    """Another family's columns at s·x + t."""

    columns: Columns
    stretch: Any
    shift: Any

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        return self.columns(node, _moved(x, self.stretch, self.shift))


def _moved(x: Float[Array, " d"], stretch: Any, shift: Any) -> Float[Array, " d"]:
    return jnp.asarray(stretch, x.dtype) * x + jnp.asarray(shift, x.dtype)
