"""Random Fourier series of one input."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Columns, Components
from offprior.families.family import Family
from offprior.parameter import Scalar, parameter


class Fourier(Family):
    """Fourier series Σ aₕ sin(hωx) + bₕ cos(hωx) with normal coefficients (a function class of arXiv 2306.04891).

    The coefficients have standard deviation scale·h^(−decay). The paper's scales and frequencies are unverified here.
    """

    dimension: int = parameter(1, "numbers in an input", minimum=1, maximum=1)
    harmonics: int = parameter(3, "multiples of the base frequency", minimum=1, maximum=64)
    frequency: Scalar = parameter(1.0, "base frequency ω, in radians per unit of x", above=0)
    scale: Scalar = parameter(1.0, "standard deviation of the first coefficients", above=0)
    decay: Scalar = parameter(0.0, "how fast further harmonics fade: a power of h", minimum=0)

    def draw(self, key: PRNGKeyArray) -> Float[Array, " columns"]:
        order = jnp.arange(1, self.harmonics + 1, dtype=float)
        spread = self.scale * jnp.tile(order**-self.decay, 2)
        return spread * jax.random.normal(key, (2 * self.harmonics,))

    def value(self, task: Float[Array, " columns"], x: Float[Array, " d"]) -> Float[Array, ""]:
        return jnp.dot(task, _waves(self.frequency, self.harmonics, x))

    def components(self, nodes: int = 256) -> Components:
        """Returns one component: a sine and a cosine per harmonic."""
        columns = 2 * self.harmonics
        spread = float(self.scale) * np.arange(1, self.harmonics + 1, dtype=np.float64) ** -float(self.decay)
        return Components(
            features=WaveColumns(np.float64(self.frequency), self.harmonics),
            nodes=(),
            log_weights=np.zeros(1),
            scales=np.tile(spread, 2)[None],
            log_scale_weights=np.zeros(1),
            fixed=(False,) * columns,
            constant=(False,) * columns,
        )


class WaveColumns(Columns):
    """Sines, then cosines, of the harmonics."""

    frequency: Any
    harmonics: int = eqx.field(static=True)

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        return _waves(self.frequency, self.harmonics, x)


def _waves(frequency: Any, harmonics: int, x: Float[Array, " d"]) -> Float[Array, " columns"]:
    angle = jnp.arange(1, harmonics + 1, dtype=x.dtype) * (jnp.asarray(frequency, x.dtype) * x[0])
    return jnp.concatenate([jnp.sin(angle), jnp.cos(angle)])
