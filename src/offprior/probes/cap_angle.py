"""Linear tasks at angles inside and beyond the pretrained spherical cap."""

from typing import ClassVar

from offprior.families.spherical_cap import SphericalCap
from offprior.families.spherical_ring import SphericalRing
from offprior.laws.law import LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes.probe import (
    Probe,
    count_parameter,
    evenly_spaced,
    first_of,
    inputs_parameter,
    noise_parameter,
    numbers_of,
)


class CapAngle(Probe):
    """Linear functions with slopes at one angle θ to the pole of the pretrained cap (goddard-2025; the angles ours).

    The prior covers all angles up to the cap's own.
    """

    coordinate: ClassVar[str] = "θ"
    axis: ClassVar[str] = "angle θ to the pole, degrees"

    start: Scalar = parameter(15.0, "the first θ, in degrees", minimum=0, maximum=180)
    stop: Scalar = parameter(180.0, "the last θ, in degrees", above=0, maximum=180)
    count: int = count_parameter(12, "how many angles", minimum=1)
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    @classmethod
    def example_mixture(cls) -> Mixture:
        """A mixture of linear functions in half of the directions of the plane."""
        return Mixture([SphericalCap(dimension=2, angle=90.0)])

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        self._cap(mixture)
        return evenly_spaced(float(self.start), float(self.stop), self.count)

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        cap = self._cap(mixture)
        family = SphericalRing(  # pyright: ignore[reportCallIssue]
            dimension=cap.dimension, angle=strength, radius=cap.radius
        )
        return mixture.changed(families=[family])

    def made_of(self, strength: float, mixture: Mixture) -> tuple[int, ...]:
        return numbers_of(mixture, self._cap(mixture)) or super().made_of(strength, mixture)

    def _cap(self, mixture: Mixture) -> SphericalCap:
        return first_of(SphericalCap, mixture, "spherical caps whose angle")
