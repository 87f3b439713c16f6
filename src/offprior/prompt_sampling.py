"""The compiled parts of drawing prompts: inputs, tasks, values and noise.

A program that draws random numbers takes long to compile. Draws are therefore kept separate from the computations that
use them: prompts of all lengths share the programs that draw tasks, and input laws share those of their base law.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray

from offprior.compute.jax_internals import quick_options
from offprior.compute.randomness import fold
from offprior.families.family import Family
from offprior.input_laws.input_law import InputLaw
from offprior.laws.law import Law
from offprior.parameter import Scalar

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
def members_of(weights: Float[Array, " families"], key: PRNGKeyArray, count: int) -> Int[Array, " b"]:
    """Draws which family each prompt's function comes from."""
    return jax.random.categorical(fold(key, "family"), jnp.log(weights), shape=(count,), mode="low").astype(jnp.int32)


@_compiled("count")
def tasks_of(family: Family, key: PRNGKeyArray, place: Int[Array, ""], count: int) -> Any:
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
