"""Combinations of pairs of families that pretraining left out."""

import itertools
from typing import ClassVar

import equinox as eqx

from offprior.errors import Problem, SettingError
from offprior.families.combination import Combination
from offprior.families.family import Family
from offprior.families.linear import Linear
from offprior.families.polynomial import Polynomial
from offprior.families.sinusoid import Sinusoid
from offprior.laws.law import LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar
from offprior.probes.probe import Probe, inputs_parameter, noise_parameter, numbers_of, of_kind


class HeldOutPairs(Probe):
    """Combinations of every pair of families, where pretraining held those of some pairs (after zhang-2025; ours).

    The coordinate numbers the pairs of the mixture's plain families from 1: first and second, first and third, …,
    second and third. Pairs whose combination is in the mixture are inside the prior. The others are combined with the
    weights of the mixture's first combination.
    """

    coordinate: ClassVar[str] = "pair"
    axis: ClassVar[str] = "number of the pair of families"

    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    @classmethod
    def example_mixture(cls) -> Mixture:
        """A mixture of three families and sums of the first two."""
        families = [Linear(), Sinusoid(), Polynomial(degree=2)]
        return Mixture([*families, Combination(families[0], families[1])])  # pyright: ignore[reportCallIssue]

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        pairs = self._pairs(mixture)
        if not self._held(mixture):
            raise SettingError(Problem("name", "the mixture has no combination of two families; use the convex probe"))
        drawn = of_kind(Combination, mixture)
        if all(self._combination(pair, drawn) is not None for pair in pairs):
            raise SettingError(Problem("name", f"the mixture has all {len(pairs)} pairs of its families; none is left"))
        return tuple(float(number) for number in range(1, len(pairs) + 1))

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        pair = self._pairs(mixture)[round(strength) - 1]
        family = self._combination(pair, self._held(mixture))
        if family is None:
            known = self._held(mixture)[0]
            family = Combination(  # pyright: ignore[reportCallIssue]
                first=pair[0], second=pair[1], weight=known.weight, scaled=known.scaled
            )
        return mixture.changed(families=[family])

    def made_of(self, strength: float, mixture: Mixture) -> tuple[int, ...]:
        pair = self._pairs(mixture)[round(strength) - 1]
        held = self._combination(pair, self._held(mixture))
        alone = () if held is None else numbers_of(mixture, held)
        return alone or numbers_of(mixture, *pair) or super().made_of(strength, mixture)

    def _pairs(self, mixture: Mixture) -> list[tuple[Family, Family]]:
        plain = [family for family in mixture.functions if not isinstance(family, Combination)]
        return list(itertools.combinations(plain, 2))

    def _held(self, mixture: Mixture) -> list[Combination]:
        """Returns the mixture's combinations, those with a positive share first."""
        drawn = of_kind(Combination, mixture)
        return [*drawn, *(family for family in mixture.families if isinstance(family, Combination))]

    def _combination(self, pair: tuple[Family, Family], held: list[Combination]) -> Combination | None:
        """Returns the first combination of a pair, in either order."""
        for known in held:
            sides = (known.first, known.second)
            if any(bool(eqx.tree_equal(sides, order)) for order in (pair, pair[::-1])):
                return known
        return None
