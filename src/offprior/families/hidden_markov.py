"""Hidden Markov models whose rows are Dirichlet draws."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from offprior.families.token_process import TokenProcess
from offprior.parameter import Scalar, parameter


class HiddenChain(NamedTuple):
    """A task: the rows of hidden steps and of the tokens that hidden states emit; the first state is uniform."""

    transition: Float[Array, "states states"]
    emission: Float[Array, "states vocabulary"]


class HiddenMarkov(TokenProcess):
    """Hidden Markov models with Dirichlet rows (as in GINC, Xie et al. 2021, arXiv 2111.02080).

    The next token comes from the forward algorithm: the state is the law of the hidden state given the tokens so far.
    A pool of such models has an exact posterior; all of them together have none.
    """

    vocabulary: int = parameter(50, "tokens", minimum=2)
    states: int = parameter(10, "hidden states", minimum=1)
    transition: Scalar = parameter(0.1, "Dirichlet parameter of a row of hidden steps", above=0)
    emission: Scalar = parameter(0.1, "Dirichlet parameter of the tokens that a state emits", above=0)

    def draw(self, key: PRNGKeyArray) -> HiddenChain:
        of_steps, of_tokens = jax.random.split(key)
        steps = jnp.full(self.states, self.transition, jnp.float32)
        tokens = jnp.full(self.vocabulary, self.emission, jnp.float32)
        return HiddenChain(
            jax.random.dirichlet(of_steps, steps, (self.states,)),
            jax.random.dirichlet(of_tokens, tokens, (self.states,)),
        )

    def start(self, task: HiddenChain) -> Float[Array, " states"]:
        return jnp.full(self.states, 1 / self.states, task.transition.dtype)

    def next(self, task: HiddenChain, state: Float[Array, " states"]) -> Float[Array, " vocabulary"]:
        return state @ task.emission

    def follow(
        self, task: HiddenChain, state: Float[Array, " states"], token: Int[Array, ""]
    ) -> Float[Array, " states"]:
        joint = state * task.emission[:, token]
        total = joint.sum()
        # A token that the model cannot emit leaves nothing to condition on; its evidence is zero from here on anyway.
        given = jnp.where(total > 0, joint / jnp.where(total > 0, total, 1), state)
        return given @ task.transition
