"""Inputs from another law than in pretraining."""

from typing import ClassVar

import numpy as np

from offprior.errors import Problem, SettingError
from offprior.input_laws.mixed import Mixed
from offprior.laws.law import Law, LawLike
from offprior.laws.normal import Normal
from offprior.laws.uniform import Uniform
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes._covariate_shift import CovariateShift
from offprior.probes.probe import count_parameter, evenly_spaced, inputs_parameter, law_or_none, noise_parameter


class InputLaw(CovariateShift):
    """Inputs of which a share p is of another law, in the context and the queries (a covariate shift; settings ours).

    By default the other law is normal, with the mean and the standard deviation of the mixture's own; if that is
    normal, the other law is uniform with the same mean and standard deviation.
    """

    coordinate: ClassVar[str] = "p"
    axis: ClassVar[str] = "share p of the inputs that follow another law"

    other: LawLike | None = parameter(
        None, "the other law; one of the same mean and standard deviation unless given", converter=law_or_none
    )
    count: int = count_parameter(3, "how many shares, from 0 to 1", minimum=2)
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        self._other(self.conditions(mixture).inputs)
        return evenly_spaced(0.0, 1.0, self.count)

    def law(self, strength: float, mixture: Mixture) -> Law:
        other = self._other(mixture.inputs)
        return Mixed(mixture.inputs, other=other, share=strength)  # pyright: ignore[reportCallIssue]

    def _other(self, own: Law) -> Law:
        if self.other is not None:
            return self.other
        values, log_weights = own.nodes(256)
        weights = np.exp(log_weights)
        mean = float(weights @ values)
        deviation = float(np.sqrt(weights @ np.square(values - mean)))
        if not deviation > 0:
            raise SettingError(Problem("other", "the mixture's inputs are all equal; give the other law"))
        if isinstance(own, Normal):
            half = 3**0.5 * deviation
            return Uniform(mean - half, mean + half)
        return Normal(mean, deviation)
