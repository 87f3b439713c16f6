"""Noise with heavier tails than in pretraining."""

from typing import ClassVar

import numpy as np

from offprior.errors import Problem, SettingError
from offprior.laws.law import LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes.probe import Probe, inputs_parameter, noise_parameter, places


class NoiseTail(Probe):
    """Contexts whose noise is of Student's t with ν degrees of freedom, its standard deviation kept (settings ours).

    The coordinate is 1/ν: 0 is normal noise, and from 1/2 on there is no standard deviation to keep. B and C assume
    normal noise. The functions are the mixture's own, hence M3 is 0.
    """

    coordinate: ClassVar[str] = "1/ν"
    axis: ClassVar[str] = "heaviness 1/ν of the noise's tails"

    heaviness: tuple[float, ...] = parameter(
        (0.0, 0.1, 0.2, 0.3, 0.4), "the values of 1/ν; 0 is normal", minimum=0, static=True
    )
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        if not float(np.asarray(self.conditions(mixture).noise)) > 0:
            raise SettingError(
                Problem("noise", "the prompts have no noise whose tails could change; give the probe some noise")
            )
        return places("heaviness", (*self.heaviness, self._own(mixture)) if self.heaviness else ())

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        if strength == self._own(mixture):
            return mixture
        return mixture.changed(noise_degrees=1 / strength if strength > 0 else None)

    def keeps_functions(self, strength: float, mixture: Mixture) -> bool:
        return True

    def _own(self, mixture: Mixture) -> float:
        degrees = mixture.noise_degrees
        return 0.0 if degrees is None else round(1 / float(np.asarray(degrees)), 10)
