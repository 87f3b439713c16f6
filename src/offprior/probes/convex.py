"""Convex combinations of two families."""

from typing import ClassVar

from offprior.families.combination import Combination
from offprior.families.family import Family
from offprior.laws.law import LawLike
from offprior.parameter import Scalar, parameter
from offprior.probes._two_families import TwoFamilies
from offprior.probes.probe import inputs_parameter, noise_parameter


class Convex(TwoFamilies):
    """Convex combinations a·f + (1−a)·g of a function of each of two families, the test of arXiv 2311.00871.

    Unscaled, the combination is divided by the larger of its weights, so that a = 1/2 is the plain sum f + g, the test
    of arXiv 2410.01565. The prior covers both ends, and every combination that is among the mixture's families.
    """

    coordinate: ClassVar[str] = "a"
    axis: ClassVar[str] = "weight a of the first family"
    combines: ClassVar[bool] = True

    scaled: bool = parameter(True, "whether the weights sum to one")
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def together(self, strength: float, first: Family, second: Family) -> Family:
        return Combination(  # pyright: ignore[reportCallIssue]
            first=first, second=second, weight=strength, scaled=self.scaled
        )

    def ends(self, first: Family, second: Family) -> dict[float, Family]:
        return {0.0: second, 1.0: first}

    def departures(self) -> list[str]:
        return [*([] if self.scaled else ["unscaled"]), *super().departures()]
