"""Functions with larger and smaller values than in pretraining."""

from typing import ClassVar

from offprior.families.scaled import Scaled
from offprior.laws.law import LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes.probe import Probe, inputs_parameter, noise_parameter, places


class OutputScale(Probe):
    """Functions s times as large as those pretrained on, the noise as it was (arXiv 2208.01066, section 4)."""

    coordinate: ClassVar[str] = "s"
    axis: ClassVar[str] = "values, times those pretrained on"

    factors: tuple[float, ...] = parameter((1 / 3, 0.5, 1.0, 2.0, 3.0), "the scales s", above=0, static=True)
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        return places("factors", self.factors)

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        if strength == 1.0:
            return mixture
        families = [
            Scaled(family=family, factor=strength, stretch=1.0)  # pyright: ignore[reportCallIssue]
            for family in mixture.functions
        ]
        return mixture.changed(families=families, weights=mixture.weights)
