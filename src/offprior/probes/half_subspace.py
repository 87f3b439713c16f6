"""Inputs that leave out some directions."""

from typing import ClassVar

from offprior.families.linear import Linear
from offprior.input_laws.subspace import Subspace
from offprior.laws.law import Law, LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes._covariate_shift import CovariateShift, at_most_all, check_dimension
from offprior.probes.probe import inputs_parameter, noise_parameter, places


class HalfSubspace(CovariateShift):
    """Inputs in a random subspace of half as many dimensions, drawn for each prompt (arXiv 2208.01066, section 4)."""

    coordinate: ClassVar[str] = "r"
    axis: ClassVar[str] = "dimensions r of the inputs' subspace"

    ranks: tuple[int, ...] | None = parameter(
        None, "the dimensions r; half of them and all unless given", minimum=1, static=True
    )
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    @classmethod
    def example_mixture(cls) -> Mixture:
        """A mixture of linear functions of several numbers."""
        return Mixture([Linear(dimension=4)])

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        check_dimension(mixture, "subspace of half as many dimensions")
        found = places("ranks", (mixture.dimension // 2, mixture.dimension) if self.ranks is None else self.ranks)
        return at_most_all(found, mixture, "ranks", "dimensions")

    def plain_place(self, mixture: Mixture) -> float:
        return float(mixture.dimension)

    def law(self, strength: float, mixture: Mixture) -> Law:
        return Subspace(mixture.inputs, rank=int(strength))  # pyright: ignore[reportCallIssue]
