"""What a probe has to offer: a path of prompt distributions, and where on it the pretraining prior lies."""

import abc
from collections.abc import Sequence
from typing import ClassVar

import equinox as eqx

from offprior import catalog
from offprior.laws import Evenly, Law, concrete, law
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter


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

    @abc.abstractmethod
    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        """The places on the path to test at.

        Raises:
            SettingError: the probe does not apply to this mixture.
        """

    @abc.abstractmethod
    def path(self, strength: float, mixture: Mixture) -> Mixture:
        """The prompt distribution at a place, with the mixture's own inputs and noise."""

    @abc.abstractmethod
    def inside(self, strength: float, mixture: Mixture) -> bool:
        """Does the pretraining prior hold the functions at this place?"""

    def distribution(self, strength: float, mixture: Mixture) -> Mixture:
        """The prompt distribution at a place, with the probe's own inputs and noise where it has any."""
        found = self.path(strength, mixture)
        return Mixture(
            families=found.families,
            weights=found.weights,
            inputs=found.inputs if self.inputs is None else self.inputs,
            noise=found.noise if self.noise is None else self.noise,
            noise_floor=found.noise_floor,
        )

    def lengths(self, lengths: Sequence[int]) -> tuple[int, ...]:
        """The context lengths to test at."""
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


INPUTS = "law of x in the test prompts; the mixture's own unless given"
NOISE = "noise on y in the test prompts; the mixture's own unless given"


def inputs_parameter():
    """The parameter `inputs` that every probe has."""
    return parameter(None, INPUTS, converter=law_or_none)


def noise_parameter():
    """The parameter `noise` that every probe has."""
    return parameter(None, NOISE, minimum=0, static=False)
