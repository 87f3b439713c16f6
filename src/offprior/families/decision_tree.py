"""Binary trees that ask for the sign of a coordinate."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from offprior.families.family import Family
from offprior.parameter import Scalar, parameter


class Tree(NamedTuple):
    """A task: node i has the children 2i + 1 and 2i + 2."""

    coordinate: Int[Array, " inner"]
    """What an inner node asks for."""
    leaves: Float[Array, " leaves"]


class DecisionTree(Family):
    """Full binary trees whose nodes ask for the sign of a random coordinate, with normal leaves.

    Those of arXiv 2208.01066, section 5. No mixture of Gaussian linear models: there is no exact posterior.
    """

    dimension: int = parameter(20, "numbers in an input", minimum=1)
    depth: int = parameter(4, "questions from the root to a leaf", minimum=1, maximum=12)
    scale: Scalar = parameter(1.0, "standard deviation of a leaf", above=0)

    def draw(self, key: PRNGKeyArray) -> Tree:
        of_coordinates, of_leaves = jax.random.split(key)
        inner = 2**self.depth - 1
        return Tree(
            jax.random.randint(of_coordinates, (inner,), 0, self.dimension),
            self.scale * jax.random.normal(of_leaves, (inner + 1,)),
        )

    def value(self, task: Tree, x: Float[Array, " d"]) -> Float[Array, ""]:
        place = jnp.zeros((), task.coordinate.dtype)
        for _ in range(self.depth):
            right = (x[task.coordinate[place]] > 0).astype(place.dtype)
            place = 2 * place + 1 + right
        return task.leaves[place - task.coordinate.shape[0]]
