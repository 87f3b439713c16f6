"""Lines and hyperplanes."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Columns, Components
from offprior.families.family import Family
from offprior.parameter import Scalar, alike, parameter


class Line(NamedTuple):
    """A task: a linear function."""

    slopes: Float[Array, " d"]
    intercept: Float[Array, ""]


class Linear(Family):
    """Linear functions with normal slopes, with or without an intercept (the lines of arXiv 2311.00871; 2208.01066)."""

    dimension: int = parameter(1, "numbers in an input", minimum=1)
    intercept: bool = parameter(False, "whether there is a constant term")
    scale: Scalar = parameter(1.0, "standard deviation of a slope", above=0)
    intercept_scale: Scalar = parameter(1.0, "standard deviation of the intercept, if there is one", above=0)

    def includes_alone(self, other: Family) -> bool:
        if not isinstance(other, Linear):
            return False
        same = (other.dimension, other.intercept) == (self.dimension, self.intercept)
        scales = [(self.scale, other.scale)] + [(self.intercept_scale, other.intercept_scale)] * self.intercept
        return same and all(alike(mine, theirs) for mine, theirs in scales)

    def draw(self, key: PRNGKeyArray) -> Line:
        of_slopes, of_intercept = jax.random.split(key)
        slopes = self.scale * jax.random.normal(of_slopes, (self.dimension,))
        if not self.intercept:
            return Line(slopes, jnp.zeros(()))
        return Line(slopes, self.intercept_scale * jax.random.normal(of_intercept))

    def value(self, task: Line, x: Float[Array, " d"]) -> Float[Array, ""]:
        return jnp.dot(task.slopes, x) + task.intercept

    def components(self, nodes: int = 256) -> Components:
        """Returns one component, whose columns are the inputs and, with an intercept, 1."""
        columns = self.dimension + self.intercept
        scales = np.full((1, columns), self.scale, np.float64)
        if self.intercept:
            scales[0, -1] = self.intercept_scale
        return Components(
            features=LinearColumns(self.intercept),
            nodes=(),
            log_weights=np.zeros(1),
            scales=scales,
            log_scale_weights=np.zeros(1),
            fixed=(False,) * columns,
            constant=(False,) * self.dimension + (True,) * self.intercept,
        )


class LinearColumns(Columns):
    """The coordinates of a point and, with an intercept, 1."""

    intercept: bool = eqx.field(static=True)

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        return jnp.append(x, 1.0) if self.intercept else x


def with_spreads(
    spreads: Float[np.ndarray, " rows"], log_weights: Float[np.ndarray, " rows"], dimension: int
) -> Components:
    """Returns linear functions without intercept whose slopes share a random spread, one row of scales per spread."""
    return Components(
        features=LinearColumns(False),
        nodes=(),
        log_weights=np.zeros(1),
        scales=np.repeat(spreads[:, None], dimension, axis=1),
        log_scale_weights=log_weights,
        fixed=(False,) * dimension,
        constant=(False,) * dimension,
    )
