"""Weighted sums of the squares of an input's numbers."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Columns, Components
from offprior.families.family import Family
from offprior.families.linear import with_spreads
from offprior.parameter import Scalar, parameter

ROOT = 3**0.5
"""With this factor, standard normal inputs give values with the linear family's variance, because E x⁴ is 3."""


class Quadratic(Family):
    """Sums of squares Σ wᵢ xᵢ² / √3 with normal weights, without products xᵢxⱼ (the public code of arXiv 2208.01066).

    The same squares are a test function of wang-2024.
    """

    dimension: int = parameter(20, "numbers in an input", minimum=1)
    scale: Scalar = parameter(1.0, "standard deviation of a weight", above=0)

    def draw(self, key: PRNGKeyArray) -> Float[Array, " d"]:
        return self.scale * jax.random.normal(key, (self.dimension,))

    def value(self, task: Float[Array, " d"], x: Float[Array, " d"]) -> Float[Array, ""]:
        return jnp.dot(task, x**2) / ROOT

    def components(self, nodes: int = 256) -> Components:
        """Returns one component: a column per square."""
        linear = with_spreads(np.full(1, self.scale, np.float64) / ROOT, np.zeros(1), self.dimension)
        return dataclasses.replace(linear, features=SquareColumns())


class SquareColumns(Columns):
    """The squares of a point's coordinates."""

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        return x**2
