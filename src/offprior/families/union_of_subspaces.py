"""Linear functions whose slopes lie in one of a few subspaces."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from offprior.components import Columns, Components
from offprior.errors import Problem, SettingError
from offprior.families.family import Family
from offprior.parameter import Scalar, parameter


class UnionOfSubspaces(Family):
    """Linear functions w·x, w normal in one of a few fixed subspaces (the setting of kwon-2025).

    The subspaces are spanned by orthonormal bases that `seed` draws once; each task lies in one of them, all equally
    likely. Their span is larger than their union: it also holds sums of tasks.
    """

    dimension: int = parameter(10, "numbers in an input", minimum=1)
    count: int = parameter(2, "subspaces", minimum=1)
    rank: int = parameter(3, "dimensions of a subspace", minimum=1)
    scale: Scalar = parameter(1.0, "standard deviation of a coefficient", above=0)
    seed: int = parameter(0, "seed of the subspaces", minimum=0)

    def __check_init__(self):
        if self.rank > self.dimension:
            message = f"it must be at most the dimension {self.dimension}, got {self.rank}"
            raise SettingError(Problem("rank", message))

    @property
    def bases(self) -> Float[np.ndarray, "count d rank"]:
        """An orthonormal basis of each subspace."""
        drawn = np.random.default_rng(self.seed).normal(size=(self.count, self.dimension, self.rank))
        return np.linalg.qr(drawn)[0]

    def draw(self, key: PRNGKeyArray) -> Float[Array, " d"]:
        of_subspace, of_coefficients = jax.random.split(key)
        basis = self.basis(jax.random.randint(of_subspace, (), 0, self.count))
        return self.scale * (basis @ jax.random.normal(of_coefficients, (self.rank,)))

    def basis(self, number: Int[Array, ""]) -> Float[Array, "d rank"]:
        """Returns the basis of subspace `number`."""
        return jnp.asarray(self.bases, float)[number]

    def value(self, task: Float[Array, " d"], x: Float[Array, " d"]) -> Float[Array, ""]:
        return jnp.dot(task, x)

    def components(self, nodes: int = 256) -> Components:
        """Returns one node per subspace, whose columns are the coordinates of x in its basis."""
        return Components(
            features=SubspaceColumns(),
            nodes=self.bases,
            log_weights=np.full(self.count, -np.log(self.count)),
            scales=np.full((1, self.rank), self.scale, np.float64),
            log_scale_weights=np.zeros(1),
            fixed=(False,) * self.rank,
            constant=(False,) * self.rank,
        )


class SubspaceColumns(Columns):
    """The coordinates of a point in a basis."""

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        return x @ jnp.asarray(node, x.dtype)
