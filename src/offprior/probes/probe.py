"""What a probe has to offer: a path of prompt distributions, and where on it the pretraining prior lies."""

import abc
from collections.abc import Sequence
from typing import ClassVar, TypeVar

import equinox as eqx
import numpy as np

from offprior import catalog
from offprior.errors import Problem, SettingError
from offprior.families.family import Family
from offprior.laws import Law, law, number_in_words
from offprior.mixture import Mixture
from offprior.parameter import CLOSE, Scalar, alike, parameter
from offprior.recipe_study import MOST_PLACES

FamilyKind = TypeVar("FamilyKind", bound=Family)


def law_or_none(value: object) -> Law | None:
    """A law from what a user writes; None stays None."""
    return None if value is None else law(value)


class Probe(eqx.Module):
    """A path of prompt distributions with a named coordinate, which leaves the mixture."""

    coordinate: ClassVar[str] = ""
    """The symbol of the coordinate, as tables show it."""
    axis: ClassVar[str] = ""
    """The coordinate in words, as figures show it."""
    along_context: ClassVar[bool] = False
    """Is the coordinate the context's length itself?"""

    inputs: eqx.AbstractVar[Law | None]
    noise: eqx.AbstractVar[Scalar | None]

    @classmethod
    def example_mixture(cls) -> Mixture:
        """A mixture that the probe applies to: the plain one unless it needs another."""
        return Mixture()

    @abc.abstractmethod
    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        """The places on the path to test at.

        Raises:
            SettingError: the probe does not apply to this mixture.
        """

    @abc.abstractmethod
    def path(self, strength: float, mixture: Mixture) -> Mixture:
        """The prompt distribution at a place, from the mixture's own inputs and noise."""

    def inside(self, strength: float, mixture: Mixture) -> bool:
        """Does the pretraining prior hold the functions at this place, and the conditions that the path changes?

        The functions it holds where each family of the place, of a weight above 0, is among those of one of the
        mixture's (`Family.includes`). The conditions are the law of the inputs, the noise and, of the mixture's own
        families, their shares: the path has to leave them as they are where it sets out. The probe's own inputs and
        noise are no matter: they are the same at all places, and its label says them.
        """
        begin = self.conditions(mixture)
        here = self.path(strength, begin)
        return self.holds_functions(strength, mixture) and _same_conditions(here, begin)

    def holds_functions(self, strength: float, mixture: Mixture) -> bool:
        """Does the pretraining prior hold the functions at this place, whatever their inputs and noise?"""
        here = self.distribution(strength, mixture)
        return all(holds(mixture, family) for family, share in _shares(here) if share > 0)

    def made_of(self, strength: float, mixture: Mixture) -> tuple[int, ...]:
        """Numbers of the mixture's families that the functions at a place are made of: all that have a share.

        A model that is under-trained on one of them is not judged there.
        """
        return tuple(np.flatnonzero(np.asarray(mixture.weights, float) > 0).tolist())

    def keeps_functions(self, strength: float, mixture: Mixture) -> bool:
        """Are the functions at a place drawn from the mixture's families as they are, whatever the inputs and noise?

        There B is the optimum, and M1 is measured in the place's own prompts.
        """
        return False

    def frequencies(self, mixture: Mixture) -> tuple[float, float] | None:
        """The range of frequencies pretrained on, for a probe that leaves it: aliases are looked for at its ends."""
        return None

    def conditions(self, mixture: Mixture) -> Mixture:
        """The mixture with the probe's own inputs and noise where it has any: what the path sets out from."""
        own = {"inputs": self.inputs, "noise": self.noise}
        return mixture.changed(**{name: value for name, value in own.items() if value is not None})

    def distribution(self, strength: float, mixture: Mixture) -> Mixture:
        """The prompt distribution at a place, from the probe's own inputs and noise where it has any."""
        return self.path(strength, self.conditions(mixture))

    def lengths(self, lengths: Sequence[int], mixture: Mixture) -> tuple[int, ...]:
        """The context lengths to test at, of those asked for."""
        return tuple(lengths)

    @property
    def label(self) -> str:
        """Its name in tables and figures; what departs from the plain probe is added."""
        return ", ".join([catalog.name_of(type(self)), *self.departures()])

    def departures(self) -> list[str]:
        """What departs from the plain probe, in words."""
        found = []
        if self.inputs is not None:
            found.append(self.inputs.words)
        if self.noise is not None:
            level = number_in_words(self.noise)
            found.append("noise-free" if level == "0" else f"noise {level}")
        return found


