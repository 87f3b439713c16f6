"""Finitely many tasks of another family, drawn once."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from offprior.components import Columns, Components
from offprior.compute.precision import single
from offprior.compute.randomness import key_for
from offprior.families.family import Family
from offprior.families.linear import Linear
from offprior.parameter import alike, parameter


class TaskPool(Family):
    """A pool of M tasks of another family, drawn once; every prompt has one of them (arXiv 2306.15063, section 2).

    Task i is a pure function of the pool's seed and i, and is drawn when it is needed, so that training never holds
    more tasks than a batch, however large the pool. The exact posterior mean is the paper's dMMSE.
    """

    family: Family = parameter(Linear(dimension=8), "the family that the tasks are drawn from")
    size: int = parameter(64, "tasks in the pool, M", minimum=1, maximum=2**24)
    seed: int = parameter(0, "seed of the tasks", minimum=0)

    @property
    def dimension(self) -> int:  # type: ignore[override]
        """How many numbers an input has."""
        return self.family.dimension

    def task(self, number: Int[Array, ""] | int) -> Any:
        """Draws task `number` of the pool."""
        return self.family.draw(jax.random.fold_in(key_for(self.seed, "pool"), number))

    def draw(self, key: PRNGKeyArray) -> Any:
        return self.task(jax.random.randint(key, (), 0, self.size))

    def includes_alone(self, other: Family) -> bool:
        """Whether the other family is the same pool: tasks of the same seed and family."""
        return alike(self, other)

    def value(self, task: Any, x: Float[Array, " d"]) -> Float[Array, ""]:
        return self.family.value(task, x)

    def angular_frequency(self, task: Any) -> Float[Array, ""]:
        return self.family.angular_frequency(task)

    def components(self, nodes: int = 256) -> Components:
        """Returns one node per task, with the task's own values as the only column, of coefficient 1."""
        with single():  # bit for bit the tasks that training draws
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
