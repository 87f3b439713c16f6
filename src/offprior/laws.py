"""Laws of a family's real parameters and of the inputs of a prompt.

A law is a pytree whose numbers are leaves, so that ranges can be swept inside one compiled program. Exact inference
integrates over a law through its quantile function, on a Gauss-Legendre rule of the unit interval.
"""

import abc
import re
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import scipy.special
from jax.core import Tracer
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.errors import Problem, SettingError
from offprior.parameter import CLOSE, Scalar, alike, fields_of, parameter
from offprior.precision import double

PANEL_NODES = 8
"""Gauss-Legendre nodes of one panel of the unit interval."""
EVENLY = 20.0
"""How far below 1 the logarithm of a variance has evenly spaced nodes."""
FARTHEST = 92.0
"""Logarithm of the largest variance that a heavy tail is given, 10⁴⁰ times its scale: determinants stay finite."""


class Law(eqx.Module):
    """A law of a real number, or of the inputs of a prompt."""

    finite: ClassVar[bool] = False
    """Does it put its whole mass on finitely many values?"""

    @abc.abstractmethod
    def distribution(self) -> dist.Distribution:
        """The law as a NumPyro distribution."""

    @abc.abstractmethod
    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        """The value below which a share `u` of the mass lies."""

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Independent draws."""
        return self.distribution().sample(key, shape)

    def nodes(self, count: int) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
        """Quadrature nodes and log-weights: Gauss-Legendre panels through the quantile function, in double precision.

        `count` is rounded to whole panels of eight nodes; a law with finitely many values gives exactly those.
        """
        u, log_weights = unit_nodes(count)
        with double():
            return np.asarray(jax.vmap(self.quantile)(jnp.asarray(u))), log_weights

    def includes(self, other: "Law") -> bool:
        """Does it give what the other gives: is that the same law, or one value that lies between its ends?

        A law without ends is said to include itself alone: it has every value, some of them hardly ever.
        """
        if alike(self, other):
            return True
        value = concrete(other.value) if isinstance(other, Fixed) else None
        if value is None:
            return False
        if self.finite:
            return bool(np.isclose(self.nodes(1)[0], value, rtol=CLOSE, atol=CLOSE).any())
        low, high = (concrete(getattr(self, end, None)) for end in ("low", "high"))
        return low is not None and high is not None and low - CLOSE <= value <= high + CLOSE

    def scaled(self, factor: Scalar) -> "Law":
        """The law of `factor` (above 0) times its number: what describes it is in the unit of the number itself."""
        return jax.tree.map(lambda number: factor * number, self)

    @property
    def words(self) -> str:
        """What labels call it: two laws that differ have two names. Its numbers are named if they are concrete."""
        kind = "-".join(re.findall("[A-Z][a-z]*", type(self).__name__)).lower()
        parts, bases = [], []
        for info in fields_of(type(self)):
            value = getattr(self, info.name)
            if isinstance(value, Law):
                bases += [] if bool(eqx.tree_equal(value, info.default)) else [value.words]
            elif isinstance(value, bool):
                parts += [] if value == info.default else [f"not {info.name}" if info.default else info.name]
            else:
                parts.append(number_in_words(value))
        ends = all(hasattr(self, name) for name in ("low", "high"))
        name = " ".join([kind, (" to " if ends else " ").join(parts)]).strip()
        return f"{name} of {' and '.join(bases)}" if bases else name

    @property
    def nested(self) -> bool:
        """Are the first k of n inputs of a prompt themselves a sample of k inputs?"""
        return True

    def inputs(self, key: PRNGKeyArray, n: int, d: int) -> Float[Array, "n d"]:
        """Inputs of a context of n pairs."""
        return self.sample(key, (n, d))

    def sequence(self, key: PRNGKeyArray, n: int, d: int) -> Float[Array, "n d"]:
        """Inputs of a prompt to pretrain on, whose first k pairs are the context for any k: those of a context."""
        return self.inputs(key, n, d)

    def queries(self, key: PRNGKeyArray, m: int, d: int) -> Float[Array, "m d"]:
        """Inputs at which predictions are asked for."""
        return self.sample(key, (m, d))

    def prompt(
        self, of_context: PRNGKeyArray, of_queries: PRNGKeyArray, n: int, m: int, d: int
    ) -> tuple[Float[Array, "n d"], Float[Array, "m d"]]:
        """Inputs of one prompt, its context's and its queries', each with a key: independent unless overridden."""
        return self.inputs(of_context, n, d), self.queries(of_queries, m, d)


class Fixed(Law):
    """One value, always."""

    finite: ClassVar[bool] = True
    value: Scalar = parameter(0.0, "the value")

    def distribution(self) -> dist.Distribution:
        return dist.Delta(jnp.asarray(self.value, float))

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        return jnp.asarray(self.value, u.dtype)

    def nodes(self, count: int) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
        return np.asarray([self.value], np.float64), np.zeros(1)


class Uniform(Law):
    """Every value between two ends, equally likely."""

    low: Scalar = parameter(0.0, "lower end")
    high: Scalar = parameter(1.0, "upper end")

    def __check_init__(self):
        _check_order(self.low, self.high)

    def distribution(self) -> dist.Distribution:
        return dist.Uniform(self.low, self.high)

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        return self.low + (self.high - self.low) * u


class Normal(Law):
    """The bell curve."""

    mean: Scalar = parameter(0.0, "its centre")
    sd: Scalar = parameter(1.0, "its standard deviation", above=0)

    def distribution(self) -> dist.Distribution:
        return dist.Normal(self.mean, self.sd)

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        return self.mean + self.sd * jax.scipy.special.ndtri(u)


class LogUniform(Law):
    """A positive number whose logarithm is uniform."""

    low: Scalar = parameter(0.1, "lower end", above=0)
    high: Scalar = parameter(10.0, "upper end", above=0)

    def __check_init__(self):
        _check_order(self.low, self.high)

    def distribution(self) -> dist.Distribution:
        return dist.LogUniform(self.low, self.high)

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        return self.low * jnp.exp(u * jnp.log(jnp.asarray(self.high / self.low, u.dtype)))


class Rayleigh(Law):
    """The length of a vector of two independent normal numbers."""

    scale: Scalar = parameter(1.0, "standard deviation of either number", above=0)

    def distribution(self) -> dist.Distribution:
        return dist.Weibull(self.scale * np.sqrt(2.0).item(), 2.0)  # a Rayleigh law is Weibull's of shape 2

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        return self.scale * jnp.sqrt(-2 * jnp.log1p(-u))


class Evenly(Law):
    """Inputs only: evenly spaced points, ends included, in random order."""

    low: Scalar = parameter(-1.0, "the first point")
    high: Scalar = parameter(1.0, "the last point")

    @property
    def words(self) -> str:
        ends = [number_in_words(end) for end in (self.low, self.high)]
        return "even contexts" if ends == ["-1", "1"] else f"even contexts {' to '.join(ends)}"

    def __check_init__(self):
        _check_order(self.low, self.high)

    @property
    def nested(self) -> bool:
        return False

    def distribution(self) -> dist.Distribution:
        """The limit of many points."""
        return dist.Uniform(self.low, self.high)

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        return self.low + (self.high - self.low) * u

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """`shape` [..., n, d]: along the axis before the last, an evenly spaced grid in random order."""
        if len(shape) < 2:
            raise SettingError("evenly spaced points are a law of inputs, not of a parameter; choose uniform")
        grid = jnp.broadcast_to(self.grid(shape[-2])[:, None], shape)
        return jax.random.permutation(key, grid, axis=-2, independent=True)

    def grid(self, n: int) -> Float[Array, " n"]:
        """The points in order; a single one lies in the middle."""
        place = jnp.arange(n, dtype=float) / (n - 1) if n > 1 else jnp.full((n,), 0.5)
        return self.low + (self.high - self.low) * place

    def queries(self, key: PRNGKeyArray, m: int, d: int) -> Float[Array, "m d"]:
        """The grid in order where inputs are numbers; evenly spaced coordinates in random order otherwise."""
        return self.grid(m)[:, None] if d == 1 else self.sample(key, (m, d))


LAWS: dict[str, type[Law]] = {
    "fixed": Fixed,
    "uniform": Uniform,
    "normal": Normal,
    "log-uniform": LogUniform,
    "rayleigh": Rayleigh,
    "evenly": Evenly,
}
"""The laws by their names in recipes; those of the inputs alone are in `offprior.input_laws`."""


def law(value: Any) -> Law:
    """A number is fixed, a pair is uniform between its two ends, a law is itself."""
    if isinstance(value, Law):
        return value
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise SettingError(f"{len(value)} numbers were given for a law; write one, or [low, high]")
        return Uniform(value[0], value[1])
    if isinstance(value, str | bool) or value is None:
        raise SettingError(f"{value!r} is no law; write a number, (low, high) or one of {', '.join(LAWS)}")
    return Fixed(value)


def concrete(value: Any) -> float | None:
    """The number, or None where it is traced or stands for many."""
    if isinstance(value, int | float | np.number):
        return float(value)
    if isinstance(value, np.ndarray | jax.Array) and value.ndim == 0 and not isinstance(value, Tracer):
        return float(value)
    return None


def number_in_words(value: Any) -> str:
    """A number in as few digits as tell it from others in single precision; "?" where it is traced."""
    known = concrete(value)
    return "?" if known is None else str(np.float32(known)).removesuffix(".0")


def unit_nodes(count: int) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Nodes and log-weights of Gauss-Legendre panels on the unit interval; `count` is rounded to whole panels."""
    panels = max(1, round(count / PANEL_NODES))
    at, weights = np.polynomial.legendre.leggauss(PANEL_NODES)
    u = (np.arange(panels)[:, None] + (at[None, :] + 1) / 2) / panels
    return u.ravel(), np.log(np.tile(weights / 2, panels) / panels)


