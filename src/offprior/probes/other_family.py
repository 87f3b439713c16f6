"""Tasks of a family that the mixture lacks."""

from typing import ClassVar

import numpy as np

from offprior.errors import Problem, SettingError
from offprior.families.family import TaskFamily
from offprior.families.heavy_tailed_linear import HeavyTailedLinear
from offprior.families.linear import Linear
from offprior.families.markov_chain import MarkovChain
from offprior.families.polynomial import Polynomial
from offprior.families.sinusoid import Sinusoid
from offprior.families.sparse_linear import SparseLinear
from offprior.families.sticky_chain import StickyChain
from offprior.families.unigram_source import UnigramSource
from offprior.laws.law import LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes.probe import Probe, count_parameter, evenly_spaced, inputs_parameter, noise_parameter, numbers_of


class OtherFamily(Probe):
    """Prompts of which a share p is of a family that the mixture lacks (the tests of wang-2024: one class on another).

    `family` names the other family. By default it is the first of these that the mixture lacks: polynomials, sinusoids
    and lines for inputs of one number; sparse, heavy-tailed and dense linear functions for inputs of several; Markov
    chains, independent tokens and sticky chains for tokens. A family
    that the mixture does have, as on the diagonal of a train-on-i × test-on-j matrix, is inside the prior.
    """

    coordinate: ClassVar[str] = "p"
    axis: ClassVar[str] = "share p of the prompts that come from another family"
    applies_to: ClassVar[tuple[str, ...]] = ("functions", "tokens")

    family: TaskFamily | None = parameter(None, "the other family; one that the mixture lacks unless given")
    count: int = count_parameter(3, "how many shares, from 0 to 1", minimum=2)
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        self.path(1.0, mixture)
        return evenly_spaced(0.0, 1.0, self.count)

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        if strength == 0.0:
            return mixture
        other = self._other(mixture)
        if strength == 1.0:
            return mixture.changed(families=[other])
        weights = np.append((1 - strength) * np.asarray(mixture.weights, float), strength)
        return mixture.changed(families=[*mixture.families, other], weights=weights)

    def made_of(self, strength: float, mixture: Mixture) -> tuple[int, ...]:
        """Returns the other family's index if the mixture has it and all prompts are of it, else as usual."""
        alone = numbers_of(mixture, self._other(mixture)) if strength == 1.0 else ()
        return alone or super().made_of(strength, mixture)

    def departures(self) -> list[str]:
        return [*([] if self.family is None else [self.family.label]), *super().departures()]

    def _other(self, mixture: Mixture) -> TaskFamily:
        d = mixture.dimension
        if self.family is not None:
            if self.family.dimension != d:
                message = f"it must be {d}, as for the mixture; got {self.family.dimension}"
                raise SettingError(Problem("family.dimension", message))
            return self.family
        if mixture.vocabulary:
            kinds = MarkovChain, UnigramSource, StickyChain
            tried: list[TaskFamily] = [kind(vocabulary=d) for kind in kinds]
        elif d == 1:
            tried = [Polynomial(), Sinusoid(), Linear()]
        else:
            tried = [SparseLinear(dimension=d, sparsity=1), HeavyTailedLinear(dimension=d), Linear(dimension=d)]
        known = {type(family) for family in mixture.families}
        for family in tried:
            if type(family) not in known:
                return family
        raise SettingError(
            Problem("family", "the mixture has every family that is tried by default; give the family to test with")
        )
