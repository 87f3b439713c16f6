"""Linear functions whose slopes lie at one angle to an axis."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Components
from offprior.families.family import Family
from offprior.families.spherical_cap import CapColumns, PlaneColumn, SphericalCap
from offprior.parameter import CLOSE, Scalar, alike, parameter


class SphericalRing(Family):
    """Linear functions w·x, w uniform at one angle to a pole, the first axis: the rim of a cap (goddard-2025's tests).

    In the plane these are two functions, and the posterior is exact. In more dimensions it is approximate, like that of
    `spherical-cap`: except along the pole, w is taken as normal with the same mean and covariance.
    """

    dimension: int = parameter(10, "numbers in an input", minimum=2)
    angle: Scalar = parameter(90.0, "angle between w and the pole, in degrees", minimum=0, maximum=180)
    radius: Scalar = parameter(1.0, "length of w", above=0)

    def lies_in(self, other: Family) -> bool:
        """Whether the other family is a cap whose angle is at least this one's."""
        if not isinstance(other, SphericalCap) or other.dimension != self.dimension:
            return False
        return alike(other.radius, self.radius) and float(self.angle) <= float(other.angle) * (1 + CLOSE)

    def draw(self, key: PRNGKeyArray) -> Float[Array, " d"]:
        rest = jax.random.normal(key, (self.dimension - 1,))
        rest = rest / jnp.linalg.norm(rest)
        angle = jnp.deg2rad(jnp.asarray(self.angle, rest.dtype))
        return self.radius * jnp.concatenate([jnp.cos(angle)[None], jnp.sin(angle) * rest])

    def value(self, task: Float[Array, " d"], x: Float[Array, " d"]) -> Float[Array, ""]:
        return jnp.dot(task, x)

    def components(self, nodes: int = 256) -> Components:
        """Returns two directions in the plane, else one node with the pole's column and d − 1 normal columns."""
        flat, angle = self.dimension == 2, np.deg2rad(float(self.angle))
        columns = 1 if flat else self.dimension
        angles = np.array([angle, -angle] if flat else [angle])
        scales = np.full((1, columns), float(self.radius) / np.sqrt(self.dimension - 1))
        scales[0, 0] = self.radius
        return Components(
            features=PlaneColumn() if flat else CapColumns(),
            nodes=angles,
            log_weights=np.full(len(angles), -np.log(len(angles))),
            scales=scales,
            log_scale_weights=np.zeros(1),
            fixed=(True,) + (False,) * (columns - 1),
            constant=(False,) * columns,
            approximation="" if flat else f"{self.label}: except along the pole, w is taken as normal",
        )
