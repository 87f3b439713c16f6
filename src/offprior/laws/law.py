"""A law of a real number: of a family's parameter, or of each coordinate of an input.

A law is a pytree whose numbers are leaves, so that ranges can be swept inside one compiled program. Exact inference
integrates over a law through its quantile function, on a Gauss-Legendre rule of the unit interval.
"""

import abc
import re
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, PRNGKeyArray

from offprior import catalog
from offprior.compute.precision import double, single
from offprior.errors import Problem, SettingError
from offprior.parameter import CLOSE, Part, Scalar, alike, fields_of

PANEL_NODES = 8
"""Gauss-Legendre nodes in one panel of the unit interval."""


class Law(Part):
    """A law of a real number, or of the inputs of a prompt."""

    finite: ClassVar[bool] = False
    """Whether the law puts all its mass on finitely many values."""

    @abc.abstractmethod
    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        """Returns the value below which a share `u` of the mass lies."""

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Draws independent values; unless overridden, these are the quantiles of uniform numbers."""
        u = jax.random.uniform(key, shape, minval=jnp.finfo(float).tiny)
        return jnp.vectorize(self.quantile)(u)

    def nodes(self, count: int) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
        """Returns quadrature nodes and log-weights in double precision.

        The nodes are Gauss-Legendre panels through the quantile function.

        Args:
            count: the number of nodes, rounded to whole panels of eight. A law with finitely many values returns
                exactly those, whatever the count.
        """
        u, log_weights = unit_nodes(count)
        with double():
            return np.asarray(jax.vmap(self.quantile)(jnp.asarray(u))), log_weights

    def includes(self, other: "Law") -> bool:
        """Whether this law is the same as the other, or the other has a single value that this law can give.

        A single value has to lie between the law's ends. A law without ends includes only itself: it can give every
        value, but some of them hardly ever.
        """
        if alike(self, other):
            return True
        value = other.only_value
        if value is None:
            return False
        if self.finite:
            return bool(np.isclose(self.nodes(1)[0], value, rtol=CLOSE, atol=CLOSE).any())
        low, high = (concrete(getattr(self, end, None)) for end in ("low", "high"))
        return low is not None and high is not None and low - CLOSE <= value <= high + CLOSE

    def scaled(self, factor: Scalar) -> "Law":
        """Returns the law of `factor` (above 0) times the number; all settings of a law are in the number's unit."""
        return jax.tree.map(lambda number: factor * number, self)

    @property
    def only_value(self) -> float | None:
        """The only value that the law gives; None if there are several, or if the value is traced."""
        return None

    @property
    def words(self) -> str:
        """The law's name in labels, with its numbers if they are concrete; different laws have different names."""
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

    @single()
    def span(self) -> tuple[float, float]:
        """Returns the ends for a drawing: those of a bounded law, otherwise quantiles that hold 99% of the mass."""
        return float(self.quantile(jnp.asarray(0.005))), float(self.quantile(jnp.asarray(0.995)))

    def even_points(self, n: int) -> Float[Array, " n"]:
        """Returns `n` points in order, with equal shares of the mass between them."""
        return jax.vmap(self.quantile)((jnp.arange(n, dtype=float) + 0.5) / n)

    @property
    def nested(self) -> bool:
        """Whether the first k of n inputs of a prompt are themselves a sample of k inputs."""
        return True

    def inputs(self, key: PRNGKeyArray, n: int, d: int) -> Float[Array, "n d"]:
        """Draws the inputs of a context of n pairs."""
        return self.sample(key, (n, d))

    def sequence(self, key: PRNGKeyArray, n: int, d: int) -> Float[Array, "n d"]:
        """Draws the inputs of a pretraining prompt, whose first k pairs are a context for any k."""
        return self.inputs(key, n, d)

    def queries(self, key: PRNGKeyArray, m: int, d: int) -> Float[Array, "m d"]:
        """Draws the inputs at which predictions are asked for."""
        return self.sample(key, (m, d))

    def prompt(
        self, of_context: PRNGKeyArray, of_queries: PRNGKeyArray, n: int, m: int, d: int
    ) -> tuple[Float[Array, "n d"], Float[Array, "m d"]]:
        """Draws the inputs of one prompt's context and queries, each with its own key."""
        return self.inputs(of_context, n, d), self.queries(of_queries, m, d)


if TYPE_CHECKING:
    LawLike: TypeAlias = Any
else:
    LawLike = Law
"""The type of a parameter whose converter is `law`: a law, a number or a pair of ends. At run time it is `Law`."""


def law(value: Any) -> Law:
    """Converts a number to a fixed law and a pair to a uniform law between its ends; a law is returned as it is."""
    from offprior.laws.fixed import Fixed
    from offprior.laws.uniform import Uniform

    if isinstance(value, Law):
        return value
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise SettingError(f"got {len(value)} numbers for a law; write one number, or [low, high]")
        return Uniform(value[0], value[1])
    if isinstance(value, str | bool) or value is None:
        raise SettingError(
            f"{value!r} is not a law; write a number, (low, high) or one of {', '.join(catalog.names('laws'))}"
        )
    return Fixed(value)


def concrete(value: Any) -> float | None:
    """Returns the number as a float, or None if it is traced or an array of several."""
    if isinstance(value, int | float | np.number):
        return float(value)
    if isinstance(value, np.ndarray | jax.Array) and value.ndim == 0 and not isinstance(value, Tracer):
        return float(value)
    return None


def number_in_words(value: Any) -> str:
    """Writes a number with just enough digits to identify it in single precision; "?" if it is traced."""
    known = concrete(value)
    return "?" if known is None else str(np.float32(known)).removesuffix(".0")


def unit_nodes(count: int) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Returns nodes and log-weights of Gauss-Legendre panels on [0, 1]; `count` is rounded to whole panels."""
    panels = max(1, round(count / PANEL_NODES))
    at, weights = np.polynomial.legendre.leggauss(PANEL_NODES)
    u = (np.arange(panels)[:, None] + (at[None, :] + 1) / 2) / panels
    return u.ravel(), np.log(np.tile(weights / 2, panels) / panels)


def check_order(low: Any, high: Any) -> None:
    """Checks that the lower end of a law lies below its upper end, if both are known.

    Raises:
        SettingError: it does not.
    """
    below, above = concrete(low), concrete(high)
    if below is not None and above is not None and not below < above:
        message = f"the lower end {below:g} is not below the upper end {above:g}"
        hint = f"; reversed? write [{above:g}, {below:g}]" if below > above else "; write a single number"
        raise SettingError(Problem("low", message + hint))
