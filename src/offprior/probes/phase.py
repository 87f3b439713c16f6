"""Sinusoids of phases inside and outside the pretraining range."""

from typing import ClassVar

import equinox as eqx
import numpy as np

from offprior.errors import Problem, SettingError
from offprior.families.sinusoid import FULL_TURN, Sinusoid
from offprior.laws.fixed import Fixed
from offprior.laws.law import LawLike, concrete
from offprior.laws.uniform import Uniform
from offprior.mixture import Mixture
from offprior.parameter import Scalar
from offprior.probes.probe import (
    Probe,
    count_parameter,
    evenly_spaced,
    first_of,
    inputs_parameter,
    noise_parameter,
    numbers_of,
)


class Phase(Probe):
    """Sinusoids of one phase φ each, around the turn, inside and outside the pretraining range (settings ours).

    Raises:
        SettingError: the pretraining phases make a full turn, so that none is left, or their law has no ends.
    """

    coordinate: ClassVar[str] = "φ"
    axis: ClassVar[str] = "phase φ, radians"

    count: int = count_parameter(
        8, "how many phases, evenly spaced around the turn from the smallest in pretraining", minimum=1
    )
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    @classmethod
    def example_mixture(cls) -> Mixture:
        """A mixture of waves that start upwards."""
        return Mixture([Sinusoid(amplitude=Fixed(1.0), frequency=Fixed(2.0), phase=Uniform(0.0, np.pi))])

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        low, _ = self._range(mixture)
        return evenly_spaced(low, low + FULL_TURN * (self.count - 1) / self.count, self.count)

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        family = first_of(Sinusoid, mixture, "sinusoids whose phase")
        return mixture.changed(families=[eqx.tree_at(lambda wave: wave.phase, family, Fixed(strength))])

    def made_of(self, strength: float, mixture: Mixture) -> tuple[int, ...]:
        return numbers_of(mixture, first_of(Sinusoid, mixture, "sinusoids whose phase")) or super().made_of(
            strength, mixture
        )

    def _range(self, mixture: Mixture) -> tuple[float, float]:
        law = first_of(Sinusoid, mixture, "sinusoids whose phase").phase
        names = ("value", "value") if isinstance(law, Fixed) else ("low", "high")
        low, high = (concrete(getattr(law, name, None)) for name in names)
        if low is None or high is None:
            raise SettingError(Problem("name", "the law of the mixture's phase is unbounded; nothing lies beyond"))
        if high - low >= FULL_TURN * (1 - 1e-6):
            raise SettingError(Problem("name", "the mixture's phases cover a full turn; no other phase is left"))
        return low, high
