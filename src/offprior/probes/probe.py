"""The base class of probes: a path of prompt distributions that says where on it the pretraining prior lies."""

import abc
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import equinox as eqx
import numpy as np

from offprior import catalog
from offprior.errors import Problem, SettingError
from offprior.families.family import TaskFamily
from offprior.laws.law import Law, law, number_in_words
from offprior.mixture import Mixture
from offprior.parameter import CLOSE, Part, Scalar, alike, parameter
from offprior.recipe.study import MOST_PLACES

FamilyKind = TypeVar("FamilyKind", bound=TaskFamily)


def law_or_none(value: object) -> Law | None:
    """Returns the law that a user's value stands for; None stays None."""
    return None if value is None else law(value)


class Probe(Part):
    """A path of prompt distributions with a named coordinate, which leaves the mixture."""

    coordinate: ClassVar[str] = ""
    """The symbol of the coordinate in tables."""
    axis: ClassVar[str] = ""
    """The coordinate in words, as the axis label of figures."""
    along_context: ClassVar[bool] = False
    """Whether the coordinate is the context length itself."""

    applies_to: ClassVar[tuple[str, ...]] = ("functions",)
    """Which mixtures it can change: those of functions, of tokens, or both."""
    combines: ClassVar[bool] = False
    """Whether the functions are combinations of the mixture's families; if so, C knows them in prediction panels."""

    if not TYPE_CHECKING:  # a type checker would take them for the first two parameters of every probe
        inputs: eqx.AbstractVar[Law | None]
        noise: eqx.AbstractVar[Scalar | None]
    else:
        inputs: ClassVar[Any]
        noise: ClassVar[Any]

    @classmethod
    def example_mixture(cls) -> Mixture:
        """A mixture that the probe applies to: the default mixture, unless the probe needs another."""
        return Mixture()

    def check_applies(self, mixture: Mixture) -> None:
        """Checks that the probe can change a mixture's kind of prompts.

        Raises:
            SettingError: it is for functions and the mixture has tokens, or the reverse; or it has inputs or noise of
                its own, which tokens have not.
        """
        kind, other = ("tokens", "functions") if mixture.vocabulary else ("functions", "tokens")
        if kind not in self.applies_to:
            message = f"the probe is for {other}, but the mixture's families have {kind}"
            raise SettingError(Problem("name", message, about=("mixture.families",)))
        own = {"inputs": self.inputs, "noise": self.noise} if mixture.vocabulary else {}
        given = [name for name, value in own.items() if value is not None]
        if given:
            raise SettingError([Problem(name, "sequences of tokens have none; leave it out") for name in given])

    @abc.abstractmethod
    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        """Returns the coordinates at which to test.

        Raises:
            SettingError: the probe does not apply to this mixture.
        """

    @abc.abstractmethod
    def path(self, strength: float, mixture: Mixture) -> Mixture:
        """Returns the prompt distribution at `strength`, starting from the mixture's own inputs and noise."""

    def inside(self, strength: float, mixture: Mixture) -> bool:
        """Whether the pretraining prior covers the functions at `strength` and the conditions that the path changes.

        The prior covers the functions if every family with a positive weight at `strength` is included in one of the
        mixture's families (`Family.includes`). The conditions are the input law, the noise and the shares of the
        mixture's own families: the path has to leave them as they are at its start. The probe's own inputs and noise do
        not count, because they are the same along the whole path and appear in the probe's label.
        """
        begin = self.conditions(mixture)
        here = self.path(strength, begin)
        return self.holds_functions(strength, mixture) and _same_conditions(here, begin)

    def holds_functions(self, strength: float, mixture: Mixture) -> bool:
        """Whether the pretraining prior covers the functions at `strength`, whatever their inputs and noise."""
        here = self.distribution(strength, mixture)
        return all(holds(mixture, family) for family, share in _shares(here) if share > 0)

    def made_of(self, strength: float, mixture: Mixture) -> tuple[int, ...]:
        """Returns the indices of the mixture's families that the functions at `strength` are made of.

        By default these are all families with a positive share. A model that is under-trained on one of them is not
        judged at this place.
        """
        return tuple(np.flatnonzero(np.asarray(mixture.weights, float) > 0).tolist())

    def keeps_functions(self, strength: float, mixture: Mixture) -> bool:
        """Whether the functions at `strength` come unchanged from the mixture's families, for any inputs and noise.

        If so, B is the optimum there, and M1 is measured on the prompts of that place.
        """
        return False

    def gated_inputs(self, strength: float, mixture: Mixture) -> Law:
        """Returns the law of inputs under which M1 is measured for the place at `strength`: by default its own."""
        return self.distribution(strength, mixture).inputs

    def frequencies(self, mixture: Mixture) -> tuple[float, float] | None:
        """The pretrained range of frequencies, for a probe that leaves it; its ends are tested for aliases."""
        return None

    def prior_range(self, mixture: Mixture) -> tuple[float, float] | None:
        """The range of the coordinate that the prior covers, for a probe that knows its ends; figures shade it."""
        return self.frequencies(mixture)

    def conditions(self, mixture: Mixture) -> Mixture:
        """Returns the mixture with the probe's own inputs and noise, if set: the start of the path."""
        own = {"inputs": self.inputs, "noise": self.noise}
        return mixture.changed(**{name: value for name, value in own.items() if value is not None})

    def distribution(self, strength: float, mixture: Mixture) -> Mixture:
        """Returns the prompt distribution at `strength`, with the probe's own inputs and noise, if set."""
        return self.path(strength, self.conditions(mixture))

    def lengths(self, lengths: Sequence[int], mixture: Mixture) -> tuple[int, ...]:
        """Returns those of the requested context lengths at which to test."""
        return tuple(lengths)

    @property
    def label(self) -> str:
        """The name in tables and figures: the catalogue name and every departure from the default probe."""
        return ", ".join([catalog.name_of(type(self)), *self.departures()])

    def departures(self) -> list[str]:
        """Lists in words how this probe departs from the default one."""
        found = []
        if self.inputs is not None:
            found.append(self.inputs.words)
        if self.noise is not None:
            level = number_in_words(self.noise)
            found.append("noise-free" if level == "0" else f"noise {level}")
        return found


