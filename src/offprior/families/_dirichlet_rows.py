"""Sources whose next token depends on the last few, with a Dirichlet law of each row of probabilities."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from offprior.families.token_process import Memory, TokenProcess
from offprior.parameter import Scalar


class LastTokens(NamedTuple):
    """The state of a source that remembers its last `order` tokens."""

    row: Int[Array, ""]
    """The last tokens as the digits of a number, the latest one last."""
    seen: Int[Array, ""]


class DirichletRows(TokenProcess):
    """Rows of next-token probabilities, one per context of `order` tokens; rows are independent Dirichlet draws.

    The first `order` tokens are uniform. The posterior predictive counts: (n + α) / (N + αV), with n of the N tokens
    after this context so far.
    """

    @property
    @abc.abstractmethod
    def order(self) -> int:
        """How many tokens the next one depends on."""

    @property
    @abc.abstractmethod
    def concentration(self) -> Scalar:
        """The Dirichlet parameter α of every token."""

    @property
    def reach(self) -> int:
        """The order: how many tokens the next one depends on."""
        return self.order

    @property
    def treats_tokens_alike(self) -> bool:
        """Yes: the Dirichlet law is symmetric."""
        return True

    @property
    def rows(self) -> int:
        """The number of contexts."""
        return self.vocabulary**self.order

    def draw(self, key: PRNGKeyArray) -> Float[Array, "rows vocabulary"]:
        alpha = jnp.full(self.vocabulary, self.concentration, jnp.float32)
        return jax.random.dirichlet(key, alpha, (self.rows,))

    def start(self, task: Any) -> LastTokens:
        return LastTokens(jnp.int32(0), jnp.int32(0))

    def next(self, task: Float[Array, "rows vocabulary"], state: LastTokens) -> Float[Array, " vocabulary"]:
        return self.begin_evenly(state, task[state.row])

    def follow(self, task: Any, state: LastTokens, token: Int[Array, ""]) -> LastTokens:
        row = (state.row * self.vocabulary + token) % self.rows
        return LastTokens(row.astype(jnp.int32), jnp.minimum(state.seen + 1, self.order).astype(jnp.int32))

    def begin_evenly(self, state: LastTokens, row: Float[Array, " vocabulary"]) -> Float[Array, " vocabulary"]:
        """Returns a row of probabilities, or the uniform one while the context is shorter than the order."""
        return jnp.where(state.seen < self.order, 1 / self.vocabulary, row)

    def memory(self) -> "Counts":
        return Counts(self)


class Counts(Memory):
    """The tokens seen after each context so far, from which the next one is predicted."""

    of: DirichletRows = eqx.field()

    def start(self) -> tuple[LastTokens, Float[Array, "rows vocabulary"]]:
        return self.of.start(None), jnp.zeros((self.of.rows, self.of.vocabulary), float)

    def next(self, state: tuple[LastTokens, Float[Array, "rows vocabulary"]]) -> Float[Array, " vocabulary"]:
        last, counts = state
        row = counts[last.row] + self.of.concentration
        return self.of.begin_evenly(last, row / row.sum())

    def follow(self, state: Any, token: Int[Array, ""]) -> Any:
        last, counts = state
        is_counted = jnp.where(last.seen < self.of.order, 0.0, 1.0).astype(counts.dtype)
        return self.of.follow(None, last, token), counts.at[last.row, token].add(is_counted)
