"""Convex combinations of two families."""

from typing import ClassVar

from offprior.errors import Problem, SettingError
from offprior.families.combination import Combination
from offprior.families.family import Family
from offprior.laws import Law
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes.probe import Probe, evenly_spaced, inputs_parameter, noise_parameter


class Convex(Probe):
    """Convex combinations a·f + (1−a)·g of a function of each of two families, the test of arXiv 2311.00871.

    Unscaled, the combination is divided by the larger of its weights, so that a = 1/2 is the plain sum f + g, the test
    of arXiv 2410.01565. The prior holds both ends.
    """

    coordinate: ClassVar[str] = "a"
    axis: ClassVar[str] = "weight a of the first family"

    start: Scalar = parameter(0.0, "the first weight a", minimum=0, maximum=1)
    stop: Scalar = parameter(1.0, "the last weight a", minimum=0, maximum=1)
    count: int = parameter(11, "how many weights", minimum=1)
    scaled: bool = parameter(True, "do the weights sum to one?")
    first: Family | None = parameter(None, "the family of f; the mixture's first unless given")
    second: Family | None = parameter(None, "the family of g; the mixture's second unless given")
    inputs: Law | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        self._families(mixture)
        return evenly_spaced(float(self.start), float(self.stop), self.count)

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        first, second = self._families(mixture)
        return Mixture(
            families=[Combination(first, second, weight=strength, scaled=self.scaled)],
            inputs=mixture.inputs,
            noise=mixture.noise,
            noise_floor=mixture.noise_floor,
        )

    def inside(self, strength: float, mixture: Mixture) -> bool:
        # A family of the probe's own need not be in the mixture.
        given = {0.0: self.second, 1.0: self.first}
        return strength in given and given[strength] is None

    def departures(self) -> list[str]:
        return [*([] if self.scaled else ["unscaled"]), *super().departures()]

    def _families(self, mixture: Mixture) -> tuple[Family, Family]:
        if len(mixture.families) < 2 and (self.first is None or self.second is None):
            message = "it combines two families, the mixture has one; give the probe first and second"
            raise SettingError([Problem("name", message)])
        return (
            mixture.families[0] if self.first is None else self.first,
            mixture.families[1] if self.second is None else self.second,
        )
