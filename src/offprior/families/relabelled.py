"""Another family's sources with some of their tokens exchanged."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from offprior.compute.randomness import key_for
from offprior.errors import Problem, SettingError
from offprior.families.sticky_chain import StickyChain
from offprior.families.token_process import Memory, TokenProcess
from offprior.parameter import parameter


class Relabelled(TokenProcess):
    """The sources of another family under a permutation of the alphabet, the same one for all of them."""

    family: TokenProcess = parameter(StickyChain(), "the family")
    moved: int = parameter(10, "tokens that change places; the others keep theirs", minimum=0)
    seed: int = parameter(0, "seed of the permutation", minimum=0)

    def __check_init__(self):
        if self.moved == 1 or self.moved > self.vocabulary:
            message = f"got {self.moved}; write 0, or from 2 to the {self.vocabulary} tokens of the family"
            raise SettingError(Problem("moved", message, about=("family.",)))

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return self.family.vocabulary

    @property
    def reach(self) -> int | None:
        """That of the family."""
        return self.family.reach

    @property
    def shown_as(self) -> Int[np.ndarray, " vocabulary"]:
        """The token shown in place of each; moved tokens exchange places along one random cycle."""
        with jax.ensure_compile_time_eval():
            order = np.asarray(jax.random.permutation(key_for(self.seed, "relabelled"), self.vocabulary))
        cycle = order[: self.moved]
        found = np.arange(self.vocabulary)
        found[cycle] = np.roll(cycle, 1)
        return found

    @property
    def meant_by(self) -> Int[np.ndarray, " vocabulary"]:
        """What each shown token is in the family."""
        return np.argsort(self.shown_as)

    def draw(self, key: PRNGKeyArray) -> Any:
        return self.family.draw(key)

    def start(self, task: Any) -> Any:
        return self.family.start(task)

    def next(self, task: Any, state: Any) -> Float[Array, " vocabulary"]:
        return self.family.next(task, state)[self.meant_by]

    def follow(self, task: Any, state: Any, token: Int[Array, ""]) -> Any:
        return self.family.follow(task, state, jnp.asarray(self.meant_by, jnp.int32)[token])

    def memory(self) -> Memory | None:
        inner = self.family.memory()
        return None if inner is None else RelabelledMemory(inner, tuple(self.meant_by.tolist()))

    def grid(self, nodes: int = 32) -> tuple[Any, Float[np.ndarray, " tasks"]]:
        return self.family.grid(nodes)

    def lies_in(self, other: Any) -> bool:
        """Whether the other family includes this one's: if no token moves, or if it treats all tokens alike."""
        known = self.family
        return (self.moved == 0 or known.treats_tokens_alike) and (other.includes_alone(known) or known.lies_in(other))


class RelabelledMemory(Memory):
    """The memory of another family under a permutation of the alphabet."""

    inner: Memory
    meant_by: tuple[int, ...] = eqx.field(static=True)

    def start(self) -> Any:
        return self.inner.start()

    def next(self, state: Any) -> Float[Array, " vocabulary"]:
        return self.inner.next(state)[np.asarray(self.meant_by)]

    def follow(self, state: Any, token: Int[Array, ""]) -> Any:
        return self.inner.follow(state, jnp.asarray(self.meant_by, jnp.int32)[token])
