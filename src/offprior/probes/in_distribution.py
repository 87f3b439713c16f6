"""The mixture itself."""

from typing import ClassVar

from offprior.laws.law import LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar
from offprior.probes.probe import Probe, inputs_parameter, noise_parameter


class InDistribution(Probe):
    """The mixture's own prompts: metric M1 on them says whether a model is trained enough to be judged elsewhere."""

    coordinate: ClassVar[str] = ""
    axis: ClassVar[str] = "in distribution"
    applies_to: ClassVar[tuple[str, ...]] = ("functions", "tokens")

    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        return (0.0,)

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        return mixture

    def keeps_functions(self, strength: float, mixture: Mixture) -> bool:
        return True
