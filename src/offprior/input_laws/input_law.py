"""A law of a prompt's inputs made from another law: moved, skewed, in a subspace, in orthants, in order, mixed.

Such a law sees a prompt as a whole, so that inputs can depend on each other and queries on their context. The base law
draws what it would draw alone with the same key.
"""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.compute.randomness import fold
from offprior.errors import Problem, SettingError
from offprior.laws.law import Law, law
from offprior.laws.uniform import Uniform
from offprior.parameter import Scalar, parameter

Inputs = Float[Array, "_inputs d"]


class InputLaw(Law):
    """A law of inputs made from another law, for both sides of a prompt at once."""

    base: eqx.AbstractVar[Law]

    @abc.abstractmethod
    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        """Changes the inputs of one prompt that `base` has drawn; `key` is for random numbers drawn once per prompt."""

    @property
    def nested(self) -> bool:
        return self.base.nested

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        """Returns the quantile of a coordinate under `base`."""
        return self.base.quantile(u)

    def span(self) -> tuple[float, float]:
        """Returns the span of `base`."""
        return self.base.span()

    def scaled(self, factor: Scalar) -> Law:
        from offprior.input_laws.affine import Affine

        return Affine(self, factor)  # pyright: ignore[reportCallIssue]

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Draws the context of one prompt; `shape` is [n, d]."""
        if len(shape) != 2:
            raise SettingError("this is a law of inputs, not of a parameter; choose uniform or normal")
        return self.inputs(key, *shape)

    def inputs(self, key: PRNGKeyArray, n: int, d: int) -> Inputs:
        return self.prompt(key, fold(key, "queries"), n, 0, d)[0]

    def queries(self, key: PRNGKeyArray, m: int, d: int) -> Inputs:
        """Draws the queries of a prompt without a context."""
        return self.prompt(fold(key, "context"), key, 0, m, d)[1]

    def prompt(
        self, of_context: PRNGKeyArray, of_queries: PRNGKeyArray, n: int, m: int, d: int
    ) -> tuple[Inputs, Inputs]:
        return self.changed(of_context, *self.base.prompt(of_context, of_queries, n, m, d))

    def changed(self, of_context: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        """Calls `change` with this law's own key, derived from the key of the context."""
        return self.change(fold(of_context, type(self).__name__), context, queries)


def base_parameter():
    """Declares the parameter `base` that every law of inputs has."""
    return parameter(Uniform(-5.0, 5.0), "the law that is changed", converter=law)


def degree_parameter(doc: str, minimum: float = 0.0):
    """Declares how far a law departs from its base law: 0 is not at all, 1 is completely."""
    return parameter(1.0, f"{doc}; 0 changes nothing", minimum=minimum, maximum=1)


def ranks(values: Float[Array, " n"]) -> Array:
    """Returns the rank of each value, from 0."""
    return jnp.argsort(jnp.argsort(values))


def check_coordinates(key: str, wanted: int, d: int) -> None:
    """Checks that inputs have at least as many coordinates as a law needs.

    Raises:
        SettingError: they have fewer.
    """
    if wanted > d:
        raise SettingError(Problem(key, f"it must be at most the dimension {d} of an input, got {wanted}"))
