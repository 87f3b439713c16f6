"""What a model is pretrained on: weighted families, a law of inputs and a noise level."""

import dataclasses
import functools
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, PRNGKeyArray

from offprior.draws import inputs_of, keys_of, members_of, noisy, tasks_of, values_of
from offprior.errors import Problem, SettingError
from offprior.families.family import Family
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.laws import Law, Uniform, concrete, law
from offprior.parameter import Scalar, parameter
from offprior.precision import single
from offprior.randomness import key_for

SCALE_PROMPTS = 4096, 1
"""Functions by whose values the scale of y is told, and the pairs of a context, which are not looked at."""

EXACT, ROUNDED = 1e-6, 0.0100001
"""How far from 1 the sum of weights may be for rounding: of the computer's numbers, and of two written decimals."""
MOST_SHOWN = 16
"""Numbers of an array that a mixture's text shows."""


class Sequences(NamedTuple):
    """Prompts to pretrain on."""

    x: Float[Array, "b n d"]
    y: Float[Array, "b n"]
    """Noisy."""
    values: Float[Array, "b n"]
    """Without noise."""
    family: Int[Array, " b"]
    frequency: Float[Array, " b"]
    """Radians per unit of x; not-a-number where the task has none."""


class Prompts(NamedTuple):
    """Prompts to test with: a context and queries."""

    x: Float[Array, "b k d"]
    y: Float[Array, "b k"]
    """Noisy."""
    queries: Float[Array, "b m d"]
    truth: Float[Array, "b m"]
    """Without noise."""
    family: Int[Array, " b"]
    frequency: Float[Array, " b"]
    """Radians per unit of x; not-a-number where the task has none."""


