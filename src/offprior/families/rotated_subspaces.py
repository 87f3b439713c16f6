"""Linear functions whose slopes lie in subspaces rotated away from those of a union."""

from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from offprior.errors import Problem, SettingError
from offprior.families.union_of_subspaces import UnionOfSubspaces
from offprior.parameter import Scalar, parameter


class RotatedSubspaces(UnionOfSubspaces):
    """Linear functions w·x, w normal in a subspace at an angle to one of a union's (the test tasks of kwon-2025).

    All principal angles to that subspace are equal. It is rotated towards the next subspace of the union, or outside
    the span of all. In the first case, 90° gives the next subspace's directions, orthogonalised against its own, so the
    rotated subspace stays in the span of the two.
    """

    angle: Scalar = parameter(45.0, "angle between a subspace and the original one, in degrees", minimum=0, maximum=90)
    towards: Literal["next", "outside"] = parameter("next", "turn towards the next subspace, or out of the span of all")

    def __check_init__(self):
        spans = self.rank * (2 if self.towards == "next" else self.count + 1)
        if self.towards == "next" and self.count < 2:
            raise SettingError(Problem("towards", "there is only one subspace and no next one; choose outside"))
        if spans > self.dimension:
            message = f"it must be at least {spans}, the number of orthogonal directions; got {self.dimension}"
            raise SettingError(Problem("dimension", message))

    @property
    def bases(self) -> Float[np.ndarray, "count d rank"]:
        """The bases: cos θ times a subspace's basis, plus sin θ times orthonormal directions orthogonal to it."""
        own, away = self._frames()
        angle = np.deg2rad(float(self.angle))
        return np.cos(angle) * own + np.sin(angle) * away

    def basis(self, number: Int[Array, ""]) -> Float[Array, "d rank"]:
        own, away = (jnp.asarray(table, float)[number] for table in self._frames())
        angle = jnp.deg2rad(jnp.asarray(self.angle, float))
        return jnp.cos(angle) * own + jnp.sin(angle) * away

    def _frames(self) -> tuple[Float[np.ndarray, "count d rank"], Float[np.ndarray, "count d rank"]]:
        """Returns bases of the subspaces, and of the subspaces that they are rotated towards."""
        own = super().bases
        if self.towards == "next":
            away = [_orthogonal(towards, basis) for basis, towards in zip(own, np.roll(own, -1, axis=0), strict=True)]
        else:
            drawn = np.random.default_rng([self.seed, 1]).normal(size=own.shape)
            away = [_orthogonal(towards, np.concatenate(list(own), axis=1)) for towards in drawn]
        return own, np.stack(away)


def _orthogonal(towards: Float[np.ndarray, "d rank"], to: Float[np.ndarray, "d any"]) -> Float[np.ndarray, "d rank"]:
    """Returns an orthonormal basis of the part of `towards` that is orthogonal to all columns of `to`."""
    known = np.linalg.qr(to)[0]
    return np.linalg.qr(towards - known @ (known.T @ towards))[0]
