"""Functions of one family applied to the values of another family's functions."""

from typing import ClassVar

from offprior.families.combination import Combination
from offprior.families.composition import Composition as Compositions
from offprior.families.family import Family
from offprior.families.grid import Grid
from offprior.families.sinusoid import Sinusoid
from offprior.laws.law import LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar
from offprior.probes._two_families import TwoFamilies
from offprior.probes.probe import count_parameter, inputs_parameter, noise_parameter


class Composition(TwoFamilies):
    """Compositions g(f(x)) of a function of each of two families, blended in: a·g(f(x)) + (1−a)·h (zhang-2025).

    The inner function f comes from the first family, the outer function g, of one number, from the second: waves along
    a line. (A line of a wave would only be another wave.) h is another function of the first family; a = 1 is the
    composition alone.
    """

    coordinate: ClassVar[str] = "a"
    axis: ClassVar[str] = "weight a of the composition"

    count: int = count_parameter(5, "how many weights", minimum=1)
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    @classmethod
    def example_mixture(cls) -> Mixture:
        """A mixture with finitely many inner functions, so that C has a closed form."""
        return Mixture([Grid(slope=(-2.0, 2.0, 5.0), offset=(0.0,)), Sinusoid()])

    def together(self, strength: float, first: Family, second: Family) -> Family:
        composition = Compositions(outer=second, inner=first)  # pyright: ignore[reportCallIssue]
        return Combination(first=composition, second=first, weight=strength)  # pyright: ignore[reportCallIssue]

    def ends(self, first: Family, second: Family) -> dict[float, Family]:
        return {0.0: first}
