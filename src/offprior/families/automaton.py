"""Random deterministic automata."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from offprior.errors import Problem, SettingError
from offprior.families.token_process import TokenProcess
from offprior.parameter import parameter


class Arcs(NamedTuple):
    """A task: which tokens each state allows, and the state that each of them leads to."""

    allowed: Bool[Array, "states vocabulary"]
    target: Int[Array, "states vocabulary"]


class Automaton(TokenProcess):
    """Random deterministic automata, a reduced RegBench (Akyürek et al. 2024, arXiv 2401.12973).

    Every state allows between one and `arcs` tokens, all equally likely, each of which leads to a state. A pool of
    automata has an exact posterior; all of them together have none.
    """

    vocabulary: int = parameter(20, "tokens", minimum=2)
    states: int = parameter(8, "states", minimum=1, maximum=12)
    arcs: int = parameter(4, "the most tokens that a state allows", minimum=1)

    def __check_init__(self):
        if self.arcs > self.vocabulary:
            message = f"got {self.arcs}, but there are only {self.vocabulary} tokens"
            raise SettingError(Problem("arcs", message, about=("vocabulary",)))

    def draw(self, key: PRNGKeyArray) -> Arcs:
        of_count, of_tokens, of_targets = jax.random.split(key, 3)
        count = jax.random.randint(of_count, (self.states, 1), 1, self.arcs + 1)
        rank = jnp.argsort(jax.random.uniform(of_tokens, (self.states, self.vocabulary)), axis=1)
        target = jax.random.randint(of_targets, (self.states, self.vocabulary), 0, self.states)
        return Arcs(rank < count, target)

    def start(self, task: Arcs) -> Int[Array, ""]:
        return jnp.int32(0)

    def next(self, task: Arcs, state: Int[Array, ""]) -> Float[Array, " vocabulary"]:
        allowed = task.allowed[state].astype(float)
        return allowed / allowed.sum()

    def follow(self, task: Arcs, state: Int[Array, ""], token: Int[Array, ""]) -> Int[Array, ""]:
        return task.target[state, token].astype(jnp.int32)