def evenly_spaced(start: float, stop: float, count: int) -> tuple[float, ...]:
    """Returns `count` places from `start` to `stop`, both included, without noise such as 0.30000000000000004."""
    if count == 1:
        return (start,)
    return tuple(round(start + (stop - start) * place / (count - 1), 10) for place in range(count))


def places(name: str, values: Sequence[float]) -> tuple[float, ...]:
    """Returns the places that a parameter lists, sorted and without repeats.

    Raises:
        SettingError: there are none, or more than `MOST_PLACES`.
    """
    if not values:
        raise SettingError(Problem(name, "it must not be empty; write one or more numbers"))
    if len(values) > MOST_PLACES:
        raise SettingError(Problem(name, f"expected at most {MOST_PLACES} places, got {len(values)}"))
    return tuple(sorted({float(value) for value in values}))


def holds(mixture: Mixture, family: TaskFamily) -> bool:
    """Whether one of the mixture's families with a positive share includes `family`."""
    return any(share > 0 and known.includes(family) for known, share in _shares(mixture))


def _shares(mixture: Mixture) -> list[tuple[TaskFamily, float]]:
    return list(zip(mixture.families, np.asarray(mixture.weights, float).tolist(), strict=True))


def _same_conditions(here: Mixture, begin: Mixture) -> bool:
    """Whether the inputs, the noise and, for the same families, the shares equal those at the start of the path."""
    names = ("inputs", "noise", "noise_degrees")
    if not all(alike(getattr(here, name), getattr(begin, name)) for name in names):
        return False
    families = alike(here.families, begin.families)
    return not families or bool(np.allclose(np.asarray(here.weights), np.asarray(begin.weights), rtol=0, atol=CLOSE))


def numbers_of(mixture: Mixture, *families: TaskFamily) -> tuple[int, ...]:
    """Returns the indices of the mixture's families that have a positive share and are among `families`."""
    weights = np.asarray(mixture.weights, float)
    return tuple(
        number
        for number, known in enumerate(mixture.families)
        if weights[number] > 0 and any(bool(eqx.tree_equal(known, family)) for family in families)
    )


def first_of(kind: type[FamilyKind], mixture: Mixture, what: str) -> FamilyKind:
    """Returns the mixture's first family of class `kind`, preferring families with a positive share.

    Raises:
        SettingError: it has none; `what` says what such a family has that would change.
    """
    found = [*of_kind(kind, mixture), *(family for family in mixture.families if isinstance(family, kind))]
    if found:
        return found[0]
    raise SettingError(Problem("name", f"the mixture has no family of {what} could change"))


def of_kind(kind: type[FamilyKind], mixture: Mixture) -> list[FamilyKind]:
    """Returns the families of class `kind` that are pretrained on, that is, have a positive share."""
    return [family for family, share in _shares(mixture) if share > 0 and isinstance(family, kind)]


INPUTS = "law of x in the test prompts; the mixture's own unless given"
NOISE = "noise on y in the test prompts; the mixture's own unless given"


def count_parameter(default: int, doc: str, *, minimum: int):
    """Declares the parameter `count` of a probe whose places are evenly spaced."""
    return parameter(default, doc, minimum=minimum, maximum=MOST_PLACES)


def inputs_parameter():
    """Declares the parameter `inputs` that every probe has."""
    return parameter(None, INPUTS, converter=law_or_none)


def noise_parameter():
    """Declares the parameter `noise` that every probe has."""
    return parameter(None, NOISE, minimum=0, static=False)
