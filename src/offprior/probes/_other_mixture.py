"""A test on the prompts of a mixture other than the one trained on; not a part: a study makes it from its settings."""

from typing import ClassVar

from offprior.laws.law import Law
from offprior.mixture import Mixture
from offprior.parameter import Scalar
from offprior.probes.probe import Probe


class MixtureTest(Probe):
    """The prompts of a given mixture, whatever was trained on: its families, weights, inputs and noise."""

    coordinate: ClassVar[str] = ""
    axis: ClassVar[str] = "another mixture"

    name: str
    other: Mixture
    inputs: Law | None = None
    noise: Scalar | None = None

    @property
    def label(self) -> str:
        return self.name

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        return (0.0,)

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        return self.other
