"""Inputs that are shifted and stretched."""

from jaxtyping import Array, Float, PRNGKeyArray

from offprior.input_laws.input_law import InputLaw, Inputs, base_parameter
from offprior.laws.law import LawLike
from offprior.parameter import Scalar, parameter


class Affine(InputLaw):
    """Inputs only: factor·x + shift."""

    base: LawLike = base_parameter()
    factor: Scalar = parameter(1.0, "factor by which x is multiplied", above=0)
    shift: Scalar = parameter(0.0, "constant that is added afterwards")

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        return self.factor * self.base.quantile(u) + self.shift

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        return self.factor * context + self.shift, self.factor * queries + self.shift

    def span(self) -> tuple[float, float]:
        low, high = sorted(float(self.factor * end + self.shift) for end in self.base.span())
        return low, high
