"""Sinusoids of a frequency below, inside and above the pretraining range."""

from typing import ClassVar

import equinox as eqx

from offprior.errors import Problem, SettingError
from offprior.families.sinusoid import Sinusoid
from offprior.laws.fixed import Fixed
from offprior.laws.law import LawLike, concrete
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes.probe import (
    Probe,
    count_parameter,
    evenly_spaced,
    first_of,
    inputs_parameter,
    noise_parameter,
    numbers_of,
    of_kind,
)


class Frequency(Probe):
    """Sinusoids of one angular frequency ω each, from below the pretraining range to above it (arXiv 2311.00871)."""

    coordinate: ClassVar[str] = "ω"
    axis: ClassVar[str] = "angular frequency ω"

    start: Scalar | None = parameter(
        None, "the first ω; half the lower end of the range unless given", minimum=0, static=False
    )
    stop: Scalar | None = parameter(
        None, "the last ω; twice the upper end of the range unless given", above=0, static=False
    )
    count: int = count_parameter(12, "how many frequencies", minimum=1)
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        if self.start is None or self.stop is None:
            low, high = self.pretraining_range(mixture)
        start = low / 2 if self.start is None else float(self.start)
        stop = 2 * high if self.stop is None else float(self.stop)
        if stop < start:
            message = f"the frequencies run from {start:g} to {stop:g}; write the lower one first"
            raise SettingError([Problem("start", message)])
        return evenly_spaced(start, stop, self.count)

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        family = self._sinusoid(mixture)
        return mixture.changed(families=[eqx.tree_at(lambda sinusoid: sinusoid.frequency, family, Fixed(strength))])

    def made_of(self, strength: float, mixture: Mixture) -> tuple[int, ...]:
        return numbers_of(mixture, self._sinusoid(mixture)) or super().made_of(strength, mixture)

    def frequencies(self, mixture: Mixture) -> tuple[float, float] | None:
        known = self._ends(mixture)
        return (min(known), max(known)) if known else None

    def pretraining_range(self, mixture: Mixture) -> tuple[float, float]:
        """Returns the smallest and the largest frequency of all pretrained sinusoids."""
        known = self._ends(mixture)
        if not known:
            raise SettingError(
                [Problem("start", "the law of the mixture's frequency is unbounded; give start and stop")]
            )
        return min(known), max(known)

    def _ends(self, mixture: Mixture) -> list[float]:
        """Lists the ends of all pretrained frequency ranges, or of the changed family's range if there are none."""
        laws = [wave.frequency for wave in of_kind(Sinusoid, mixture)] or [self._sinusoid(mixture).frequency]
        found = [getattr(law, name) for law in laws for name in ("low", "high", "value") if hasattr(law, name)]
        return [end for end in map(concrete, found) if end is not None]

    def _sinusoid(self, mixture: Mixture) -> Sinusoid:
        return first_of(Sinusoid, mixture, "sinusoids whose frequency")
