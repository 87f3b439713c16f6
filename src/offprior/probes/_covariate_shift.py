"""Probes that change the inputs of the prompts and leave the functions as they are."""

import abc

from offprior.errors import Problem, SettingError
from offprior.laws.law import Law
from offprior.mixture import Mixture
from offprior.probes.probe import Probe


class CovariateShift(Probe):
    """A path along which the law of the inputs changes, away from the plain place, where it is the mixture's own.

    The prior covers the functions everywhere, so B is the optimum, M3 is 0 and the verdict is `no prior gap`. The
    informative number is `bayes_distance`: how far a model is from B at the place itself.
    """

    @abc.abstractmethod
    def law(self, strength: float, mixture: Mixture) -> Law:
        """Returns the law of the inputs at a place other than the plain one, made from the mixture's law."""

    def plain_place(self, mixture: Mixture) -> float:
        """Returns the place on the path where the inputs are the mixture's own."""
        return 0.0

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        if strength == self.plain_place(mixture):
            return mixture
        return mixture.changed(inputs=self.law(strength, mixture))

    def keeps_functions(self, strength: float, mixture: Mixture) -> bool:
        return True


def check_dimension(mixture: Mixture, what: str) -> None:
    """Checks that inputs have two coordinates or more.

    Args:
        mixture: the mixture to test on.
        what: what inputs of one coordinate do not have, for the message.

    Raises:
        SettingError: inputs have one coordinate.
    """
    if mixture.dimension < 2:
        raise SettingError(
            Problem("name", f"inputs of one number have no {what}; the probe needs two or more dimensions")
        )


def at_most_all(found: tuple[float, ...], mixture: Mixture, key: str, what: str) -> tuple[float, ...]:
    """Returns places that count coordinates, in ascending order; none may exceed the input's dimension.

    Raises:
        SettingError: the last place does.
    """
    if found[-1] > mixture.dimension:
        message = f"got {found[-1]:g} {what}, but an input has {mixture.dimension}; choose at most as many"
        raise SettingError(Problem(key, message))
    return found
