"""Contexts moved towards even spacing."""

import jax
from jaxtyping import PRNGKeyArray

from offprior.input_laws.input_law import InputLaw, Inputs, base_parameter, degree_parameter, ranks
from offprior.laws.law import LawLike
from offprior.parameter import Scalar


class Evened(InputLaw):
    """Inputs only: contexts moved towards evenly spaced points, each to the point of its rank; queries do not change.

    For a law with ends, the points include the ends; for other laws, they have equal shares of the mass between them.
    """

    base: LawLike = base_parameter()
    degree: Scalar = degree_parameter("how far points are moved, as a share of the way")

    @property
    def nested(self) -> bool:
        return False

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        n = len(context)
        if n == 0:
            return context, queries
        target = self.base.even_points(n).astype(context.dtype)[jax.vmap(ranks, 1, 1)(context)]
        return context + self.degree * (target - context), queries
