"""What a function class has to offer: a prior over functions, written for one task and one point."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from offprior import catalog
from offprior.components import Components, NoClosedForm


class Family(eqx.Module):
    """A prior over functions of `dimension` inputs."""

    @property
    @abc.abstractmethod
    def dimension(self) -> int:
        """Numbers in an input."""

    @abc.abstractmethod
    def draw(self, key: PRNGKeyArray) -> Any:
        """One task: the parameters of one function, a pytree."""

    @abc.abstractmethod
    def value(self, task: Any, x: Float[Array, " d"]) -> Float[Array, ""]:
        """The function's value at one point."""

    def evaluate(self, task: Any, x: Float[Array, "n d"]) -> Float[Array, " n"]:
        """The function's values at n points."""
        return jax.vmap(self.value, in_axes=(None, 0))(task, x)

    def angular_frequency(self, task: Any) -> Float[Array, ""]:
        """The angular frequency of a task; not-a-number where it has none."""
        return jnp.full((), jnp.nan)

    def components(self, nodes: int = 256) -> Components:
        """The family as weighted Gaussian linear models, in double precision; `nodes` is the size of a quadrature.

        Raises:
            NoClosedForm: the family is no such mixture.
        """
        raise NoClosedForm(f"{self.label}: it is no mixture of Gaussian linear models; there is no exact posterior")

    @property
    def label(self) -> str:
        """What tables and figures call it: its name in the catalogue."""
        return catalog.name_of(type(self))
