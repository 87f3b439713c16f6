"""Gaussian processes of one input, as finite sums of waves."""

from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray
from scipy.special import gamma, kv

from offprior.components import Columns, Components
from offprior.families.family import Family
from offprior.laws.law import concrete
from offprior.parameter import Scalar, parameter

TURN = 512
"""Places in a full turn at which a periodic kernel is evaluated."""
PERIODS = 24.0
"""Length scales after which the waves repeat; the kernel is accurate up to about three quarters of that."""

REACH = 10.0
"""Length scales over which the kernel of the sum is compared with the kernel that it approximates."""


class GaussianProcess(Family):
    """Gaussian processes with an RBF, a periodic or (approximated) a Matérn kernel (Rasmussen and Williams 2006).

    A draw is Σ aⱼ sin ωⱼx + bⱼ cos ωⱼx with normal coefficients, whose variances are the kernel's spectral density on
    an even grid of frequencies, scaled to the kernel's variance. The posterior of that sum is exact. `kernel_error`
    measures how far its kernel is from the one named: 1e-6 for the RBF and the periodic kernel. A Matérn spectrum has
    heavy tails, which 24 waves cut off: correlations are up to .12 (ν = 1/2), .012 (3/2) and .0023 (5/2) off, and with
    little noise the posterior is far from that of the process itself. `approximation` therefore says that the sum
    stands for the process. Non-periodic sums repeat after 24 length scales.
    """

    dimension: int = parameter(1, "numbers in an input", minimum=1, maximum=1)
    kernel: Literal["rbf", "matern", "periodic"] = parameter("rbf", "the covariance of two values")
    length_scale: Scalar = parameter(
        1.0, "distance over which values are alike; for periodic, of sin(πx/period)", above=0
    )
    deviation: Scalar = parameter(1.0, "standard deviation of a value", above=0)
    smoothness: Literal["1/2", "3/2", "5/2"] = parameter("5/2", "ν of the Matérn kernel")
    period: Scalar = parameter(5.0, "period of the periodic kernel", above=0)
    waves: int = parameter(24, "frequencies above 0", minimum=1, maximum=64)

    def draw(self, key: PRNGKeyArray) -> Float[Array, " columns"]:
        return self._spread() * jax.random.normal(key, (2 * self.waves + 1,))

    def value(self, task: Float[Array, " columns"], x: Float[Array, " d"]) -> Float[Array, ""]:
        return jnp.dot(task, _waves(self._base(), self.waves, x))

    def components(self, nodes: int = 256) -> Components:
        """Returns one component: a constant, and a sine and a cosine per frequency."""
        columns = 2 * self.waves + 1
        return Components(
            features=SpectralColumns(np.float64(self._base()), self.waves),
            nodes=(),
            log_weights=np.zeros(1),
            scales=np.asarray(self._spread(), np.float64)[None],
            log_scale_weights=np.zeros(1),
            fixed=(False,) * columns,
            constant=(True,) + (False,) * (2 * self.waves),
            approximation=self._approximation() if self.kernel == "matern" else "",
        )

    def kernel_error(self, reach: float) -> float:
        """Returns the largest difference from the kernel, in variances, over distances up to `reach` length scales."""
        scale = float(self.length_scale)
        distance = np.linspace(0, reach, 2001) * scale
        squares = np.asarray(self._spread(), np.float64)[: self.waves + 1] ** 2
        ours = np.cos(np.outer(distance, float(self._base()) * np.arange(self.waves + 1))) @ squares
        return float(np.abs(ours / float(self.deviation) ** 2 - self._correlation(distance)).max())

    def _approximation(self) -> str:
        process = f"the Matérn process of ν = {self.smoothness}"
        error = f"correlations up to {self.kernel_error(REACH):.2g} off"
        sum_alone = "B and C are exact for the sum, not for the process"
        return f"{self.label}: a sum of {self.waves} waves stands for {process} ({error}); {sum_alone}"

    def _base(self) -> Any:
        """Returns the spacing of the frequencies, in radians per unit of x."""
        return 2 * np.pi / (self.period if self.kernel == "periodic" else PERIODS * self.length_scale)

    def _spread(self) -> Any:
        """Returns standard deviations of the coefficients: of the constant and the cosines, then of the sines."""
        order = np.arange(self.waves + 1)
        if self.kernel == "periodic":
            # exp(−2 sin²(θ/2)/ℓ²) = exp((cos θ − 1)/ℓ²), θ = 2πτ/period, is a series in cos hθ.
            share = _fourier(order, self.length_scale)
        else:
            angle = 2 * np.pi * order / PERIODS
            power = {"1/2": 1.0, "3/2": 2.0, "5/2": 3.0}[self.smoothness]
            nu = power - 0.5
            share = np.exp(-(angle**2) / 2) if self.kernel == "rbf" else (1 + angle**2 / (2 * nu)) ** -power
        share = share * np.where(order == 0, 1.0, 2.0)
        library = np if isinstance(share, np.ndarray) and concrete(self.deviation) is not None else jnp
        spread = self.deviation * library.sqrt(share / share.sum())
        return library.concatenate([spread, spread[1:]])

    def _correlation(self, distance: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        scaled = distance / float(self.length_scale)
        if self.kernel == "rbf":
            return np.exp(-(scaled**2) / 2)
        if self.kernel == "periodic":
            return np.exp(-2 * np.sin(np.pi * distance / float(self.period)) ** 2 / float(self.length_scale) ** 2)
        nu = {"1/2": 0.5, "3/2": 1.5, "5/2": 2.5}[self.smoothness]
        argument = np.maximum(np.sqrt(2 * nu) * scaled, 1e-9)
        return 2 ** (1 - nu) / gamma(nu) * argument**nu * kv(nu, argument)


class SpectralColumns(Columns):
    """1 and the cosines, then the sines."""

    base: Any
    waves: int = eqx.field(static=True)

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        return _waves(self.base, self.waves, x)


def _waves(base: Any, count: int, x: Float[Array, " d"]) -> Float[Array, " columns"]:
    angle = jnp.arange(count + 1, dtype=x.dtype) * (jnp.asarray(base, x.dtype) * x[0])
    return jnp.concatenate([jnp.cos(angle), jnp.sin(angle[1:])])


def _fourier(order: Int[np.ndarray, " n"], length_scale: Any) -> Any:
    """Returns the coefficients of exp((cos θ − 1)/ℓ²) in cos hθ, by means over an even grid, exact to rounding."""
    turn = 2 * np.pi * np.arange(TURN) / TURN
    library = np if concrete(length_scale) is not None else jnp
    values = library.exp((np.cos(turn) - 1) / length_scale**2)
    # All coefficients are above 0, but rounding can make the smallest ones negative.
    return library.maximum(library.dot(np.cos(np.outer(order, turn)), values) / TURN, 0)
