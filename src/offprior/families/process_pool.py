"""Finitely many sources of another family, drawn once."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from offprior.compute.precision import single
from offprior.compute.randomness import key_for
from offprior.families.family import TaskFamily
from offprior.families.markov_chain import MarkovChain
from offprior.families.token_process import TokenProcess
from offprior.parameter import alike, parameter


class ProcessPool(TokenProcess):
    """A pool of K sources of another family, drawn once; every sequence has one of them (arXiv 2412.01003)."""

    family: TokenProcess = parameter(MarkovChain(vocabulary=10), "the family that the sources are drawn from")
    size: int = parameter(64, "sources in the pool, K", minimum=1, maximum=1 << 20)
    seed: int = parameter(0, "seed of the sources; other seeds are held-out pools of the same family", minimum=0)

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return self.family.vocabulary

    @property
    def reach(self) -> int | None:
        """That of the family that the sources are drawn from."""
        return self.family.reach

    def task(self, number: Int[Array, ""] | int) -> Any:
        """Draws source `number` of the pool, a pure function of the pool's seed and the number."""
        return self.family.draw(jax.random.fold_in(key_for(self.seed, "pool"), number))

    def draw(self, key: PRNGKeyArray) -> Any:
        return self.task(jax.random.randint(key, (), 0, self.size, jnp.int32))

    def start(self, task: Any) -> Any:
        return self.family.start(task)

    def next(self, task: Any, state: Any) -> Float[Array, " vocabulary"]:
        return self.family.next(task, state)

    def follow(self, task: Any, state: Any, token: Int[Array, ""]) -> Any:
        return self.family.follow(task, state, token)

    def includes_alone(self, other: TaskFamily) -> bool:
        """Whether the other family is the same pool, or one with fewer of its sources."""
        if not isinstance(other, ProcessPool):
            return False
        return self.seed == other.seed and self.size >= other.size and alike(self.family, other.family)

    def lies_in(self, other: TaskFamily) -> bool:
        """Whether the sources are draws from the other family."""
        return other.includes_alone(self.family)

    def grid(self, nodes: int = 32) -> tuple[Any, Float[np.ndarray, " tasks"]]:
        with single():  # bit for bit the tasks that training draws
            tasks = _tasks(self, jnp.arange(self.size))
        return jax.tree.map(np.asarray, tasks), np.full(self.size, -np.log(self.size))


@eqx.filter_jit
def _tasks(pool: ProcessPool, numbers: Int[Array, " K"]) -> Any:
    return jax.vmap(pool.task)(numbers)
