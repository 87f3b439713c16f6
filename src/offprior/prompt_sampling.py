"""Prompts, and the compiled parts of drawing them: inputs, tasks, values, tokens and noise.

A program that draws random numbers takes long to compile. Draws are therefore kept separate from the computations that
use them: prompts of all lengths share the programs that draw tasks, and input laws share those of their base law.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from offprior.compute.jax_internals import quick_options
from offprior.compute.randomness import fold
from offprior.families.family import Family, TaskFamily
from offprior.families.token_process import TokenProcess
from offprior.input_laws.input_law import InputLaw
from offprior.laws.law import Law
from offprior.parameter import Scalar


class Sequences(NamedTuple):
    """A batch of prompts for pretraining.

    In a sequence of tokens, x is the token before, one-hot, with zeros before the first; y and `values` are the token.
    """

    x: Float[Array, "b n d"]
    y: Float[Array, "b n"]
    """Outputs with noise."""
    values: Float[Array, "b n"]
    """Outputs without noise."""
    family: Int[Array, " b"]
    frequency: Float[Array, " b"]
    """Radians per unit of x; not-a-number if the task has no frequency."""


class Prompts(NamedTuple):
    """A batch of prompts for testing: a context and queries.

    Of a sequence of k tokens, x and y are as in `Sequences`. The queries are the k + 1 places at which a next token can
    be asked for, after 0, 1, …, k tokens, and the truth is the probability of each token there, [b, k + 1, vocabulary].
    """

    x: Float[Array, "b k d"]
    y: Float[Array, "b k"]
    """Outputs with noise."""
    queries: Float[Array, "b m d"]
    truth: Float[Array, "b m *vocabulary"]
    """Outputs without noise."""
    family: Int[Array, " b"]
    frequency: Float[Array, " b"]
    """Radians per unit of x; not-a-number if the task has no frequency."""


F = TypeVar("F", bound=Callable[..., Any])
Keys = Key[Array, " b"]


def _compiled(*static: str) -> Callable[[F], F]:
    """Applies `jax.jit` with quick compilation for direct calls; inside another program it is optimised with that."""

    def decorated(function: F) -> F:
        inside = jax.jit(function, static_argnames=static)

        @functools.cache
        def alone() -> Callable[..., Any]:
            return jax.jit(function, static_argnames=static, compiler_options=quick_options())

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            leaves = [jnp.zeros(()), *jax.tree.leaves((args, kwargs))]
            is_inside = any(isinstance(leaf, Tracer) for leaf in leaves)
            return (inside if is_inside or jax.default_backend() != "cpu" else alone())(*args, **kwargs)

        return called  # type: ignore[return-value]

    return decorated


@_compiled("name", "count")
def keys_of(key: PRNGKeyArray, name: str, count: int) -> Keys:
    """Returns one key per prompt, for the purpose `name`."""
    return jax.random.split(fold(key, name), count)


def inputs_of(
    inputs: Law, of_context: Keys, of_queries: Keys, length: int, queries: int, dimension: int
) -> tuple[Float[Array, "b k d"], Float[Array, "b m d"]]:
    """Draws the inputs of contexts and of queries: `Law.prompt` of every pair of keys."""
    kind = type(inputs)
    if isinstance(inputs, InputLaw) and kind.prompt is InputLaw.prompt:
        drawn = inputs_of(inputs.base, of_context, of_queries, length, queries, dimension)
        return _changed(inputs, of_context, *drawn)
    if kind.prompt is Law.prompt:
        return _of_contexts(inputs, of_context, length, dimension), _asked(inputs, of_queries, queries, dimension)
    return _of_prompts(inputs, of_context, of_queries, length, queries, dimension)


@_compiled("length", "queries", "dimension")
def _of_prompts(inputs: Law, of_context: Keys, of_queries: Keys, length: int, queries: int, dimension: int) -> Any:
    return jax.vmap(functools.partial(inputs.prompt, n=length, m=queries, d=dimension))(of_context, of_queries)


@_compiled("length", "dimension")
def _of_contexts(inputs: Law, of_context: Keys, length: int, dimension: int) -> Float[Array, "b k d"]:
    return jax.vmap(lambda key: inputs.inputs(key, length, dimension))(of_context)


@_compiled("queries", "dimension")
def _asked(inputs: Law, of_queries: Keys, queries: int, dimension: int) -> Float[Array, "b m d"]:
    return jax.vmap(lambda key: inputs.queries(key, queries, dimension))(of_queries)


@_compiled()
def _changed(inputs: InputLaw, of_context: Keys, context: Float[Array, "b k d"], queries: Float[Array, "b m d"]) -> Any:
    return jax.vmap(inputs.changed)(of_context, context, queries)


@_compiled("count")
def members_of(weights: Float[Array | np.ndarray, " families"], key: PRNGKeyArray, count: int) -> Int[Array, " b"]:
    """Draws which family each prompt's function comes from."""
    return jax.random.categorical(fold(key, "family"), jnp.log(weights), shape=(count,), mode="low").astype(jnp.int32)


