"""Inputs with a skewed covariance."""

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from offprior.input_laws.input_law import InputLaw, Inputs, base_parameter
from offprior.laws.law import LawLike
from offprior.parameter import Scalar, parameter


class Skewed(InputLaw):
    """Inputs only: a covariance with eigenvalues ∝ 1/iᵖ about 0, drawn for each prompt (arXiv 2208.01066, section 4).

    The eigenvalues have the same sum as those of `base`. Without rotation each eigenvalue belongs to one coordinate, in
    random order.
    """

    base: LawLike = base_parameter()
    power: Scalar = parameter(2.0, "p", minimum=0)
    rotated: bool = parameter(True, "whether the eigenbasis is random; otherwise it is the coordinates")

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        d, kind = context.shape[1], context.dtype
        eigenvalues = jnp.arange(1, d + 1, dtype=kind) ** -jnp.asarray(self.power, kind)
        stretch = jnp.sqrt(d * eigenvalues / eigenvalues.sum())
        if self.rotated:
            basis = jax.random.orthogonal(key, d, dtype=kind)
            matrix = (basis * stretch[None]) @ basis.T
        else:
            matrix = jnp.diag(jax.random.permutation(key, stretch))
        return context @ matrix, queries @ matrix
