"""Linear functions whose slopes lie on a cap of a sphere."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Columns, Components, Locate
from offprior.compute.precision import double
from offprior.families.family import Family
from offprior.laws.law import unit_nodes
from offprior.parameter import Scalar, parameter

DEGREE = np.pi / 180
ROOT_STEPS = 18
"""Steps of the search for a quantile of the angle: Newton steps, or bisection if those would leave the bracket."""
FEW, MANY = np.polynomial.legendre.leggauss(24), np.polynomial.legendre.leggauss(64)
"""Rules that integrate sinⁿ over an angle to rounding, for n up to 16 and up to a hundred."""


class SphericalCap(Family):
    """Linear functions w·x, w uniform on a spherical cap about a pole, the first axis (goddard-2025, arXiv 2506.05574).

    The angle between w and the pole is at most `angle`; 180° is the whole sphere. In the plane the posterior is exact,
    by a quadrature over the angle. In more dimensions it is approximate: the angle to the pole has its own law, by
    quadrature, but given the angle, the rest of w, which is uniform on a sphere, is taken as normal with the same mean
    and covariance. The known length of the rest is therefore not used. For long contexts the squared error tends to
    d/(d − 1) of the exact posterior's; for moderate ones it was measured at up to 1.7 times it (three dimensions, 10
    pairs, noise .3). A model may beat this B without beating Bayes. `sampled-bayes` with `exact` false samples the
    exact posterior. The paper's dimension, length and noise are unverified here.
    """

    dimension: int = parameter(10, "numbers in an input", minimum=2)
    angle: Scalar = parameter(90.0, "largest angle between w and the pole, in degrees", above=0, maximum=180)
    radius: Scalar = parameter(1.0, "length of w", above=0)

    def draw(self, key: PRNGKeyArray) -> Float[Array, " d"]:
        of_angle, of_direction = jax.random.split(key)
        angle = angle_quantile(jax.random.uniform(of_angle), self.angle * DEGREE, self.dimension)
        rest = jax.random.normal(of_direction, (self.dimension - 1,))
        rest = rest / jnp.linalg.norm(rest)
        return self.radius * jnp.concatenate([jnp.cos(angle)[None], jnp.sin(angle) * rest])

    def value(self, task: Float[Array, " d"], x: Float[Array, " d"]) -> Float[Array, ""]:
        return jnp.dot(task, x)

    def components(self, nodes: int = 256) -> Components:
        """Returns one node per angle: a fixed column, and in more than two dimensions d − 1 normal columns."""
        u, log_weights = unit_nodes(nodes)
        flat = self.dimension == 2
        columns = 1 if flat else self.dimension
        scales = np.full((1, columns), float(self.radius) / np.sqrt(self.dimension - 1))
        scales[0, 0] = self.radius
        locate = LocateAngle(np.float64(self.angle) * DEGREE, self.dimension)
        with double():
            angles = np.asarray(jax.vmap(locate)(jnp.asarray(u)))
        return Components(
            features=PlaneColumn() if flat else CapColumns(),
            nodes=angles,
            log_weights=log_weights,
            scales=scales,
            log_scale_weights=np.zeros(1),
            fixed=(True,) + (False,) * (columns - 1),
            constant=(False,) * columns,
            integrated=1,
            locate=locate,
            approximation="" if flat else _approximation(self.label, self.dimension),
        )


def _approximation(label: str, dimension: int) -> str:
    return (
        f"{label}: given its angle to the pole, w is taken as normal in {dimension} dimensions; squared errors "
        "exceed the exact ones (by a factor of up to 1.7, as measured), so a gain over this B is not a gain over Bayes"
    )


class PlaneColumn(Columns):
    """The coordinate of a point along a direction of the plane."""

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        return (jnp.cos(node) * x[0] + jnp.sin(node) * x[1])[None]


class CapColumns(Columns):
    """The coordinate along the pole times cos(angle), and the other coordinates times sin(angle)."""

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        return jnp.concatenate([jnp.cos(node) * x[:1], jnp.sin(node) * x[1:]])


class LocateAngle(Locate):
    """The angle at a quantile: to either side of the pole in the plane, from the pole in more dimensions."""

    largest: Any
    dimension: int = eqx.field(static=True)

    def __call__(self, u: Float[Array, ""]) -> Float[Array, ""]:
        if self.dimension == 2:
            return (2 * u - 1) * jnp.asarray(self.largest, u.dtype)
        return angle_quantile(u, self.largest, self.dimension)


def angle_quantile(u: Float[Array, ""], largest: Any, dimension: int) -> Float[Array, ""]:
    """Returns the quantile of the angle, in radians, between a uniform point of a cap and its pole.

    The density is proportional to sin^(d − 2) of the angle, up to `largest`.
    """
    largest = jnp.asarray(largest, u.dtype)
    power = dimension - 2
    target = jnp.log(u) + _log_mass(largest, power)

    def closer(_: Any, sofar: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        low, high, angle = sofar
        log_mass = _log_mass(angle, power)
        low, high = jnp.where(log_mass < target, angle, low), jnp.where(log_mass < target, high, angle)
        # A Newton step of the log mass as a function of the log angle, which is nearly linear for small angles.
        slope = angle * jnp.exp(power * jnp.log(_sine(angle)) - log_mass)
        step = angle * jnp.exp((target - log_mass) / slope)
        return low, high, jnp.where((step >= low) & (step <= high), step, (low + high) / 2)

    # The quantile if sines are replaced by their angles, as is accurate for small caps.
    begin = largest * u ** (1 / (power + 1))
    return jax.lax.fori_loop(0, ROOT_STEPS, closer, (jnp.zeros_like(largest), largest, begin))[2]


def _log_mass(angle: Float[Array, ""], power: int) -> Float[Array, ""]:
    """Returns the logarithm of the integral of sin^power from 0 to an angle."""
    at, weights = FEW if power <= 16 else MANY
    places, shares = (jnp.asarray(table, angle.dtype) for table in ((at + 1) / 2, weights / 2))
    # In units of the largest sine, because powers of small sines vanish. Products are cheaper than exponentials of
    # logarithms.
    unit = _sine(jnp.minimum(angle, np.pi / 2))
    relative = jnp.dot((_sine(angle * places) / unit) ** power, shares)
    return jnp.log(angle) + power * jnp.log(unit) + jnp.log(relative)


def _sine(angle: Float[Array, "*n"]) -> Float[Array, "*n"]:
    return jnp.maximum(jnp.sin(angle), 1e-30)
