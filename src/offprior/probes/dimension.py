"""Inputs that use only their first coordinates."""

from typing import ClassVar

from offprior.families.linear import Linear
from offprior.input_laws.first_coordinates import FirstCoordinates
from offprior.laws.law import Law, LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes._covariate_shift import CovariateShift, at_most_all, check_dimension
from offprior.probes.probe import evenly_spaced, inputs_parameter, noise_parameter, places

PLACES = 5
"""The number of places that are tested by default."""


class Dimension(CovariateShift):
    """Inputs that use the first d′ of d coordinates, the others 0 (the curriculum of arXiv 2208.01066)."""

    coordinate: ClassVar[str] = "d′"
    axis: ClassVar[str] = "coordinates d′ in use"

    used: tuple[int, ...] | None = parameter(
        None, "the numbers d′; five of them from 1 to d unless given", minimum=1, static=True
    )
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    @classmethod
    def example_mixture(cls) -> Mixture:
        """A mixture of linear functions of several numbers."""
        return Mixture([Linear(dimension=4)])

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        check_dimension(mixture, "further coordinate to leave out")
        spread = evenly_spaced(1, mixture.dimension, min(PLACES, mixture.dimension))
        found = places("used", [round(place) for place in spread] if self.used is None else self.used)
        return at_most_all(found, mixture, "used", "coordinates")

    def plain_place(self, mixture: Mixture) -> float:
        return float(mixture.dimension)

    def law(self, strength: float, mixture: Mixture) -> Law:
        return FirstCoordinates(mixture.inputs, used=int(strength))  # pyright: ignore[reportCallIssue]
