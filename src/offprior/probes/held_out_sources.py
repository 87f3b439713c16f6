"""Sources that are drawn anew, beside those of a pretraining pool."""

from typing import ClassVar

import numpy as np

from offprior.errors import Problem, SettingError
from offprior.families.markov_chain import MarkovChain
from offprior.families.process_pool import ProcessPool
from offprior.families.token_process import TokenProcess
from offprior.mixture import Mixture
from offprior.parameter import parameter
from offprior.probes._token_probe import TokenProbe
from offprior.probes.probe import count_parameter, evenly_spaced, of_kind


class HeldOutSources(TokenProbe):
    """Prompts of which a share p is of sources that the mixture's pools lack, drawn from the same family.

    This is the control for other probes: the sources are new, the family is not (after Park et al. 2024,
    arXiv 2412.01003, section 2). Unless `size` is given, all sources of the family are drawn; then C is the family's
    own posterior, if it has one.
    """

    coordinate: ClassVar[str] = "p"
    axis: ClassVar[str] = "share p of the prompts with a new source"

    count: int = count_parameter(2, "how many shares, from 0 to 1", minimum=2)
    size: int = parameter(0, "sources in each held-out pool; 0 means all sources of the family", minimum=0)

    @classmethod
    def example_mixture(cls) -> Mixture:
        """A pool of Markov chains on three tokens."""
        return Mixture([ProcessPool(family=MarkovChain(vocabulary=3), size=4)])

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        if not of_kind(ProcessPool, mixture):
            raise SettingError(Problem("name", "the mixture has no pool of sources; there is nothing to hold out"))
        return evenly_spaced(0.0, 1.0, self.count)

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        if strength == 0.0:
            return mixture
        new = [self._new(family) for family in mixture.processes]
        if strength == 1.0:
            return mixture.changed(families=new, weights=mixture.weights)
        own = np.asarray(mixture.weights, float)
        weights = np.concatenate([(1 - strength) * own, strength * own])
        return mixture.changed(families=[*mixture.families, *new], weights=weights)

    def departures(self) -> list[str]:
        return [*([f"pools of {self.size}"] if self.size else []), *super().departures()]

    def _new(self, family: TokenProcess) -> TokenProcess:
        if not isinstance(family, ProcessPool):
            return family
        if not self.size:
            return family.family
        return ProcessPool(family=family.family, size=self.size, seed=family.seed + 1)
