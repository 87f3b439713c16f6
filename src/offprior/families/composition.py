"""One family's functions of another's values."""

from typing import Any

import jax
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Columns, Components, NoClosedForm, approximations
from offprior.components.combined import as_values, paired
from offprior.errors import Problem, SettingError
from offprior.families.combination import Pair
from offprior.families.family import Family
from offprior.families.polynomial import Polynomial
from offprior.families.sinusoid import Sinusoid
from offprior.laws.fixed import Fixed
from offprior.parameter import parameter


class Composition(Family):
    """Functions f(g(x)) with f and g drawn independently from two families (the compositions of zhang-2025).

    The posterior is exact if g has no free coefficient: a grid, a pool, a sinusoid of fixed or finite amplitude.
    Otherwise f(g(x)) is not a Gaussian linear model, and there is no exact posterior.
    """

    outer: Family = parameter(Polynomial(degree=2, width=1.0), "the family of f, of one number")
    inner: Family = parameter(Sinusoid(amplitude=Fixed(1.0), phase=Fixed(0.0)), "the family of g")

    def __check_init__(self):
        if self.outer.dimension != 1:
            message = f"it must be 1, as the inner family returns one number; got {self.outer.dimension}"
            raise SettingError(Problem("outer.dimension", message))

    @property
    def dimension(self) -> int:  # type: ignore[override]
        """How many numbers an input has."""
        return self.inner.dimension

    def draw(self, key: PRNGKeyArray) -> Pair:
        of_outer, of_inner = jax.random.split(key)
        return Pair(self.outer.draw(of_outer), self.inner.draw(of_inner))

    def value(self, task: Pair, x: Float[Array, " d"]) -> Float[Array, ""]:
        return self.outer.value(task.first, self.inner.value(task.second, x)[None])

    def components(self, nodes: int = 256) -> Components:
        """Evaluates the columns of f at the values of g, for all pairs of their nodes.

        Raises:
            NoClosedForm: g has free coefficients, or a family has no closed form.
        """
        outer, inner = self.outer.components(nodes), self.inner.components(nodes)
        if inner.rank:
            raise NoClosedForm(
                f"{self.label}: the functions of {self.inner.label} have normal coefficients inside another function; "
                "there is no exact posterior"
            )
        inner = as_values(inner)
        both = paired(inner, outer)
        return Components(
            features=ComposedColumns(inner.features, outer.features),
            nodes=both.nodes,
            log_weights=both.log_weights,
            scales=outer.scales,
            log_scale_weights=outer.log_scale_weights,
            fixed=outer.fixed,
            constant=outer.constant,
            integrated=inner.integrated + outer.integrated,
            locate=both.locate,
            boxes=both.boxes,
            approximation=approximations((inner, outer)),
        )


class ComposedColumns(Columns):
    """The outer family's columns at the inner family's value."""

    inner: Columns
    outer: Columns

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        return self.outer(node[1], self.inner(node[0], x))
