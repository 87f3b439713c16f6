"""Queries in directions that the context says nothing about."""

from collections.abc import Sequence
from typing import ClassVar

from offprior.families.linear import Linear
from offprior.input_laws.orthogonal_queries import OrthogonalQueries as Orthogonal
from offprior.laws.law import Law, LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar
from offprior.probes._covariate_shift import CovariateShift, check_dimension
from offprior.probes.probe import count_parameter, evenly_spaced, inputs_parameter, noise_parameter


class OrthogonalQueries(CovariateShift):
    """Queries without a share o of their part in the context's span, orthogonal at 1 (arXiv 2208.01066, section 4).

    The queries keep their lengths. Contexts must be shorter than the dimension of the inputs: longer ones among those
    requested are omitted, and if none is short enough, the longest possible one is used.
    """

    coordinate: ClassVar[str] = "o"
    axis: ClassVar[str] = "share o of the queries' part in the context's span that is taken away"

    count: int = count_parameter(3, "how many shares, from 0 to 1", minimum=2)
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    @classmethod
    def example_mixture(cls) -> Mixture:
        """A mixture of linear functions of more numbers than a short context has pairs."""
        return Mixture([Linear(dimension=5)])

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        check_dimension(mixture, "direction orthogonal to a context")
        return evenly_spaced(0.0, 1.0, self.count)

    def law(self, strength: float, mixture: Mixture) -> Law:
        return Orthogonal(mixture.inputs, degree=strength)  # pyright: ignore[reportCallIssue]

    def lengths(self, lengths: Sequence[int], mixture: Mixture) -> tuple[int, ...]:
        return tuple(length for length in lengths if length < mixture.dimension) or (mixture.dimension - 1,)
