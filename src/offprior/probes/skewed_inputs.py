"""Inputs whose covariance is skewed."""

from typing import ClassVar

from offprior.families.linear import Linear
from offprior.input_laws.skewed import Skewed
from offprior.laws.law import Law, LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes._covariate_shift import CovariateShift, check_dimension
from offprior.probes.probe import count_parameter, evenly_spaced, inputs_parameter, noise_parameter


class SkewedInputs(CovariateShift):
    """Inputs whose covariance has eigenvalues ∝ 1/iᵖ; the test of arXiv 2208.01066, section 4, is p = 2.

    The eigenbasis is drawn for each prompt, and the sum of the eigenvalues does not change.
    """

    coordinate: ClassVar[str] = "p"
    axis: ClassVar[str] = "power p of the eigenvalues 1/iᵖ"

    stop: Scalar = parameter(2.0, "the last p", above=0)
    count: int = count_parameter(5, "how many powers, from 0", minimum=2)
    rotated: bool = parameter(
        True, "whether the eigenbasis is random; otherwise it is the coordinates, in random order"
    )
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    @classmethod
    def example_mixture(cls) -> Mixture:
        """A mixture of linear functions of several numbers."""
        return Mixture([Linear(dimension=4)])

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        check_dimension(mixture, "covariance to skew")
        return evenly_spaced(0.0, float(self.stop), self.count)

    def law(self, strength: float, mixture: Mixture) -> Law:
        return Skewed(mixture.inputs, power=strength, rotated=self.rotated)  # pyright: ignore[reportCallIssue]

    def departures(self) -> list[str]:
        return [*([] if self.rotated else ["along the coordinates"]), *super().departures()]
