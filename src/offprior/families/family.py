"""What a function class has to offer: a prior over functions, written for one task and one point."""

import abc
import dataclasses
import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from offprior import catalog
from offprior.components import Components, NoClosedForm
from offprior.laws import Law
from offprior.parameter import CLOSE, Scalar, alike


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

    def summands(self) -> list[tuple[Scalar, "Family"]]:
        """The families whose functions are added up, with what they are multiplied by; itself where it is no sum."""
        return [(1.0, self)]

    def includes(self, other: "Family") -> bool:
        """Are the other prior's functions among this one's?

        They are where both are the same prior, however it is written; and where the other has one value of a parameter,
        or one function, that this one draws.
        """
        mine, theirs = (
            [(float(factor), family) for factor, family in side.summands() if float(factor) != 0]
            for side in (self, other)
        )
        if len(mine) != len(theirs):
            return False
        return any(
            all(
                abs(factor - known) <= CLOSE * abs(known) and (family.includes_alone(single) or single.lies_in(family))
                for (known, family), (factor, single) in zip(order, theirs, strict=True)
            )
            for order in itertools.permutations(mine)
        )

    def includes_alone(self, other: "Family") -> bool:
        """The same of two families that are no sums: unless overridden, of one class, parameter by parameter."""
        if type(self) is not type(other):
            return False
        return all(_held(getattr(self, field.name), getattr(other, field.name)) for field in dataclasses.fields(self))

    def lies_in(self, other: "Family") -> bool:
        """Is this one, of a class of its own, among the functions of the other prior? Not unless overridden."""
        return False

    @property
    def label(self) -> str:
        """What tables and figures call it: its name in the catalogue."""
        return catalog.name_of(type(self))


def _held(mine: Any, theirs: Any) -> bool:
    """Does one parameter of mine hold that of theirs?"""
    for kind in (Law, Family):
        if isinstance(mine, kind) and isinstance(theirs, kind):
            return mine.includes(theirs)  # pyright: ignore[reportArgumentType]
    return alike(mine, theirs)
