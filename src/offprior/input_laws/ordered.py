"""Contexts sorted by their first coordinate."""

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from offprior.input_laws.input_law import InputLaw, Inputs, base_parameter, degree_parameter, ranks
from offprior.laws.law import LawLike
from offprior.parameter import Scalar


class Ordered(InputLaw):
    """Inputs only: contexts sorted by their first coordinate, fully or partly, in descending order if negative."""

    base: LawLike = base_parameter()
    degree: Scalar = degree_parameter("1 ascending, −1 descending, between them partly sorted", minimum=-1.0)

    @property
    def nested(self) -> bool:
        return False

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        n, kind = len(context), context.dtype
        place = ranks(context[:, 0]).astype(kind) / max(n, 1)
        by_chance = jax.random.uniform(key, (n,), kind)
        score = self.degree * place + (1 - jnp.abs(jnp.asarray(self.degree, kind))) * by_chance
        return context[jnp.argsort(score)], queries
