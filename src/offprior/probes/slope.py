"""Sums of a line of one slope and a function of another family."""

from typing import ClassVar

from offprior.errors import Problem, SettingError
from offprior.families.combination import Combination
from offprior.families.family import Family
from offprior.families.grid import Grid
from offprior.laws.law import LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes.probe import Probe, inputs_parameter, noise_parameter, places


class Slope(Probe):
    """Plain sums of a line of one slope and a function of the second family (arXiv 2410.01565: slopes of 0.21 to 0.28).

    The line goes through 0. Near one slope the posterior switches from one class to the other, so that a small change
    of the test is a large change of B.
    """

    coordinate: ClassVar[str] = "slope"
    axis: ClassVar[str] = "slope of the line in the sum"

    slopes: tuple[float, ...] = parameter(
        (0.21, 0.22, 0.23, 0.24, 0.25, 0.26, 0.27, 0.28), "the slopes of the line", static=True
    )
    second: Family | None = parameter(None, "what is added to the line; the mixture's second family unless given")
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        found = places("slopes", self.slopes)
        self._sum(found[0], mixture)
        return found

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        return mixture.changed(families=[self._sum(strength, mixture)])

    def _sum(self, slope: float, mixture: Mixture) -> Family:
        second = mixture.functions[1] if self.second is None and len(mixture.families) > 1 else self.second
        if second is None:
            raise SettingError(Problem("second", "the mixture has one family; give the one that the line is added to"))
        if second.dimension != 1:
            message = f"it must be 1, as for a line; got {second.dimension}"
            raise SettingError(Problem("second.dimension", message))
        line = Grid(slope=(slope,), offset=(0.0,))  # pyright: ignore[reportCallIssue]
        return Combination(first=line, second=second, weight=0.5, scaled=False)  # pyright: ignore[reportCallIssue]
