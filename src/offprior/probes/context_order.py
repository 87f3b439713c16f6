"""Contexts in sorted order."""

from typing import ClassVar

from offprior.input_laws.ordered import Ordered
from offprior.laws.law import Law, LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar
from offprior.probes._covariate_shift import CovariateShift
from offprior.probes.probe import count_parameter, evenly_spaced, inputs_parameter, noise_parameter


class ContextOrder(CovariateShift):
    """Contexts sorted by their first coordinate, from descending (−1) over random (0) to ascending (1); settings ours.

    In between, a pair's place depends on its rank and on chance, weighted by |o|. The exact posterior does not depend
    on the order; any change of a prediction is the model's own.
    """

    coordinate: ClassVar[str] = "o"
    axis: ClassVar[str] = "order o of the context: −1 descending, 1 ascending"

    count: int = count_parameter(5, "how many orders, from −1 to 1; an odd number includes 0", minimum=2)
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        return evenly_spaced(-1.0, 1.0, self.count)

    def law(self, strength: float, mixture: Mixture) -> Law:
        return Ordered(mixture.inputs, degree=strength)  # pyright: ignore[reportCallIssue]
