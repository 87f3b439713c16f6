"""Probes that combine a function of each of two families."""

import abc

from offprior.errors import Problem, SettingError
from offprior.families.family import Family
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes.probe import Probe, count_parameter, evenly_spaced, numbers_of


class TwoFamilies(Probe):
    """A path of functions made of f and g from two families: the probe's own, or the mixture's first two."""

    start: Scalar = parameter(0.0, "the first weight a", minimum=0, maximum=1)
    stop: Scalar = parameter(1.0, "the last weight a", minimum=0, maximum=1)
    count: int = count_parameter(11, "how many weights", minimum=1)
    first: Family | None = parameter(None, "the family of f; the mixture's first unless given")
    second: Family | None = parameter(None, "the family of g; the mixture's second unless given")

    @abc.abstractmethod
    def together(self, strength: float, first: Family, second: Family) -> Family:
        """Returns the family of the functions at `strength`."""

    @abc.abstractmethod
    def ends(self, first: Family, second: Family) -> dict[float, Family]:
        """Returns the places at which the functions are those of one family, with that family."""

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        places = evenly_spaced(float(self.start), float(self.stop), self.count)
        self.together(places[-1], *self.families(mixture))
        return places

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        return mixture.changed(families=[self.together(strength, *self.families(mixture))])

    def made_of(self, strength: float, mixture: Mixture) -> tuple[int, ...]:
        """Returns an end's family, or the combination if the mixture has it, or both families if it has those."""
        first, second = self.families(mixture)
        at = self.ends(first, second)
        alone = numbers_of(mixture, at[strength] if strength in at else self.together(strength, first, second))
        return alone or numbers_of(mixture, first, second) or super().made_of(strength, mixture)

    def departures(self) -> list[str]:
        given = self.first is not None or self.second is not None
        return [*(["own families"] if given else []), *super().departures()]

    def families(self, mixture: Mixture) -> tuple[Family, Family]:
        """Returns the families of f and of g.

        Raises:
            SettingError: the mixture has one family, and the probe none of its own.
        """
        own = [self.first, self.second]
        found = [known if given is None else given for given, known in zip(own, mixture.functions, strict=False)]
        if self.first is not None and self.second is not None:
            return self.first, self.second
        if len(found) < 2:
            message = "the probe combines two families, but the mixture has one; give first and second"
            raise SettingError([Problem("name", message)])
        return found[0], found[1]
