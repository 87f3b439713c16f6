"""Contexts in one orthant, queries in the opposite one."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from offprior.compute.randomness import fold
from offprior.input_laws.input_law import InputLaw, Inputs, base_parameter, degree_parameter
from offprior.laws.law import LawLike
from offprior.parameter import Scalar


class OppositeOrthants(InputLaw):
    """Inputs only: contexts in one random orthant about the median, queries in the opposite (arXiv 2208.01066)."""

    base: LawLike = base_parameter()
    degree: Scalar = degree_parameter("share of the coordinates that are moved to their orthant")

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        kind, middle = context.dtype, self.base.quantile(jnp.asarray(0.5, context.dtype))
        sign = jax.random.rademacher(fold(key, "signs"), (1, context.shape[1]), kind)

        def moved(side: str, x: Inputs, sign: Array) -> Inputs:
            chosen = jax.random.uniform(fold(key, side), x.shape, kind) < self.degree
            return jnp.where(chosen, middle + sign * jnp.abs(x - middle), x)

        return moved("context", context, sign), moved("queries", queries, -sign)