class Mixture(eqx.Module):
    """Weighted families of functions, a law of inputs and a noise level.

    The family is drawn for each sequence. Weights sum to 1, but for rounding. Noise is normal unless `noise_degrees`
    are given; Student's t is scaled to the standard deviation `noise` where it has one, above two degrees of freedom,
    and is `noise` times the plain law below. Exact posteriors assume normal noise, whatever the noise is.

    Raises:
        SettingError: weights that are negative, not finite, do not sum to 1, or are of another number than the
            families; families of different dimensions.
    """

    families: tuple[Family, ...] = parameter((Linear(), Sinusoid()), "function classes")
    weights: Float[Array | np.ndarray, " families"] = parameter(
        None, "share of each family, summing to 1; equal where not given", static=False
    )
    inputs: Law = parameter(Uniform(-5.0, 5.0), "law of the inputs", converter=law)
    noise: Scalar = parameter(0.1, "standard deviation of the noise of y", minimum=0)
    noise_floor: Scalar = parameter(
        1e-3, "noise that exact posteriors assume where there is none, times the standard deviation of y", above=0
    )
    noise_degrees: Scalar | None = parameter(
        None,
        "degrees of freedom ν of Student's t for the noise, whose exact posteriors assume normal noise; normal if null",
        above=0,
        static=False,
        added=True,
    )

    def __init__(
        self,
        families: Sequence[Family] = (Linear(), Sinusoid()),
        weights: Any = None,
        inputs: Any = Uniform(-5.0, 5.0),  # noqa: B008
        noise: Scalar = 0.1,
        noise_floor: Scalar = 1e-3,
        noise_degrees: Scalar | None = None,
    ):
        self.families = tuple(families)
        self.weights = _normalised(weights, len(self.families))
        self.inputs = inputs
        self.noise = noise
        self.noise_floor = noise_floor
        self.noise_degrees = noise_degrees

    def __check_init__(self):
        for place, family in enumerate(self.families):
            if family.dimension != self.dimension:
                message = f"its inputs have {family.dimension} numbers, the first family's {self.dimension}"
                about = (f"families.{place}.", "families.0.")
                raise SettingError(Problem(f"families.{place}.dimension", message, about=about))

    def __repr__(self) -> str:
        return eqx.tree_pformat(jax.tree.map(_shown, self))

    @property
    def dimension(self) -> int:
        """Numbers in an input."""
        return self.families[0].dimension

    @property
    def family_names(self) -> list[str]:
        """What tables and figures call the families; a repeated name is numbered."""
        labels = [family.label for family in self.families]
        repeated = {label for label, count in Counter(labels).items() if count > 1}
        return [
            f"{label}-{labels[: place + 1].count(label)}" if label in repeated else label
            for place, label in enumerate(labels)
        ]

    @property
    def bayes_noise(self) -> Scalar:
        """The noise that exact posteriors assume: the mixture's own, however little; of a mixture without, the floor.

        The floor is `noise_floor` times `scale`, which a noise that is traced needs as well.
        """
        noise = concrete(self.noise)
        if noise is not None and noise > 0:
            return noise
        floor = self.noise_floor * self.scale
        return floor if noise is not None else jnp.where(self.noise > 0, self.noise, floor)

    @property
    def scale(self) -> Scalar:
        """The standard deviation of the functions' values under the mixture, to two digits; 1 where there is none.

        Of 4,096 functions at one input each, always the same ones. It is computed once, unless a number is traced.
        """
        if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(self)):
            spread = self._values_of_scale().std()
            return jnp.where(jnp.isfinite(spread) & (spread > 0), spread, 1.0)
        return self._scale

    @functools.cached_property
    def _scale(self) -> float:
        with jax.ensure_compile_time_eval():
            spread = float(np.asarray(self._values_of_scale(), np.float64).std())
        # Rounding differs from machine to machine, and no posterior should.
        return float(f"{spread:.1e}") if 0 < spread < np.inf else 1.0

    def _values_of_scale(self) -> Float[Array, "b n"]:
        return self.prompts(key_for(0, "scale of y"), *SCALE_PROMPTS, 1).truth

    def changed(self, **settings: Any) -> "Mixture":
        """The same mixture but for these settings; new families are equally likely unless they come with `weights`."""
        known = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        weights = {"weights": None} if "families" in settings else {}
        return Mixture(**{**known, **weights, **settings})

    def sequences(self, key: PRNGKeyArray, batch: int, points: int) -> Sequences:
        """`batch` prompts of `points` pairs; a pure function of the key."""
        with single():
            inputs, noise, degrees = _as_single((self.inputs, self.noise, self.noise_degrees))
            x = jax.vmap(lambda one: inputs.sequence(one, points, self.dimension))(keys_of(key, "inputs", batch))
            values, family, frequency = self.values(key, x)
            return Sequences(x, noisy(noise, degrees, key, values), values, family, frequency)

    def prompts(self, key: PRNGKeyArray, count: int, length: int, queries: int) -> Prompts:
        """`count` prompts with a context of `length` pairs and `queries` further inputs; a pure function of the key."""
        with single():
            inputs, noise, degrees = _as_single((self.inputs, self.noise, self.noise_degrees))
            keys = keys_of(key, "inputs", count), keys_of(key, "queries", count)
            context, asked = inputs_of(inputs, *keys, length, queries, self.dimension)
            values, family, frequency = self.values(key, jnp.concatenate([context, asked], axis=1))
            y = noisy(noise, degrees, key, values[:, :length])
            return Prompts(context, y, asked, values[:, length:], family, frequency)

    def noisy(self, key: PRNGKeyArray, values: Float[Array, "b n"]) -> Float[Array, "b n"]:
        """Values with the mixture's own noise, normal or Student's t."""
        with single():
            noise, degrees = _as_single((self.noise, self.noise_degrees))
            return noisy(noise, degrees, key, values)

    def values(
        self, key: PRNGKeyArray, x: Float[Array, "b n d"]
    ) -> tuple[Float[Array, "b n"], Int[Array, " b"], Float[Array, " b"]]:
        """The functions of `prompts` and of `sequences` at other inputs, their families and their frequencies."""
        with single():
            families, weights, x = _as_single((self.families, self.weights, jnp.asarray(x)))
            batch = x.shape[0]
            member = members_of(weights, key, batch)
            # Every family draws a task for every prompt and one is kept: a mapped switch would do the same, more
            # slowly.
            values, frequency = jnp.zeros(x.shape[:2], x.dtype), jnp.full((batch,), jnp.nan, x.dtype)
            for place, family in enumerate(families):
                of_family = values_of(family, tasks_of(family, key, jnp.asarray(place), batch), x)
                here = member == place
                values = jnp.where(here[:, None], of_family[0], values)
                frequency = jnp.where(here, of_family[1], frequency)
            return values, member, frequency


