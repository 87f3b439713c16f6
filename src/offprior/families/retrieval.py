"""Pairs of a key and its value, to be looked up when the key comes again."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from offprior.errors import Problem, SettingError
from offprior.families.token_process import Memory, TokenProcess
from offprior.parameter import Scalar, parameter


class Place(NamedTuple):
    """The state: the latest token, and whether a value comes next."""

    latest: Int[Array, ""]
    is_value: Int[Array, ""]


class Retrieval(TokenProcess):
    """Keys and values in turn: each key has one value for the whole sequence, which induction has to copy.

    The first half of the tokens are keys, drawn evenly; the rest are values, each key's drawn evenly and once. A value
    is replaced by an even draw of all values with probability `noise`, so that every sequence is possible.
    """

    vocabulary: int = parameter(20, "tokens, half of them keys", minimum=4)
    noise: Scalar = parameter(0.01, "share of the values that are drawn anew", above=0, maximum=1)

    def __check_init__(self):
        if self.vocabulary % 2:
            raise SettingError(Problem("vocabulary", f"got {self.vocabulary}; half of the tokens are keys"))

    @property
    def half(self) -> int:
        """The number of keys, and of values."""
        return self.vocabulary // 2

    def draw(self, key: PRNGKeyArray) -> Int[Array, " keys"]:
        return jax.random.randint(key, (self.half,), 0, self.half)

    def start(self, task: Any) -> Place:
        return Place(jnp.int32(0), jnp.int32(0))

    def next(self, task: Int[Array, " keys"], state: Place) -> Float[Array, " vocabulary"]:
        value = task[jnp.minimum(state.latest, self.half - 1)]
        return self.in_turn(state, self.seen_as(value))

    def follow(self, task: Any, state: Place, token: Int[Array, ""]) -> Place:
        return Place(token.astype(jnp.int32), 1 - state.is_value)

    def seen_as(self, value: Int[Array, ""]) -> Float[Array, " values"]:
        """Returns the probabilities of the values that stand after a key with this value."""
        return (1 - self.noise) * jax.nn.one_hot(value, self.half, dtype=float) + self.noise / self.half

    def in_turn(self, state: Place, values: Float[Array, " values"]) -> Float[Array, " vocabulary"]:
        """Returns even probabilities of the keys, or the given ones of the values, whichever comes next."""
        keys = jnp.full(self.half, 1 / self.half, values.dtype)
        nothing = jnp.zeros_like(values)
        return jnp.where(state.is_value == 1, jnp.concatenate([nothing, values]), jnp.concatenate([keys, nothing]))

    def memory(self) -> "Lookup":
        return Lookup(self)


class Lookup(Memory):
    """How often each value has followed each key; keys are independent, and every value is equally likely at first."""

    of: Retrieval = eqx.field()

    def start(self) -> tuple[Place, Float[Array, "keys values"]]:
        return self.of.start(None), jnp.zeros((self.of.half, self.of.half), float)

    def next(self, state: tuple[Place, Float[Array, "keys values"]]) -> Float[Array, " vocabulary"]:
        place, counts = state
        row = counts[jnp.minimum(place.latest, self.of.half - 1)]
        copied, other = jnp.log(1 - self.of.noise + self.of.noise / self.of.half), jnp.log(self.of.noise / self.of.half)
        share = jax.nn.softmax(row * copied + (row.sum() - row) * other)
        return self.of.in_turn(place, (1 - self.of.noise) * share + self.of.noise / self.of.half)

    def follow(self, state: Any, token: Int[Array, ""]) -> Any:
        place, counts = state
        key, value = jnp.minimum(place.latest, self.of.half - 1), jnp.maximum(token - self.of.half, 0)
        return self.of.follow(None, place, token), counts.at[key, value].add(place.is_value.astype(counts.dtype))
