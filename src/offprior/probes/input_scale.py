"""Inputs larger and smaller than in pretraining."""

from typing import ClassVar

from offprior.laws.law import Law, LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes._covariate_shift import CovariateShift
from offprior.probes.probe import inputs_parameter, noise_parameter, places


class InputScale(CovariateShift):
    """Inputs s times as large as those of pretraining, context and queries alike (arXiv 2208.01066, section 4)."""

    coordinate: ClassVar[str] = "s"
    axis: ClassVar[str] = "inputs, times those of pretraining"

    factors: tuple[float, ...] = parameter((1 / 3, 0.5, 1.0, 2.0, 3.0), "the scales s", above=0, static=True)
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        return places("factors", self.factors)

    def plain_place(self, mixture: Mixture) -> float:
        return 1.0

    def law(self, strength: float, mixture: Mixture) -> Law:
        return mixture.inputs.scaled(strength)
