"""Linear functions whose slopes are a few numbers times a random matrix."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Columns, Components
from offprior.errors import Problem, SettingError
from offprior.families._gamma_nodes import gamma_nodes
from offprior.families.family import Family
from offprior.families.linear import with_spreads
from offprior.parameter import Scalar, parameter


class LowRankLinear(Family):
    """Linear functions w·x with w = U z: U a normal matrix of few columns, z normal (no paper's setting; ours).

    U is either drawn once from `seed` and shared by all tasks, so that all slopes lie in one subspace, or drawn for
    each task. In the latter case no single task shows its rank: given |z|, the slopes are normal with standard
    deviation |z|/√rank. The family is then one of linear functions with a random scale, where |z|² is χ² with `rank`
    degrees of freedom.
    """

    dimension: int = parameter(10, "numbers in an input", minimum=1)
    rank: int = parameter(3, "columns of U", minimum=1)
    shared: bool = parameter(True, "whether U is the same for all tasks")
    scale: Scalar = parameter(1.0, "standard deviation of a slope, over draws of U too", above=0)
    seed: int = parameter(0, "seed of the shared U", minimum=0)

    def __check_init__(self):
        if self.rank > self.dimension:
            message = f"it must be at most the dimension {self.dimension}, got {self.rank}"
            raise SettingError(Problem("rank", message))

    @property
    def matrix(self) -> Float[np.ndarray, "d rank"]:
        """The shared U, with entries N(0, 1/rank)."""
        return np.random.default_rng(self.seed).normal(size=(self.dimension, self.rank)) / self.rank**0.5

    def draw(self, key: PRNGKeyArray) -> Float[Array, " d"]:
        of_matrix, of_coefficients = jax.random.split(key)
        own = jax.random.normal(of_matrix, (self.dimension, self.rank)) / self.rank**0.5
        matrix = jnp.asarray(self.matrix, float) if self.shared else own
        return self.scale * (matrix @ jax.random.normal(of_coefficients, (self.rank,)))

    def value(self, task: Float[Array, " d"], x: Float[Array, " d"]) -> Float[Array, ""]:
        return jnp.dot(task, x)

    def components(self, nodes: int = 256) -> Components:
        """Returns one component of `rank` columns for a shared U, otherwise a row of scales per node of |z|²."""
        if not self.shared:
            squares, log_weights = gamma_nodes(self.rank / 2, self.dimension, inverse=False)
            return with_spreads(float(self.scale) * np.sqrt(squares), log_weights, self.dimension)
        one = with_spreads(np.full(1, self.scale, np.float64), np.zeros(1), self.rank)
        return dataclasses.replace(one, features=MatrixColumns(self.matrix))


class MatrixColumns(Columns):
    """The products Uᵀx."""

    matrix: Float[Any, "d rank"]

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        return x @ jnp.asarray(self.matrix, x.dtype)
