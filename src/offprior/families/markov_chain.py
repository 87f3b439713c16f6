"""Markov chains whose rows are Dirichlet draws."""

from offprior.errors import Problem, SettingError
from offprior.families._dirichlet_rows import DirichletRows
from offprior.parameter import Scalar, parameter

MOST_ROWS = 1 << 16


class MarkovChain(DirichletRows):
    """Markov chains of order 1 or more whose rows are Dirichlet draws (Edelman et al. 2024, arXiv 2402.11004)."""

    vocabulary: int = parameter(2, "tokens", minimum=2)
    order: int = parameter(1, "tokens that the next one depends on", minimum=1)
    concentration: Scalar = parameter(1.0, "Dirichlet parameter α of every token in a row", above=0)

    def __check_init__(self):
        if self.rows > MOST_ROWS:
            message = f"order {self.order} on {self.vocabulary} tokens has {self.rows:,} rows; at most {MOST_ROWS:,}"
            raise SettingError(Problem("order", message, about=("vocabulary",)))
