"""Contexts that are evenly spaced rather than random."""

from typing import ClassVar

from offprior.errors import Problem, SettingError
from offprior.input_laws.evened import Evened
from offprior.input_laws.evenly import Evenly
from offprior.laws.law import Law, LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar
from offprior.probes._covariate_shift import CovariateShift
from offprior.probes.probe import count_parameter, evenly_spaced, inputs_parameter, noise_parameter


class EvenContexts(CovariateShift):
    """Contexts moved from random (e = 0) to evenly spaced inputs (e = 1), the test contexts of arXiv 2410.01565.

    Each point moves by the share e towards the evenly spaced point of its rank; queries do not change. Unlike in the
    paper, the context stays noisy unless `noise` is 0.
    """

    coordinate: ClassVar[str] = "e"
    axis: ClassVar[str] = "evenness e of the context: 0 random, 1 evenly spaced"

    count: int = count_parameter(3, "how many places, from 0 to 1", minimum=2)
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        if isinstance(self.conditions(mixture).inputs, Evenly):
            raise SettingError(Problem("name", "the contexts are evenly spaced already; give the probe other inputs"))
        return evenly_spaced(0.0, 1.0, self.count)

    def law(self, strength: float, mixture: Mixture) -> Law:
        return Evened(mixture.inputs, degree=strength)  # pyright: ignore[reportCallIssue]
