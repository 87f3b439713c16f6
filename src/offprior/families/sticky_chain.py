"""Markov chains that stay at a token, or step along the alphabet."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from offprior.families.token_process import TokenProcess
from offprior.laws.law import Law, law
from offprior.laws.uniform import Uniform
from offprior.parameter import parameter


class Step(NamedTuple):
    """A task: with probability `strength` the next token lies `shift` further along the alphabet."""

    strength: Float[Array, ""]
    shift: Int[Array, ""]


class StickyChain(TokenProcess):
    """Chains that go `shift` tokens on with probability s, otherwise to any token evenly; shift 0 is sticky."""

    vocabulary: int = parameter(10, "tokens", minimum=2)
    strength: Law = parameter(Uniform(0.5, 0.95), "s, the probability of the step", converter=law)
    shifts: int = parameter(0, "how many shifts 0, 1, … are equally likely; 0 means all", minimum=0)

    @property
    def reach(self) -> int:
        """One token."""
        return 1

    @property
    def kinds(self) -> int:
        """The number of shifts."""
        return min(self.shifts, self.vocabulary) or self.vocabulary

    def draw(self, key: PRNGKeyArray) -> Step:
        of_strength, of_shift = jax.random.split(key)
        return Step(self.strength.sample(of_strength), jax.random.randint(of_shift, (), 0, self.kinds, jnp.int32))

    def start(self, task: Any) -> Int[Array, ""]:
        return jnp.int32(-1)

    def next(self, task: Step, state: Int[Array, ""]) -> Float[Array, " vocabulary"]:
        aim = (state + task.shift) % self.vocabulary
        row = (
            task.strength * jax.nn.one_hot(aim, self.vocabulary, dtype=task.strength.dtype)
            + (1 - task.strength) / self.vocabulary
        )
        return jnp.where(state < 0, 1 / self.vocabulary, row)

    def follow(self, task: Any, state: Any, token: Int[Array, ""]) -> Int[Array, ""]:
        return token.astype(jnp.int32)

    def grid(self, nodes: int = 32) -> tuple[Step, Float[np.ndarray, " tasks"]]:
        strengths, log_weights = self.strength.nodes(nodes)
        every = (
            np.repeat(np.asarray(strengths), self.kinds),
            np.tile(np.arange(self.kinds, dtype=np.int32), len(strengths)),
        )
        return Step(*map(jnp.asarray, every)), np.repeat(log_weights, self.kinds) - np.log(self.kinds)
