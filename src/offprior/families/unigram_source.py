"""Sources whose tokens are independent."""

from offprior.families._dirichlet_rows import DirichletRows
from offprior.parameter import Scalar, parameter


class UnigramSource(DirichletRows):
    """Independent tokens whose probabilities are one Dirichlet draw."""

    vocabulary: int = parameter(10, "tokens", minimum=2)
    concentration: Scalar = parameter(1.0, "Dirichlet parameter α of every token", above=0)

    @property
    def order(self) -> int:  # type: ignore[override]
        """No token depends on those before."""
        return 0
