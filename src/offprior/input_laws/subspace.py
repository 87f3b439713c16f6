"""Inputs in a random subspace."""

import jax
from jaxtyping import PRNGKeyArray

from offprior.input_laws.input_law import InputLaw, Inputs, base_parameter, check_coordinates
from offprior.laws.law import LawLike
from offprior.parameter import parameter


class Subspace(InputLaw):
    """Inputs only: in a random subspace of `rank` dimensions, of the same mean square (arXiv 2208.01066, section 4)."""

    base: LawLike = base_parameter()
    rank: int = parameter(1, "dimensions of the subspace, drawn for each prompt", minimum=1)

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        d = context.shape[1]
        check_coordinates("rank", self.rank, d)
        basis = jax.random.orthogonal(key, d, dtype=context.dtype)[:, : self.rank]
        matrix = (d / self.rank) ** 0.5 * basis @ basis.T
        return context @ matrix, queries @ matrix
