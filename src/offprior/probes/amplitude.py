"""Sinusoids of larger and smaller amplitudes than in pretraining."""

from typing import ClassVar

import equinox as eqx

from offprior.families.sinusoid import Sinusoid
from offprior.laws.law import LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes.probe import Probe, first_of, inputs_parameter, noise_parameter, numbers_of, places


class Amplitude(Probe):
    """Sinusoids s times as high as in pretraining, to go with the frequencies of arXiv 2311.00871 (settings ours)."""

    coordinate: ClassVar[str] = "s"
    axis: ClassVar[str] = "amplitude, times that pretrained on"

    factors: tuple[float, ...] = parameter((0.25, 0.5, 1.0, 2.0, 4.0), "the scales s", above=0, static=True)
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        first_of(Sinusoid, mixture, "sinusoids whose amplitude")
        return places("factors", self.factors)

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        family = first_of(Sinusoid, mixture, "sinusoids whose amplitude")
        if strength != 1.0:
            family = eqx.tree_at(lambda wave: wave.amplitude, family, family.amplitude.scaled(strength))
        return mixture.changed(families=[family])

    def made_of(self, strength: float, mixture: Mixture) -> tuple[int, ...]:
        return numbers_of(mixture, first_of(Sinusoid, mixture, "sinusoids whose amplitude")) or super().made_of(
            strength, mixture
        )
