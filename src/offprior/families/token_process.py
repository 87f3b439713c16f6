"""The base class of token sources: a prior over processes, written for one task and one next token."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from offprior.components import NoClosedForm
from offprior.families.family import TaskFamily


class Memory(eqx.Module):
    """What has to be kept of a sequence in order to predict its next token exactly."""

    @abc.abstractmethod
    def start(self) -> Any:
        """Returns the state before the first token, as a pytree."""

    @abc.abstractmethod
    def next(self, state: Any) -> Float[Array, " vocabulary"]:
        """Returns the probabilities of the next token."""

    @abc.abstractmethod
    def follow(self, state: Any, token: Int[Array, ""]) -> Any:
        """Returns the state after one more token."""


class TokenProcess(TaskFamily):
    """A prior over sources of tokens 0, 1, …, `vocabulary` − 1.

    A task is one source. Its next token depends on the tokens so far through a state: `start`, `next` and `follow` say
    how. An exact posterior needs either `memory`, a closed form, or `grid`, all tasks with their weights. If the next
    token depends on the last few alone, say so by `reach`: the grid's posterior then counts, which is much faster.
    """

    @property
    @abc.abstractmethod
    def vocabulary(self) -> int:
        """How many tokens there are."""

    @property
    def reach(self) -> int | None:
        """The number of last tokens that the next one depends on; None if there is no such number."""
        return None

    @property
    def treats_tokens_alike(self) -> bool:
        """Whether any permutation of the alphabet leaves the prior as it is."""
        return False

    @property
    def dimension(self) -> int:
        """The number of tokens: the input of a model is the token before, one-hot."""
        return self.vocabulary

    @abc.abstractmethod
    def start(self, task: Any) -> Any:
        """Returns the state before the first token, as a pytree."""

    @abc.abstractmethod
    def next(self, task: Any, state: Any) -> Float[Array, " vocabulary"]:
        """Returns the probabilities of the next token."""

    @abc.abstractmethod
    def follow(self, task: Any, state: Any, token: Int[Array, ""]) -> Any:
        """Returns the state after one more token."""

    def sequence(self, task: Any, key: PRNGKeyArray, n: int) -> Int[Array, " n"]:
        """Draws n tokens of a task."""

        def draw(state: Any, key: PRNGKeyArray) -> tuple[Any, Int[Array, ""]]:
            # Logarithms of zero are right here: such a token is never drawn.
            token = jax.random.categorical(key, jnp.log(self.next(task, state))).astype(jnp.int32)
            return self.follow(task, state, token), token

        return jax.lax.scan(draw, self.start(task), jax.random.split(key, n))[1]

    def next_tokens(self, task: Any, tokens: Int[Array, " n"]) -> Float[Array, "n_and_1 vocabulary"]:
        """Returns the probabilities of the next token after each prefix of a sequence, the empty one included."""

        def read(state: Any, token: Int[Array, ""]) -> tuple[Any, Float[Array, " vocabulary"]]:
            return self.follow(task, state, token), self.next(task, state)

        state, probabilities = jax.lax.scan(read, self.start(task), tokens)
        return jnp.concatenate([probabilities, self.next(task, state)[None]])

    def memory(self) -> Memory | None:
        """Returns the posterior predictive as a process of its own, or None if it has no closed form."""
        return None

    def grid(self, nodes: int = 32) -> tuple[Any, Float[np.ndarray, " tasks"]]:
        """Returns tasks, stacked, and their log-weights: all of the prior, or a quadrature of it.

        Args:
            nodes: the number of quadrature nodes for a law that has to be integrated.

        Raises:
            NoClosedForm: the prior is not a finite set of tasks, nor integrated as one.
        """
        raise NoClosedForm(f"{self.label}: neither counted nor enumerated; there is no exact posterior")