def evenly_spaced(start: float, stop: float, count: int) -> tuple[float, ...]:
    """`count` places from `start` to `stop`, both included, free of rounding noise such as 0.30000000000000004."""
    if count == 1:
        return (start,)
    return tuple(round(start + (stop - start) * place / (count - 1), 10) for place in range(count))


def places(name: str, values: Sequence[float]) -> tuple[float, ...]:
    """The places that a parameter lists, in order, each once.

    Raises:
        SettingError: there are none, or more than `MOST_PLACES`.
    """
    if not values:
        raise SettingError(Problem(name, "nothing was given; write one number or more"))
    if len(values) > MOST_PLACES:
        raise SettingError(Problem(name, f"{len(values)} places are too many; list at most {MOST_PLACES}"))
    return tuple(sorted({float(value) for value in values}))


def holds(mixture: Mixture, family: Family) -> bool:
    """Are its functions among those of one of the mixture's families, with a share above 0?"""
    return any(share > 0 and known.includes(family) for known, share in _shares(mixture))


def _shares(mixture: Mixture) -> list[tuple[Family, float]]:
    return list(zip(mixture.families, np.asarray(mixture.weights, float).tolist(), strict=True))


def _same_conditions(here: Mixture, begin: Mixture) -> bool:
    """Are the inputs, the noise and, of the same families, the shares those of where a path sets out?"""
    names = ("inputs", "noise", "noise_degrees")
    if not all(alike(getattr(here, name), getattr(begin, name)) for name in names):
        return False
    families = alike(here.families, begin.families)
    return not families or bool(np.allclose(np.asarray(here.weights), np.asarray(begin.weights), rtol=0, atol=CLOSE))


def numbers_of(mixture: Mixture, *families: Family) -> tuple[int, ...]:
    """The numbers of the mixture's families with a share above 0 that are among `families`."""
    weights = np.asarray(mixture.weights, float)
    return tuple(
        number
        for number, known in enumerate(mixture.families)
        if weights[number] > 0 and any(bool(eqx.tree_equal(known, family)) for family in families)
    )


def first_of(kind: type[FamilyKind], mixture: Mixture, what: str) -> FamilyKind:
    """The mixture's first family of a kind: one that is pretrained on, of a share above 0, unless there is none.

    Raises:
        SettingError: it has none; `what` says what such a family has that would change.
    """
    found = [*of_kind(kind, mixture), *(family for family in mixture.families if isinstance(family, kind))]
    if found:
        return found[0]
    raise SettingError(Problem("name", f"the mixture has no family of {what} could change"))


def of_kind(kind: type[FamilyKind], mixture: Mixture) -> list[FamilyKind]:
    """The families of a kind that are pretrained on: of a share above 0."""
    return [family for family, share in _shares(mixture) if share > 0 and isinstance(family, kind)]


INPUTS = "law of x in the test prompts; the mixture's own unless given"
NOISE = "noise on y in the test prompts; the mixture's own unless given"


def count_parameter(default: int, doc: str, *, minimum: int):
    """The parameter `count` of a probe whose places are evenly spaced."""
    return parameter(default, doc, minimum=minimum, maximum=MOST_PLACES)


def inputs_parameter():
    """The parameter `inputs` that every probe has."""
    return parameter(None, INPUTS, converter=law_or_none)


def noise_parameter():
    """The parameter `noise` that every probe has."""
    return parameter(None, NOISE, minimum=0, static=False)
