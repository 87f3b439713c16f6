"""Products of functions of two families."""

from typing import ClassVar

from offprior.families.combination import Combination
from offprior.families.family import Family
from offprior.families.product import Product as Products
from offprior.laws.law import LawLike
from offprior.parameter import Scalar
from offprior.probes._two_families import TwoFamilies
from offprior.probes.probe import count_parameter, inputs_parameter, noise_parameter


class Product(TwoFamilies):
    """Products f·g of a function of each of two families, blended in: a·f·g + (1−a)·h (the products of zhang-2025).

    h is another function of the first family; a = 1 is the product alone.
    """

    coordinate: ClassVar[str] = "a"
    axis: ClassVar[str] = "weight a of the product"

    count: int = count_parameter(5, "how many weights", minimum=1)
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def together(self, strength: float, first: Family, second: Family) -> Family:
        product = Products(first=first, second=second)  # pyright: ignore[reportCallIssue]
        return Combination(first=product, second=first, weight=strength)  # pyright: ignore[reportCallIssue]

    def ends(self, first: Family, second: Family) -> dict[float, Family]:
        return {0.0: first}
