"""Probes that combine a token process of each of two families."""

import abc
from typing import ClassVar

from offprior.errors import Problem, SettingError
from offprior.families.process_pool import ProcessPool
from offprior.families.sticky_chain import StickyChain
from offprior.families.token_process import TokenProcess
from offprior.families.unigram_source import UnigramSource
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes._token_probe import TokenProbe
from offprior.probes.probe import count_parameter, evenly_spaced, numbers_of


class TwoTokenProcesses(TokenProbe):
    """A path of sources made of one of each of two families: the probe's own, or the mixture's first two."""

    coordinate: ClassVar[str] = "a"
    combines: ClassVar[bool] = True

    start: Scalar = parameter(0.0, "the first weight a", minimum=0, maximum=1)
    stop: Scalar = parameter(1.0, "the last weight a", minimum=0, maximum=1)
    count: int = count_parameter(11, "how many weights", minimum=1)
    first: TokenProcess | None = parameter(None, "the family of T₁; the mixture's first unless given")
    second: TokenProcess | None = parameter(None, "the family of T₂; the mixture's second unless given")

    @classmethod
    def example_mixture(cls) -> Mixture:
        """Sticky chains and a pool of unigram sources, small enough to be enumerated in pairs."""
        sticky = StickyChain(vocabulary=4, shifts=2)
        return Mixture([sticky, ProcessPool(family=UnigramSource(vocabulary=4), size=6)])

    @abc.abstractmethod
    def together(self, strength: float, first: TokenProcess, second: TokenProcess) -> TokenProcess:
        """Returns the family of the sources at `strength`, for which 1 is `first` and 0 `second`."""

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        places = evenly_spaced(float(self.start), float(self.stop), self.count)
        self.together(places[-1], *self.sides(mixture))
        return places

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        first, second = self.sides(mixture)
        alone = {0.0: second, 1.0: first}.get(strength)
        return mixture.changed(families=[alone or self.together(strength, first, second)])

    def made_of(self, strength: float, mixture: Mixture) -> tuple[int, ...]:
        """Returns an end's family, or both families if the mixture has them."""
        first, second = self.sides(mixture)
        here = {0.0: [second], 1.0: [first]}.get(strength, [first, second])
        return numbers_of(mixture, *here) or super().made_of(strength, mixture)

    def departures(self) -> list[str]:
        given = self.first is not None or self.second is not None
        return [*(["own families"] if given else []), *super().departures()]

    def sides(self, mixture: Mixture) -> tuple[TokenProcess, TokenProcess]:
        """Returns the families of T₁ and of T₂.

        Raises:
            SettingError: the mixture's families are functions, or it has only one and the probe none of its own.
        """
        known = iter(mixture.processes)
        own = next(known), next(known, None)
        first = own[0] if self.first is None else self.first
        second = own[1] if self.second is None else self.second
        if second is None:
            message = "the probe combines two families, but the mixture has one; give first and second"
            raise SettingError(Problem("name", message))
        return first, second
