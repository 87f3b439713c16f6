"""Finite sets of functions, all equally likely."""

from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Columns, Components, distinct
from offprior.errors import Problem, SettingError
from offprior.families.family import Family
from offprior.laws import Law, Steps, law
from offprior.parameter import Scalar, parameter


class Curve(NamedTuple):
    """A task: coefficient · shape(x) + offset."""

    coefficient: Float[Array, ""]
    offset: Float[Array, ""]


class Grid(Family):
    """A grid of functions coefficient·x + offset, or coefficient·sin(ωx) + offset, drawn uniformly.

    The defaults are the line class of Müller's 2024 prior (arXiv 2410.01565); its sinusoid class is
    ``Grid(function="sinusoid", coefficient=0.2, offset=Steps(0, 1, 101))``.
    """

    function: Literal["line", "sinusoid"] = parameter("line", "the shape: x, or sin ωx")
    coefficient: Law = parameter(Steps(-1.0, 1.0, 101), "slope or amplitude: steps, or a number", converter=law)
    offset: Law = parameter(Steps(-1.0, 1.0, 101), "what is added: steps, or a number", converter=law)
    frequency: Scalar = parameter(3 * np.pi, "ω of a sinusoid, in radians per unit of x", above=0)
    dimension: int = parameter(1, "numbers in an input; a grid is of functions of one", minimum=1, maximum=1)

    def __check_init__(self):
        laws = {"coefficient": self.coefficient, "offset": self.offset}
        message = "a grid has finitely many values; write a number, or {name: steps, low: -1, high: 1, count: 101}"
        problems = [Problem(name, message) for name, one in laws.items() if not one.finite]
        if problems:
            raise SettingError(problems)

    @property
    def label(self) -> str:
        return f"{self.function}-grid"

    def draw(self, key: PRNGKeyArray) -> Curve:
        of_coefficient, of_offset = jax.random.split(key)
        return Curve(self.coefficient.sample(of_coefficient), self.offset.sample(of_offset))

    def value(self, task: Curve, x: Float[Array, " d"]) -> Float[Array, ""]:
        shape = x[0] if self.function == "line" else jnp.sin(self.frequency * x[0])
        return task.coefficient * shape + task.offset

    def angular_frequency(self, task: Curve) -> Float[Array, ""]:
        return jnp.asarray(self.frequency if self.function == "sinusoid" else jnp.nan, float)

    def components(self, nodes: int = 256) -> Components:
        """One component, whose two columns have coefficient 1 and whose rows of scales are the grid."""
        (coefficients, of_coefficient), (offsets, of_offset) = self.coefficient.nodes(1), self.offset.nodes(1)
        rows = np.stack([table.ravel() for table in np.meshgrid(coefficients, offsets, indexing="ij")], axis=1)
        weights = of_coefficient[:, None] + of_offset[None, :]
        scales, log_scale_weights = distinct(rows, weights.ravel())
        return Components(
            features=GridColumns(self.function),
            nodes=np.asarray([self.frequency], np.float64),
            log_weights=np.zeros(1),
            scales=scales,
            log_scale_weights=log_scale_weights,
            fixed=(True, True),
            constant=(False, True),
        )


class GridColumns(Columns):
    """x or sin ωx, and 1."""

    function: str = eqx.field(static=True)

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        shape = x[0] if self.function == "line" else jnp.sin(node * x[0])
        return jnp.stack([shape, jnp.ones_like(shape)])