def gamma_nodes(
    shape: float, columns: int, inverse: bool
) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Nodes t and log-weights of a Gamma law of mean 1, for so many coefficients that share t (or 1/t) as variance.

    The trapezoid rule in v, log t = v − exp(−(v + 20)): evenly spaced in log t, and ever wider below e⁻²⁰, where a
    heavy tail is left. It is spectrally accurate, its step a share of the width that the posterior of log t may have.
    `inverse` has the moments of 1/t right, which an even share of probability does not: what lies beyond 10⁴⁰ is put
    there.
    """
    step = min(0.25, 0.9 / np.sqrt(shape + columns / 2))
    reach = min(FARTHEST, max(40 / max(shape - inverse, 1e-3), EVENLY + 2))
    v = np.arange(np.log(90 / shape + 5), -EVENLY - np.log(reach - EVENLY) - step, -step)
    log_t = v - np.exp(-(v + EVENLY))
    log_t, v = log_t[log_t >= -FARTHEST], v[log_t >= -FARTHEST]
    log_weights = shape * (np.log(shape) + log_t - np.exp(log_t)) - scipy.special.gammaln(shape)
    log_weights = log_weights + np.log(step * (1 + np.exp(-(v + EVENLY))))
    log_weights -= scipy.special.logsumexp(log_weights)
    if inverse and shape > 1:
        missing = shape / (shape - 1) - np.exp(log_weights - log_t).sum()
        if missing > 0:
            log_t = np.append(log_t, -FARTHEST)
            log_weights = np.append(log_weights, np.log(missing) - FARTHEST)
    return np.exp(log_t), log_weights


def _check_order(low: Any, high: Any) -> None:
    below, above = concrete(low), concrete(high)
    if below is not None and above is not None and not below < above:
        message = f"the lower end {below:g} is not below the upper end {above:g}"
        hint = f"; reversed? write [{above:g}, {below:g}]" if below > above else "; write a single number"
        raise SettingError(Problem("low", message + hint))
