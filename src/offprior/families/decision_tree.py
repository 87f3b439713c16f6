"""Binary trees that branch on the sign of a coordinate."""

import itertools
import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from offprior.components import Columns, Components, NoClosedForm
from offprior.families.family import Family
from offprior.parameter import Scalar, parameter

MOST_CHOICES = 20_000
"""The most choices of coordinates that are enumerated."""
MOST_QUESTIONS = 31
"""The most inner nodes of a tree that is enumerated; this limit matters if there are few coordinates."""


class Tree(NamedTuple):
    """A task: a tree whose node i has the children 2i + 1 and 2i + 2."""

    coordinate: Int[Array, " inner"]
    """The coordinate whose sign each inner node tests."""
    leaves: Float[Array, " leaves"]


class DecisionTree(Family):
    """Binary trees that branch on signs of random coordinates, with normal leaves (arXiv 2208.01066, section 5).

    Given the coordinates, the leaves are the coefficients of a Gaussian linear model, so small trees have an exact
    posterior by enumeration. Larger trees have none; `sampled-bayes` samples it.
    """

    dimension: int = parameter(20, "numbers in an input", minimum=1)
    depth: int = parameter(4, "questions from the root to a leaf", minimum=1, maximum=12)
    scale: Scalar = parameter(1.0, "standard deviation of a leaf", above=0)

    def draw(self, key: PRNGKeyArray) -> Tree:
        of_coordinates, of_leaves = jax.random.split(key)
        return Tree(
            jax.random.randint(of_coordinates, (self.inner,), 0, self.dimension),
            self.scale * jax.random.normal(of_leaves, (self.inner + 1,)),
        )

    @property
    def inner(self) -> int:
        """The number of inner nodes, which branch."""
        return 2**self.depth - 1

    def value(self, task: Tree, x: Float[Array, " d"]) -> Float[Array, ""]:
        return task.leaves[_leaf(task.coordinate, self.depth, x)]

    def components(self, nodes: int = 256) -> Components:
        """Enumerates all choices of coordinates, one node per choice.

        Raises:
            NoClosedForm: there are more than 20,000.
        """
        if self.inner > MOST_QUESTIONS or self.dimension**self.inner > MOST_CHOICES:
            raise NoClosedForm(
                f"{self.label}: {self.dimension}^{self.inner} choices of coordinates are too many to enumerate "
                f"({MOST_CHOICES} at most), so there is no exact posterior; choose a smaller depth or dimension"
            )
        choices = np.asarray(list(itertools.product(range(self.dimension), repeat=self.inner)), np.int32)
        leaves = self.inner + 1
        return Components(
            features=LeafColumns(self.depth),
            nodes=choices,
            log_weights=np.full(len(choices), -math.log(len(choices))),
            scales=np.full((1, leaves), self.scale, np.float64),
            log_scale_weights=np.zeros(1),
            fixed=(False,) * leaves,
            constant=(False,) * leaves,
        )


class LeafColumns(Columns):
    """The indicator of the leaf that a point reaches: 1 for that leaf, 0 for the others."""

    depth: int = eqx.field(static=True)

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        here = jnp.arange(2**self.depth, dtype=node.dtype) == _leaf(node, self.depth, x)
        return here.astype(x.dtype)


def _leaf(coordinate: Int[Array, " inner"], depth: int, x: Float[Array, " d"]) -> Int[Array, ""]:
    place = jnp.zeros((), coordinate.dtype)
    for _ in range(depth):
        right = (x[coordinate[place]] > 0).astype(place.dtype)
        place = 2 * place + 1 + right
    return place - coordinate.shape[0]
