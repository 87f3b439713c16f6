"""What a model is pretrained on: weighted families, a law of inputs and a noise level."""

import dataclasses
import functools
import html
import weakref
from collections import Counter
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, PRNGKeyArray

from offprior.compute.precision import single
from offprior.compute.randomness import key_for
from offprior.errors import Problem, SettingError
from offprior.families.family import Family, TaskFamily
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.families.token_process import TokenProcess
from offprior.laws.law import Law, concrete, law, number_in_words
from offprior.laws.uniform import Uniform
from offprior.mixture_settings import check_families, check_unset, normalised, shown
from offprior.parameter import Part, Scalar, parameter
from offprior.prompt_sampling import (
    Prompts,
    Sequences,
    TokenDraws,
    draw_tokens,
    inputs_of,
    keys_of,
    members_of,
    noisy,
    tasks_of,
    values_of,
)

SCALE_PROMPTS = 4096, 1
"""Functions whose values give the scale of y, and the pairs in each context, which are not used."""
_SCALES: dict[int, float] = {}  # beside the instances: an attribute more makes one unequal to its like as a pytree


class Mixture(Part):
    """Weighted families of functions, a law of inputs and a noise level; or weighted families of token processes.

    Each sequence draws its family anew. The weights sum to 1, up to rounding. Noise is normal unless `noise_degrees`
    is given. Student's t noise is scaled to the standard deviation `noise` if it has one, that is, above two degrees of
    freedom; otherwise it is `noise` times the standard t. Exact posteriors assume normal noise in any case.

    Raises:
        SettingError: weights that are negative, not finite, do not sum to 1, or differ in number from the families;
            families of different dimensions, or of functions and of tokens.
    """

    families: tuple[TaskFamily, ...] = parameter((Linear(), Sinusoid()), "function classes, or token processes")
    weights: Float[Array | np.ndarray, " families"] = parameter(
        None, "share of each family, summing to 1; equal unless given", static=False
    )
    inputs: Law = parameter(Uniform(-5.0, 5.0), "law of the inputs", converter=law)
    noise: Scalar = parameter(0.1, "standard deviation of the noise of y", minimum=0)
    noise_floor: Scalar = parameter(
        1e-3,
        "noise that exact posteriors assume if there is none, as a fraction of the standard deviation of y",
        above=0,
    )
    noise_degrees: Scalar | None = parameter(
        None,
        "degrees of freedom ν of Student's t noise, which exact posteriors treat as normal; null is normal noise",
        above=0,
        static=False,
        added=True,
    )

    def __init__(
        self,
        families: Sequence[TaskFamily] = (Linear(), Sinusoid()),
        weights: Any = None,
        inputs: Any = Uniform(-5.0, 5.0),  # noqa: B008
        noise: Scalar = 0.1,
        noise_floor: Scalar = 1e-3,
        noise_degrees: Scalar | None = None,
    ):
        self.families = tuple(families)
        self.weights = normalised(weights, len(self.families))
        self.inputs = inputs
        self.noise = noise
        self.noise_floor = noise_floor
        self.noise_degrees = noise_degrees

    def __check_init__(self):
        check_families(self.families)
        if self.vocabulary:
            check_unset(inputs=self.inputs == Uniform(-5.0, 5.0), noise=concrete(self.noise) in (None, 0.1, 0.0))
            check_unset(noise_degrees=self.noise_degrees is None)

    def __repr__(self) -> str:
        return eqx.tree_pformat(jax.tree.map(shown, self))

    def _repr_html_(self) -> str:
        shares = [number_in_words(share) for share in self.weights]
        rows = "".join(
            f"<tr><td>{share}</td><td>{html.escape(name)}</td></tr>"
            for share, name in zip(shares, self.family_names, strict=True)
        )
        return f"<table><tr><th>share</th><th>family</th></tr>{rows}</table><p>{html.escape(self._conditions)}</p>"

    @property
    def summary(self) -> str:
        """The mixture in one line: families with their shares, inputs and noise."""
        shares = zip(map(number_in_words, self.weights), self.family_names, strict=True)
        families = " + ".join(f"{share} {name}" for share, name in shares)
        return f"{families}; {self._conditions}"

    @property
    def _conditions(self) -> str:
        if self.vocabulary:
            return f"{self.vocabulary} tokens"
        return f"inputs {self.inputs.words}; noise {number_in_words(self.noise)}"

    @property
    def dimension(self) -> int:
        """How many numbers an input has."""
        return self.families[0].dimension

    @property
    def vocabulary(self) -> int:
        """How many tokens there are; 0 if the families are functions."""
        first = self.families[0]
        return first.vocabulary if isinstance(first, TokenProcess) else 0

    @property
    def functions(self) -> tuple[Family, ...]:
        """The families, where functions are needed.

        Raises:
            SettingError: they are token processes.
        """
        found = tuple(family for family in self.families if isinstance(family, Family))
        if not found:
            raise SettingError(Problem("families", "this needs functions, but the families are token processes"))
        return found

    @property
    def processes(self) -> tuple[TokenProcess, ...]:
        """The families, where token processes are needed.

        Raises:
            SettingError: they are functions.
        """
        found = tuple(family for family in self.families if isinstance(family, TokenProcess))
        if not found:
            raise SettingError(Problem("families", "this needs token processes, but the families are functions"))
        return found

    @property
    def family_names(self) -> list[str]:
        """The families' names in tables and figures; repeated names are numbered."""
        labels = [family.label for family in self.families]
        repeated = {label for label, count in Counter(labels).items() if count > 1}
        return [
            f"{label}-{labels[: place + 1].count(label)}" if label in repeated else label
            for place, label in enumerate(labels)
        ]

    @property
    def bayes_noise(self) -> Scalar:
        """The noise that exact posteriors assume: the mixture's own, however small, or a floor if it is noise-free.

        The floor is `noise_floor` times `scale`. A traced noise level needs the floor too.
        """
        noise = concrete(self.noise)
        if noise is not None and noise > 0:
            return noise
        floor = self.noise_floor * self.scale
        return floor if noise is not None else jnp.where(self.noise > 0, self.noise, floor)

    @property
    def scale(self) -> Scalar:
        """The standard deviation of the functions' values under the mixture, to two digits; 1 if it is not defined.

        It is estimated from 4,096 functions at one input each, always the same ones, and computed once, unless a number
        is traced. Tokens have none, and it is 1.
        """
        if self.vocabulary:
            return 1.0
        if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(self)):
            spread = self._values_of_scale().std()
            return jnp.where(jnp.isfinite(spread) & (spread > 0), spread, 1.0)
        if id(self) not in _SCALES:
            with jax.ensure_compile_time_eval():
                spread = float(np.asarray(self._values_of_scale(), np.float64).std())
            # Rounding differs from machine to machine, and no posterior should.
            _SCALES[id(self)] = float(f"{spread:.1e}") if 0 < spread < np.inf else 1.0
            weakref.finalize(self, _SCALES.pop, id(self), None)
        return _SCALES[id(self)]

    def _values_of_scale(self) -> Float[Array, "b n"]:
        return self.prompts(key_for(0, "scale of y"), *SCALE_PROMPTS, 1).truth

    def changed(self, **settings: Any) -> "Mixture":
        """Returns a copy with some settings changed; new families get equal weights unless `weights` is given too."""
        known = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        weights = {"weights": None} if "families" in settings else {}
        return Mixture(**{**known, **weights, **settings})

    def sequences(self, key: PRNGKeyArray, batch: int, points: int) -> Sequences:
        """Draws `batch` pretraining prompts of `points` pairs each; a pure function of the key."""
        if self.vocabulary:
            x, y, family, _ = self._tokens(key, batch, points)
            return Sequences(x[:, :-1], y, y, family, jnp.full(batch, jnp.nan, jnp.float32))
        with single():
            inputs, noise, degrees = _as_single((self.inputs, self.noise, self.noise_degrees))
            x = jax.vmap(lambda one: inputs.sequence(one, points, self.dimension))(keys_of(key, "inputs", batch))
            values, family, frequency = self.values(key, x)
            return Sequences(x, noisy(noise, degrees, key, values), values, family, frequency)

    def prompts(self, key: PRNGKeyArray, count: int, length: int, queries: int) -> Prompts:
        """Draws test prompts; a pure function of the key.

        Args:
            key: the random key.
            count: the number of prompts.
            length: the number of pairs in each context.
            queries: the number of further inputs of each prompt, at which predictions are asked for; of a sequence of
                tokens, they are all its places, whatever the number.
        """
        if self.vocabulary:
            x, y, family, truth = self._tokens(key, count, length, truth=True)
            assert truth is not None
            return Prompts(x[:, :-1], y, x, truth, family, jnp.full(count, jnp.nan, jnp.float32))
        with single():
            inputs, noise, degrees = _as_single((self.inputs, self.noise, self.noise_degrees))
            keys = keys_of(key, "inputs", count), keys_of(key, "queries", count)
            context, asked = inputs_of(inputs, *keys, length, queries, self.dimension)
            values, family, frequency = self.values(key, jnp.concatenate([context, asked], axis=1))
            y = noisy(noise, degrees, key, values[:, :length])
            return Prompts(context, y, asked, values[:, length:], family, frequency)

    def _tokens(self, key: PRNGKeyArray, batch: int, n: int, *, truth: bool = False) -> TokenDraws:
        with single():
            families, weights = _as_single((self.processes, self.weights))
            return draw_tokens(families, weights, key, batch, n, truth=truth)

    def noisy(self, key: PRNGKeyArray, values: Float[Array, "b n"]) -> Float[Array, "b n"]:
        """Adds the mixture's own noise, normal or Student's t, to `values`."""
        with single():
            noise, degrees = _as_single((self.noise, self.noise_degrees))
            return noisy(noise, degrees, key, values)

    def values(
        self, key: PRNGKeyArray, x: Float[Array, "b n d"]
    ) -> tuple[Float[Array, "b n"], Int[Array, " b"], Float[Array, " b"]]:
        """Evaluates the functions that `prompts` and `sequences` draw with this key, at the inputs `x`.

        Returns:
            The values without noise, the index of each prompt's family and each prompt's frequency.
        """
        with single():
            families, weights, x = _as_single((self.functions, self.weights, jnp.asarray(x)))
            batch = x.shape[0]
            member = members_of(weights, key, batch)
            # Every family draws a task for every prompt, and one is kept: a mapped switch would do the same, only
            # slower.
            values, frequency = jnp.zeros(x.shape[:2], x.dtype), jnp.full((batch,), jnp.nan, x.dtype)
            for place, family in enumerate(families):
                of_family = values_of(family, tasks_of(family, key, jnp.asarray(place), batch), x)
                here = member == place
                values = jnp.where(here[:, None], of_family[0], values)
                frequency = jnp.where(here, of_family[1], frequency)
            return values, member, frequency


def draw_sequences(mixture: Mixture, key: PRNGKeyArray, batch: int, points: int) -> Sequences:
    """Draws `mixture.sequences` with one compiled program for all numbers of a mixture."""
    with single():
        return _drawn(mixture, key, batch, points)


@functools.partial(jax.jit, static_argnames=("batch", "points"))
def _drawn(mixture: Mixture, key: PRNGKeyArray, batch: int, points: int) -> Sequences:
    return mixture.sequences(key, batch, points)


def draw_prompts(mixture: Mixture, key: PRNGKeyArray, count: int, length: int, queries: int) -> Prompts:
    """Draws `mixture.prompts`, compiled part by part: mixtures that share a family or a law share its program."""
    return mixture.prompts(key, count, length, queries)


def _as_single(tree: Any) -> Any:
    """Casts arrays to single precision: settings given in double precision yield the same prompts."""

    def narrowed(leaf: Any) -> Any:
        is_wide = eqx.is_array(leaf) and leaf.dtype == np.float64
        return leaf.astype(np.float32) if is_wide else leaf

    return jax.tree.map(narrowed, tree)
