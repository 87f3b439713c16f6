"""Products of two families' functions."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Columns, Components, NoClosedForm, approximations, distinct
from offprior.components.combined import as_values, paired, with_coefficient
from offprior.errors import Problem, SettingError
from offprior.families.combination import Pair
from offprior.families.family import Family
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.parameter import parameter


class Product(Family):
    """Products f(x)·g(x) with f and g drawn independently from two families (the products of zhang-2025).

    The posterior is exact if one family has no free coefficient. If it has one, the posterior is exact up to a
    quadrature over that coefficient, because the product is then linear in the other's coefficients. If both have two
    or more, the product is bilinear, and there is no exact posterior.
    """

    first: Family = parameter(Linear(), "the family of f")
    second: Family = parameter(Sinusoid(), "the family of g")

    def __check_init__(self):
        if self.first.dimension != self.second.dimension:
            message = f"it must be {self.first.dimension}, as for the first family; got {self.second.dimension}"
            raise SettingError(Problem("second.dimension", message))

    @property
    def dimension(self) -> int:  # type: ignore[override]
        """How many numbers an input has."""
        return self.first.dimension

    def draw(self, key: PRNGKeyArray) -> Pair:
        of_first, of_second = jax.random.split(key)
        return Pair(self.first.draw(of_first), self.second.draw(of_second))

    def value(self, task: Pair, x: Float[Array, " d"]) -> Float[Array, ""]:
        return self.first.value(task.first, x) * self.second.value(task.second, x)

    def components(self, nodes: int = 256) -> Components:
        """Multiplies the columns of one side by the value of the other, which is known given its node and its row.

        Raises:
            NoClosedForm: both have two free coefficients or more, or a family has no closed form.
        """
        sides = [family.components(nodes) for family in (self.first, self.second)]
        known, free = sorted(sides, key=lambda side: side.rank)
        if known.rank > 1:
            raise NoClosedForm(
                f"{self.label}: products of {known.rank} and {free.rank} normal coefficients are not a Gaussian "
                "linear model; there is no exact posterior"
            )
        if known.rank:
            known = with_coefficient(known, nodes, symmetric=not any((*known.fixed, *free.fixed)))
        elif len(known.fixed) > 1:
            known = as_values(known)
        both = paired(known, free)
        row = np.indices((len(known.scales), len(free.scales))).reshape(2, -1)
        scales, log_scale_weights = distinct(
            known.scales[row[0]] * free.scales[row[1]],
            known.log_scale_weights[row[0]] + free.log_scale_weights[row[1]],
        )
        return Components(
            features=MultipliedColumns(known.features, free.features),
            nodes=both.nodes,
            log_weights=both.log_weights,
            scales=scales,
            log_scale_weights=log_scale_weights,
            fixed=free.fixed,
            constant=tuple(known.constant[0] and constant for constant in free.constant),
            integrated=known.integrated + free.integrated,
            locate=both.locate,
            boxes=both.boxes,
            approximation=approximations((known, free)),
        )


class MultipliedColumns(Columns):
    """One family's columns times the only column of another."""

    known: Columns
    free: Columns

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        return self.known(node[0], x) * self.free(node[1], x)
