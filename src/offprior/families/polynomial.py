"""Polynomials of one input."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Columns, Components
from offprior.families.family import Family
from offprior.parameter import Scalar, parameter


class Polynomial(Family):
    """Polynomials Σ cⱼ (x/width)ʲ up to a degree, with independent normal coefficients (ours; no paper's setting)."""

    dimension: int = parameter(1, "numbers in an input", minimum=1, maximum=1)
    degree: int = parameter(3, "the highest power", minimum=0, maximum=30)
    width: Scalar = parameter(5.0, "the |x| at which every power is 1", above=0)
    scale: Scalar = parameter(1.0, "standard deviation of a coefficient", above=0)

    def draw(self, key: PRNGKeyArray) -> Float[Array, " columns"]:
        return self.scale * jax.random.normal(key, (self.degree + 1,))

    def value(self, task: Float[Array, " columns"], x: Float[Array, " d"]) -> Float[Array, ""]:
        return jnp.dot(task, _powers(self.width, self.degree, x))

    def components(self, nodes: int = 256) -> Components:
        """Returns one component: a column per power."""
        columns = self.degree + 1
        return Components(
            features=PowerColumns(np.float64(self.width), self.degree),
            nodes=(),
            log_weights=np.zeros(1),
            scales=np.full((1, columns), self.scale, np.float64),
            log_scale_weights=np.zeros(1),
            fixed=(False,) * columns,
            constant=(True,) + (False,) * self.degree,
        )


class PowerColumns(Columns):
    """The powers 1, x/width, (x/width)² and so on."""

    width: Any
    degree: int = eqx.field(static=True)

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        return _powers(self.width, self.degree, x)


def _powers(width: Any, degree: int, x: Float[Array, " d"]) -> Float[Array, " columns"]:
    place = x[0] / jnp.asarray(width, x.dtype)
    return jnp.concatenate([jnp.ones(1, x.dtype), jnp.cumprod(jnp.broadcast_to(place, (degree,)))])
