"""Functions of one family of the values of another's."""

from typing import ClassVar

from offprior.families.combination import Combination
from offprior.families.composition import Composition as Compositions
from offprior.families.family import Family
from offprior.families.grid import Grid
from offprior.families.sinusoid import Sinusoid
from offprior.laws import Law
from offprior.mixture import Mixture
from offprior.parameter import Scalar
from offprior.probes._two_families import TwoFamilies
from offprior.probes.probe import count_parameter, inputs_parameter, noise_parameter


class Composition(TwoFamilies):
    """Compositions g(f(x)) of a function of each of two families, blended in: a·g(f(x)) + (1−a)·h (zhang-2025).

    The inner function f is of the first family, the outer function g, of one number, of the second: waves along a line,
    where a line of a wave would be a wave again. h is another one of the first family; a = 1 is the composition alone.
    """

    coordinate: ClassVar[str] = "a"
    axis: ClassVar[str] = "weight a of the composition"

    count: int = count_parameter(5, "how many weights", minimum=1)
    inputs: Law | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    @classmethod
    def example_mixture(cls) -> Mixture:
        """The inner functions finitely many, so that there is a C."""
        return Mixture([Grid(slope=(-2.0, 2.0, 5.0), offset=(0.0,)), Sinusoid()])

    def together(self, strength: float, first: Family, second: Family) -> Family:
        composition = Compositions(outer=second, inner=first)  # pyright: ignore[reportCallIssue]
        return Combination(first=composition, second=first, weight=strength)  # pyright: ignore[reportCallIssue]

    def ends(self, first: Family, second: Family) -> dict[float, Family]:
        return {0.0: first}
