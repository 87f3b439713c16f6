"""Contexts on one side of the range, queries on the other."""

from typing import ClassVar

from offprior.input_laws.one_sided import OneSided as Sided
from offprior.laws.law import Law, LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes._covariate_shift import CovariateShift
from offprior.probes.probe import inputs_parameter, noise_parameter, places


class OneSided(CovariateShift):
    """Contexts in the lower share c of the inputs' mass, queries in the rest; c = 1 is as trained (settings ours).

    For uniform inputs c is a share of the range. All queries lie beyond the context, where an RBF smoother returns to
    its mean; a straight line may still do well. To test combinations there, give another probe these inputs: ``{name:
    convex, inputs: {name: one-sided, share: 0.6}}``. Inputs of several numbers have their sides in the first
    coordinate.
    """

    coordinate: ClassVar[str] = "c"
    axis: ClassVar[str] = "share c of the inputs' mass that the context covers"

    shares: tuple[float, ...] = parameter(
        (0.4, 0.6, 0.8, 1.0), "the shares c of the inputs' mass", above=0, maximum=1, static=True
    )
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        return places("shares", self.shares)

    def plain_place(self, mixture: Mixture) -> float:
        return 1.0

    def law(self, strength: float, mixture: Mixture) -> Law:
        return Sided(mixture.inputs, share=strength)  # pyright: ignore[reportCallIssue]
