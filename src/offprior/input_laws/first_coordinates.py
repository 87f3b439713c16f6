"""Inputs whose last coordinates are 0."""

import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from offprior.input_laws.input_law import InputLaw, Inputs, base_parameter, check_coordinates
from offprior.laws.law import LawLike
from offprior.parameter import parameter


class FirstCoordinates(InputLaw):
    """Inputs only: all but the first few coordinates are 0 (the curriculum of arXiv 2208.01066)."""

    base: LawLike = base_parameter()
    used: int = parameter(1, "coordinates that are kept", minimum=1)

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        check_coordinates("used", self.used, context.shape[1])
        kept = jnp.arange(context.shape[1]) < self.used
        return jnp.where(kept[None], context, 0), jnp.where(kept[None], queries, 0)
