"""Contexts on one side, queries on the other."""

from typing import ClassVar

from offprior.input_laws.opposite_orthants import OppositeOrthants
from offprior.laws.law import Law, LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar
from offprior.probes._covariate_shift import CovariateShift
from offprior.probes.probe import count_parameter, evenly_spaced, inputs_parameter, noise_parameter


class Quadrants(CovariateShift):
    """Contexts in one random orthant about the inputs' median, queries in the opposite (arXiv 2208.01066, section 4).

    The coordinate q is the share of the inputs' numbers that are moved to their side; at 1 all are. Inputs of one
    number have a left and a right side.
    """

    coordinate: ClassVar[str] = "q"
    axis: ClassVar[str] = "share q of the coordinates moved to opposite orthants"

    count: int = count_parameter(3, "how many shares, from 0 to 1", minimum=2)
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        return evenly_spaced(0.0, 1.0, self.count)

    def law(self, strength: float, mixture: Mixture) -> Law:
        return OppositeOrthants(mixture.inputs, degree=strength)  # pyright: ignore[reportCallIssue]
