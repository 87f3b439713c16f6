"""Inputs shifted away from those of pretraining."""

from typing import ClassVar

import jax.numpy as jnp

from offprior.compute.precision import single
from offprior.input_laws.affine import Affine
from offprior.laws.law import Law, LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes._covariate_shift import CovariateShift
from offprior.probes.probe import count_parameter, evenly_spaced, inputs_parameter, noise_parameter


class Shift(CovariateShift):
    """Inputs moved by Δ in every coordinate, context and queries alike (a covariate shift; settings ours)."""

    coordinate: ClassVar[str] = "Δ"
    axis: ClassVar[str] = "shift Δ of the inputs"

    stop: Scalar | None = parameter(
        None, "the last Δ; unless given, twice the distance between the quartiles", above=0, static=False
    )
    count: int = count_parameter(5, "how many shifts, from 0", minimum=2)
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    @single()
    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        law = self.conditions(mixture).inputs
        low, high = (float(law.quantile(jnp.asarray(share))) for share in (0.25, 0.75))
        return evenly_spaced(0.0, round(2 * (high - low), 6) if self.stop is None else float(self.stop), self.count)

    def law(self, strength: float, mixture: Mixture) -> Law:
        return Affine(mixture.inputs, shift=strength)  # pyright: ignore[reportCallIssue]
