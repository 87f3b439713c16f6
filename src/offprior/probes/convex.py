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
        combination = Combination(  # pyright: ignore[reportCallIssue]
            first=first, second=second, weight=strength, scaled=self.scaled
        )
        return Mixture(
            families=[combination],
            inputs=mixture.inputs,
            noise=mixture.noise,
            noise_floor=mixture.noise_floor,
        )

    def inside(self, strength: float, mixture: Mixture) -> bool:
        # A family of the probe's own need not be in the mixture.
        given = {0.0: self.second, 1.0: self.first}
        return strength in given and given[strength] is None

    def departures(self) -> list[str]:
        found = [] if self.scaled else ["unscaled"]
        given = self.first is not None or self.second is not None
        return [*found, *(["own families"] if given else []), *super().departures()]

    def _families(self, mixture: Mixture) -> tuple[Family, Family]:
        own = [self.first, self.second]
        found = [known if given is None else given for given, known in zip(own, mixture.families, strict=False)]
        if self.first is not None and self.second is not None:
            return self.first, self.second
        if len(found) < 2:
            message = "it combines two families, the mixture has one; give the probe first and second"
            raise SettingError([Problem("name", message)])
        return found[0], found[1]
