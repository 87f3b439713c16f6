"""Queries orthogonal to their context."""

import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from offprior.errors import Problem, SettingError
from offprior.input_laws.input_law import InputLaw, Inputs, base_parameter, degree_parameter
from offprior.laws.law import LawLike
from offprior.parameter import Scalar


class OrthogonalQueries(InputLaw):
    """Inputs only: queries orthogonal to all inputs of their context, lengths kept (arXiv 2208.01066, section 4).

    Raises:
        SettingError: the context has at least as many inputs as an input has coordinates.
    """

    base: LawLike = base_parameter()
    degree: Scalar = degree_parameter("share of the queries' part inside the context's span that is removed")

    @property
    def nested(self) -> bool:
        return False

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        (n, d), m = context.shape, len(queries)
        if n == 0 or m == 0:
            return context, queries
        if n >= d:
            message = f"in {d} dimensions no direction is orthogonal to a context of {n} inputs; test shorter contexts"
            raise SettingError(Problem("inputs", message))
        basis, _ = jnp.linalg.qr(context.T)
        within = queries @ basis @ basis.T
        rest = queries - within
        rest = rest - rest @ basis @ basis.T  # removes rounding inside the span, in case little lies outside
        turned = (1 - self.degree) * within + rest
        length, now = (jnp.linalg.norm(x, axis=1, keepdims=True) for x in (queries, turned))
        return context, turned * (length / now)
