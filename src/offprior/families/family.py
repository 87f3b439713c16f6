"""The base classes of task families: a prior over tasks; for functions, written for one task and one point."""

import abc
import dataclasses
import itertools
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from offprior import catalog
from offprior.components import Components, NoClosedForm
from offprior.laws.law import Law
from offprior.parameter import CLOSE, Part, Scalar, alike


class TaskFamily(Part):
    """A prior over tasks, whatever a task is: a function, or a source of tokens."""

    @property
    @abc.abstractmethod
    def dimension(self) -> int:
        """How many numbers an input has."""

    @abc.abstractmethod
    def draw(self, key: PRNGKeyArray) -> Any:
        """Draws one task: its parameters, as a pytree."""

    def includes(self, other: "TaskFamily") -> bool:
        """Whether every task of the other prior is also a task of this one.

        This holds if both are the same prior, even if they are written differently. It also holds if this prior draws
        a parameter, or a function, that the other prior fixes to one of the values drawn.
        """
        return self.includes_alone(other) or other.lies_in(self)

    def includes_alone(self, other: "TaskFamily") -> bool:
        """Compares two families that are not sums: by default, same class and parameter by parameter."""
        if type(self) is not type(other):
            return False
        return all(_held(getattr(self, field.name), getattr(other, field.name)) for field in dataclasses.fields(self))

    def lies_in(self, other: "TaskFamily") -> bool:
        """Whether this family lies in the prior of another class; False unless overridden."""
        return False

    @property
    def label(self) -> str:
        """The name in tables and figures: the family's name in the catalogue."""
        return catalog.name_of(type(self))


class Family(TaskFamily):
    """A prior over functions of `dimension` inputs."""

    @abc.abstractmethod
    def value(self, task: Any, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Evaluates the function of `task` at one point."""

    def evaluate(self, task: Any, x: Float[Array, "n d"]) -> Float[Array, " n"]:
        """Evaluates the function of `task` at n points."""
        return jax.vmap(self.value, in_axes=(None, 0))(task, x)

    def angular_frequency(self, task: Any) -> Float[Array, ""]:
        """Returns the angular frequency of a task, or not-a-number if the task has none."""
        return jnp.full((), jnp.nan)

    def components(self, nodes: int = 256) -> Components:
        """Writes the family as weighted Gaussian linear models, in double precision.

        Args:
            nodes: the number of quadrature nodes for a law that has to be integrated.

        Raises:
            NoClosedForm: the family is no such mixture.
        """
        raise NoClosedForm(f"{self.label}: not a mixture of Gaussian linear models; there is no exact posterior")

    def summands(self) -> list[tuple[Scalar, "Family"]]:
        """Returns the families whose functions are summed, each with its factor.

        A family that is not a sum returns itself with factor 1.
        """
        return [(1.0, self)]

    def includes(self, other: TaskFamily) -> bool:
        if not isinstance(other, Family):
            return False
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


def _held(mine: Any, theirs: Any) -> bool:
    """Whether one parameter of `mine` covers that of `theirs`."""
    for kind in (Law, TaskFamily):
        if isinstance(mine, kind) and isinstance(theirs, kind):
            return mine.includes(theirs)  # pyright: ignore[reportArgumentType]
    return alike(mine, theirs)
