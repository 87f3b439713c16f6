"""What a probe has to offer: a path of prompt distributions, and where on it the pretraining prior lies."""

import abc
from collections.abc import Sequence
from typing import ClassVar, TypeVar

import equinox as eqx
import numpy as np

from offprior import catalog
from offprior.errors import Problem, SettingError
from offprior.families.family import Family
from offprior.laws import Evenly, Law, concrete, law
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
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

    @abc.abstractmethod
    def inside(self, strength: float, mixture: Mixture) -> bool:
        """Does the pretraining prior hold the functions at this place, and the conditions that the path changes?"""

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
        if isinstance(self.inputs, Evenly):
            found.append("even contexts")
        elif self.inputs is not None:
            found.append("other inputs")
        noise = None if self.noise is None else concrete(self.noise)
        if noise is not None:
            found.append("noise-free" if noise == 0 else f"noise {noise:g}")
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
    """Is it one of the mixture's families, with a share above 0?"""
    shares = zip(mixture.families, np.asarray(mixture.weights, float), strict=True)
    return any(share > 0 and bool(eqx.tree_equal(family, known)) for known, share in shares)


def first_of(kind: type[FamilyKind], mixture: Mixture, what: str) -> FamilyKind:
    """The mixture's first family of a kind.

    Raises:
        SettingError: it has none; `what` says what such a family has that would change.
    """
    for family in mixture.families:
        if isinstance(family, kind):
            return family
    raise SettingError(Problem("name", f"the mixture has no family of {what} could change"))


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
