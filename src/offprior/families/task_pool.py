"""Finitely many tasks of another family, drawn once."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from offprior.components import Columns, Components
from offprior.families.family import Family
from offprior.families.linear import Linear
from offprior.parameter import alike, parameter
from offprior.precision import single
from offprior.randomness import key_for


class TaskPool(Family):
    """A pool of M tasks of another family, drawn once; every prompt has one of them (arXiv 2306.15063, section 2).

    Task i is a pure function of the pool's seed and i, and is drawn when it is wanted: however large the pool, training
    holds no more of it than the batch. Its exact posterior mean is the paper's dMMSE.
    """

    family: Family = parameter(Linear(dimension=8), "the family that the tasks are drawn from")
    size: int = parameter(64, "tasks in the pool, M", minimum=1, maximum=2**24)
    seed: int = parameter(0, "of the tasks", minimum=0)

    @property
    def dimension(self) -> int:  # type: ignore[override]
        """Numbers in an input."""
        return self.family.dimension

    def task(self, number: Int[Array, ""] | int) -> Any:
        """Task `number` of the pool."""
        return self.family.draw(jax.random.fold_in(key_for(self.seed, "pool"), number))

    def draw(self, key: PRNGKeyArray) -> Any:
        return self.task(jax.random.randint(key, (), 0, self.size))

    def includes_alone(self, other: Family) -> bool:
        """The very same pool: its tasks are those of one seed and family."""
        return alike(self, other)

    def value(self, task: Any, x: Float[Array, " d"]) -> Float[Array, ""]:
        return self.family.value(task, x)

    def angular_frequency(self, task: Any) -> Float[Array, ""]:
        return self.family.angular_frequency(task)

    def components(self, nodes: int = 256) -> Components:
        """A node for each task, known but for which: its own values are the one column, with coefficient 1."""
        with single():  # the tasks that training draws, to the bit
            tasks = jax.jit(jax.vmap(self.task))(jnp.arange(self.size))
        return Components(
            features=TaskColumn(self.family),
            nodes=jax.tree.map(_as_double, tasks),
            log_weights=np.full(self.size, -np.log(self.size)),
            scales=np.ones((1, 1)),
            log_scale_weights=np.zeros(1),
            fixed=(True,),
            constant=(False,),
        )


class TaskColumn(Columns):
    """The value of a known task."""

    family: Family

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        return self.family.value(node, x)[None]


def _as_double(leaf: Array) -> np.ndarray:
    array = np.asarray(leaf)
    return array.astype(np.float64) if array.dtype.kind == "f" else array