def draw_sequences(mixture: Mixture, key: PRNGKeyArray, batch: int, points: int) -> Sequences:
    """`mixture.sequences`, compiled once for all numbers of a mixture."""
    with single():
        return _drawn(mixture, key, batch, points)


@functools.partial(jax.jit, static_argnames=("batch", "points"))
def _drawn(mixture: Mixture, key: PRNGKeyArray, batch: int, points: int) -> Sequences:
    return mixture.sequences(key, batch, points)


def draw_prompts(mixture: Mixture, key: PRNGKeyArray, count: int, length: int, queries: int) -> Prompts:
    """`mixture.prompts`, compiled part by part: mixtures that have a family or a law in common share its program."""
    return mixture.prompts(key, count, length, queries)


def _as_single(tree: Any) -> Any:
    """Arrays in single precision: whoever gave a number in double precision gets the same prompts."""

    def narrowed(leaf: Any) -> Any:
        is_wide = eqx.is_array(leaf) and leaf.dtype == np.float64
        return leaf.astype(np.float32) if is_wide else leaf

    return jax.tree.map(narrowed, tree)


def _normalised(weights: Any, count: int) -> Float[Array | np.ndarray, " families"]:
    if count == 0:
        raise SettingError(Problem("families", "there are none; give at least one"))
    if isinstance(weights, Tracer):
        return weights / weights.sum()
    given = np.full(count, 1 / count) if weights is None else np.asarray(weights, np.float64)
    if given.shape != (count,):
        message = f"{given.size} were given for {count} families; give one for each"
        raise SettingError(Problem("weights", message, about=("families",)))
    if not np.isfinite(given).all() or (given < 0).any():
        raise SettingError(Problem("weights", f"{given.tolist()} are not all finite and at least 0", about=()))
    if given.sum() == 0:
        raise SettingError(Problem("weights", "they sum to 0; at least one has to be above 0", about=()))
    total = float(given.sum())
    shares = given / total
    if abs(total - 1) > ROUNDED:
        message = f"{_written(given)} sum to {total:.6g}, not to 1; their shares are {_written(_rounded(shares))}"
        raise SettingError(Problem("weights", message, about=()))
    # Shares read back from a recipe sum to 1 but for rounding, and another division would move their last digits.
    if abs(total - 1) < EXACT:
        return np.asarray(given, np.float32)
    message = f"weights: {_written(given)} sum to {total:.6g}; they are taken as {_written(_rounded(shares))}"
    warnings.warn(message, stacklevel=3)
    return np.asarray(shares, np.float32)


def _rounded(shares: Float[np.ndarray, " families"]) -> Float[np.ndarray, " families"]:
    """To digits that sum to 1 when they are written back."""
    found = shares.round(6)
    found[shares.argmax()] += 1 - found.sum()
    return found.round(6)


def _written(numbers: Any) -> str:
    return f"[{', '.join(f'{number:.6g}' for number in np.asarray(numbers))}]"


def _shown(leaf: Any) -> Any:
    """A few known numbers as they would be written; anything else as it is."""
    is_array = isinstance(leaf, np.ndarray | jax.Array) and not isinstance(leaf, Tracer)
    if not is_array or leaf.dtype.kind != "f" or leaf.size > MOST_SHOWN:
        return leaf
    return float(str(np.asarray(leaf))) if leaf.ndim == 0 else [_shown(np.asarray(one)) for one in np.asarray(leaf)]
