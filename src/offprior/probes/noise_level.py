"""Contexts with more and less noise than in pretraining."""

from typing import ClassVar

import numpy as np

from offprior.laws.law import LawLike
from offprior.mixture import Mixture
from offprior.parameter import parameter
from offprior.probes.probe import Probe, inputs_parameter, places

FACTORS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
WITHOUT = (0.0, 0.01, 0.1, 1.0)
"""Noise levels for a mixture without noise, which cannot be multiplied."""


class NoiseLevel(Probe):
    """Contexts whose y have noise of standard deviation σ (the noisy prompts of arXiv 2208.01066, section 4; σ ours).

    B keeps the pretraining noise, which is part of its prior. The functions are the mixture's own, hence M3 is 0.
    """

    coordinate: ClassVar[str] = "σ"
    axis: ClassVar[str] = "standard deviation σ of the noise"

    levels: tuple[float, ...] | None = parameter(
        None, "the levels σ; from none to ten times that of pretraining unless given", minimum=0, static=True
    )
    inputs: LawLike | None = inputs_parameter()

    @property
    def noise(self) -> None:
        """Always None: the path itself sets the noise."""
        return None

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        if self.levels is not None:
            return places("levels", self.levels)
        own = self._own(mixture)
        return tuple(_rounded(factor * own) for factor in FACTORS) if own > 0 else WITHOUT

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        return mixture if _rounded(strength) == self._own(mixture) else mixture.changed(noise=strength)

    def keeps_functions(self, strength: float, mixture: Mixture) -> bool:
        return True

    def _own(self, mixture: Mixture) -> float:
        return _rounded(float(np.asarray(mixture.noise)))


def _rounded(level: float) -> float:
    """Rounds to the digits that single precision holds: .1 and not .10000000149."""
    return float(f"{level:.7g}")