@_compiled("count")
def tasks_of(family: TaskFamily, key: PRNGKeyArray, place: Int[Array, ""], count: int) -> Any:
    """Draws a task for every prompt from the family at `place` in the mixture."""
    return jax.vmap(family.draw)(jax.random.split(fold(key, "tasks", place), count))


@_compiled()
def values_of(family: Family, tasks: Any, x: Float[Array, "b n d"]) -> tuple[Float[Array, "b n"], Float[Array, " b"]]:
    """Returns the values of one family's tasks at inputs, and the tasks' angular frequencies."""
    return jax.vmap(family.evaluate)(tasks, x), jax.vmap(family.angular_frequency)(tasks)


@_compiled()
def noisy(noise: Scalar, degrees: Scalar | None, key: PRNGKeyArray, values: Float[Array, "b n"]) -> Float[Array, "b n"]:
    """Adds noise of standard deviation `noise`: normal, or Student's t with `degrees` degrees of freedom."""
    of_noise = fold(key, "noise")
    if degrees is None:
        return values + noise * jax.random.normal(of_noise, values.shape, values.dtype)
    degrees = jnp.asarray(degrees, values.dtype)
    # With two degrees of freedom or fewer, the law has no variance to scale to.
    has_variance = degrees > 2
    scale = jnp.where(has_variance, jnp.sqrt(1 - 2 / jnp.where(has_variance, degrees, 4)), 1)
    return values + noise * scale * jax.random.t(of_noise, degrees, values.shape, values.dtype)


@_compiled("n")
def tokens_of(family: TokenProcess, tasks: Any, key: PRNGKeyArray, place: Int[Array, ""], n: int) -> Int[Array, "b n"]:
    """Draws n tokens of every task of the family at `place` in the mixture."""
    count = jax.tree.leaves(tasks)[0].shape[0]
    keys = jax.random.split(fold(key, "tokens", place), count)
    return jax.vmap(functools.partial(family.sequence, n=n))(tasks, keys)


@_compiled()
def next_tokens_of(family: TokenProcess, tasks: Any, tokens: Int[Array, "b n"]) -> Float[Array, "b n_and_1 vocabulary"]:
    """Returns the probabilities that every task gives to the token after each prefix of its sequence."""
    return jax.vmap(family.next_tokens)(tasks, tokens)


@_compiled("vocabulary")
def tokens_before(tokens: Int[Array, "b n"], vocabulary: int) -> Float[Array, "b n_and_1 vocabulary"]:
    """Returns the token before each place, one-hot, and before the next token; before the first one there are zeros."""
    shown = jax.nn.one_hot(tokens, vocabulary, dtype=jnp.float32)
    return jnp.pad(shown, ((0, 0), (1, 0), (0, 0)))


class TokenDraws(NamedTuple):
    """Sequences of n tokens."""

    before: Float[Array, "b n_and_1 vocabulary"]
    """The token before each place and before the next token, one-hot; zeros before the first."""
    tokens: Float[Array, "b n"]
    family: Int[Array, " b"]
    truth: Float[Array, "b n_and_1 vocabulary"] | None
    """The probabilities that each sequence's own task gives to the token at each place, and to the next one."""


def draw_tokens(
    families: Sequence[TokenProcess],
    weights: Float[Array | np.ndarray, " families"],
    key: PRNGKeyArray,
    batch: int,
    n: int,
    *,
    truth: bool = False,
) -> TokenDraws:
    """Draws sequences of n tokens, each of a task of one of the families."""
    member = members_of(weights, key, batch)
    tokens, probabilities = jnp.zeros((batch, n), jnp.int32), None
    for place, family in enumerate(families):
        tasks, here = tasks_of(family, key, jnp.asarray(place), batch), member == place
        drawn = tokens_of(family, tasks, key, jnp.asarray(place), n)
        tokens = jnp.where(here[:, None], drawn, tokens)
        if truth:
            given = next_tokens_of(family, tasks, drawn)
            probabilities = given if probabilities is None else jnp.where(here[:, None, None], given, probabilities)
    before = tokens_before(tokens, families[0].vocabulary)
    return TokenDraws(before, tokens.astype(jnp.float32), member, probabilities)
