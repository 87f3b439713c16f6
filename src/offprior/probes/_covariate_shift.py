"""Probes that change the inputs of the prompts and leave the functions as they are."""

import abc

from offprior.errors import Problem, SettingError
from offprior.laws import Law
from offprior.mixture import Mixture
from offprior.probes.probe import Probe


class CovariateShift(Probe):
    """A path along which the law of the inputs changes, away from the plain place, where it is the mixture's own.

    The prior holds the functions everywhere: B is the optimum, M3 is 0 and the verdict `no prior gap`; what tells
    is `bayes_distance`, how far a model is from B at the place itself.
    """

    @abc.abstractmethod
    def law(self, strength: float, mixture: Mixture) -> Law:
        """The law of the inputs at another place than the plain one, made from the mixture's."""

    def plain_place(self, mixture: Mixture) -> float:
        """Where on the path the inputs are the mixture's own."""
        return 0.0

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        if strength == self.plain_place(mixture):
            return mixture
        return mixture.changed(inputs=self.law(strength, mixture))

    def keeps_functions(self, strength: float, mixture: Mixture) -> bool:
        return True


def check_dimension(mixture: Mixture, what: str) -> None:
    """Do inputs have two coordinates or more?

    Raises:
        SettingError: they have one; `what` is what there is none of then.
    """
    if mixture.dimension < 2:
        raise SettingError(Problem("name", f"inputs of one number have no {what}; it needs two dimensions or more"))


def at_most_all(found: tuple[float, ...], mixture: Mixture, key: str, what: str) -> tuple[float, ...]:
    """Places that count coordinates, ascending, none above those of an input.

    Raises:
        SettingError: the last is.
    """
    if found[-1] > mixture.dimension:
        message = f"{found[-1]:g} {what} were given, an input has {mixture.dimension}; choose at most as many"
        raise SettingError(Problem(key, message))
    return found
