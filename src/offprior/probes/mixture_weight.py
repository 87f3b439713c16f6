"""Prompts of the mixture with other shares of its families."""

from typing import ClassVar

import numpy as np

from offprior.errors import Problem, SettingError
from offprior.families.combination import Combination
from offprior.laws.law import LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes.probe import Probe, count_parameter, evenly_spaced, inputs_parameter, noise_parameter


class MixtureWeight(Probe):
    """Prompts with another share w of the first family than in training, or unscaled sums (after arXiv 2311.00871).

    The prior lies at the mixture's own weight; train with another one by ``--set mixture.weights=[…]``. With `sums`, w
    is the share of prompts from the mixture as it was trained, and the rest are unscaled sums f + g of its first two
    families.
    """

    coordinate: ClassVar[str] = "w"
    axis: ClassVar[str] = "share w of the prompts"
    applies_to: ClassVar[tuple[str, ...]] = ("functions", "tokens")

    count: int = count_parameter(5, "how many shares, from 0 to 1", minimum=2)
    sums: bool = parameter(False, "whether the rest are unscaled sums f + g, not the other families")
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        if len(mixture.families) < 2:
            raise SettingError([Problem("name", "the probe changes the shares of families, but the mixture has one")])
        places = evenly_spaced(0.0, 1.0, self.count)
        return places if self.sums else tuple(sorted({*places, self._trained(mixture)}))

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        weights = np.asarray(mixture.weights, dtype=float)
        families = list(mixture.families)
        if self.sums:
            first, second = mixture.functions[:2]
            families.append(Combination(first=first, second=second, scaled=False))  # pyright: ignore[reportCallIssue]
            weights = np.append(strength * weights, 1 - strength)
        else:
            others = weights[1:].sum()
            rest = weights[1:] / others if others > 0 else np.full(len(families) - 1, 1 / (len(families) - 1))
            weights = np.concatenate([[strength], (1 - strength) * rest])
        return mixture.changed(families=families, weights=weights)

    def made_of(self, strength: float, mixture: Mixture) -> tuple[int, ...]:
        """Returns the families with a share; with sums, the first two at a share of 0, else all."""
        if not self.sums:
            weights = np.asarray(self.path(strength, mixture).weights, float)
            return tuple(np.flatnonzero(weights > 0).tolist())
        every = super().made_of(strength, mixture)
        return tuple(number for number in every if number < 2) if strength == 0 else every

    def keeps_functions(self, strength: float, mixture: Mixture) -> bool:
        return not self.sums

    def departures(self) -> list[str]:
        return [*(["with sums"] if self.sums else []), *super().departures()]

    def _trained(self, mixture: Mixture) -> float:
        return round(float(mixture.weights[0]), 6)
