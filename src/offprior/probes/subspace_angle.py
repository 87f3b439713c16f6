"""Linear tasks at an angle to the pretrained subspaces."""

from typing import ClassVar, Literal

from offprior.families.rotated_subspaces import RotatedSubspaces
from offprior.families.union_of_subspaces import UnionOfSubspaces
from offprior.laws.law import LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar, fields_of, parameter
from offprior.probes.probe import (
    Probe,
    count_parameter,
    evenly_spaced,
    first_of,
    inputs_parameter,
    noise_parameter,
    numbers_of,
)


class SubspaceAngle(Probe):
    """Linear functions with slopes in a subspace at an angle θ to one pretrained on (kwon-2025; the angles ours).

    Towards the next subspace, the tasks stay in the span of the pretrained ones and are sums of them: the positive
    control for combination. Towards outside, they leave the span. The prior covers θ = 0.
    """

    coordinate: ClassVar[str] = "θ"
    axis: ClassVar[str] = "angle θ to a subspace pretrained on, degrees"

    stop: Scalar = parameter(90.0, "the last θ, in degrees", above=0, maximum=90)
    count: int = count_parameter(7, "how many angles, from 0", minimum=2)
    towards: Literal["next", "outside"] = parameter("next", "turn towards the next subspace, or out of the span of all")
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    @classmethod
    def example_mixture(cls) -> Mixture:
        """A mixture of linear functions in two planes."""
        return Mixture([UnionOfSubspaces(dimension=6, count=2, rank=2)])

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        places = evenly_spaced(0.0, float(self.stop), self.count)
        self._rotated(places[-1], mixture)
        return places

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        return mixture.changed(families=[self._rotated(strength, mixture)])

    def made_of(self, strength: float, mixture: Mixture) -> tuple[int, ...]:
        return numbers_of(mixture, self._rotated(0.0, mixture)) or super().made_of(strength, mixture)

    def departures(self) -> list[str]:
        return [*(["outside the span"] if self.towards == "outside" else []), *super().departures()]

    def _rotated(self, strength: float, mixture: Mixture) -> UnionOfSubspaces:
        family = first_of(UnionOfSubspaces, mixture, "subspaces that")
        known = {info.name: getattr(family, info.name) for info in fields_of(UnionOfSubspaces)}
        if strength == 0.0:
            return family
        return RotatedSubspaces(**known, angle=strength, towards=self.towards)
