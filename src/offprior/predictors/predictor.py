"""What answers a prompt has to offer: one call, from a context and queries to a mean and a variance."""

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int

from offprior.mixture import Mixture
from offprior.precision import as_double
from offprior.threads import blas_on_one_thread

LABEL = "what tables and figures call it"
"""Of the parameter that every predictor of a recipe has."""
TIE = 1e-9
"""Relative difference of two errors that counts as none."""


class Prediction(NamedTuple):
    """Predictive mean and variance at the queries of one prompt; the variance is of the noise-free value."""

    mean: Float[np.ndarray, " m"]
    variance: Float[np.ndarray, " m"]
    """Not-a-number where the predictor has none."""


class BatchPrediction(NamedTuple):
    """Predictions for B prompts at L context lengths, as `Prediction`."""

    mean: Float[np.ndarray, "B L m"]
    variance: Float[np.ndarray, "B L m"]


class Predictor(abc.ABC):
    """An in-context learner: maps a context and queries to a predictive distribution."""

    label: str
    """What tables and figures call it."""
    longest: int | None = None
    """The longest context it can take; None where there is no limit."""
    outside_recipes: ClassVar[str] = ""
    """Why a recipe cannot name it; empty where it can."""

    @abc.abstractmethod
    def predict_batch(
        self,
        x: Float[Any, "B n d"],
        y: Float[Any, "B n"],
        queries: Float[Any, "B m d"],
        lengths: Sequence[int],
    ) -> BatchPrediction:
        """Predictions for every prompt from its first k pairs, for every k of `lengths`."""

    def for_mixture(self, mixture: Mixture) -> "Predictor":
        """The predictor for models pretrained on `mixture`: itself where that makes no difference, or is settled."""
        return self

    def predict(self, x: Float[Any, "n d"], y: Float[Any, " n"], queries: Float[Any, "m d"]) -> Prediction:
        """The predictive distribution of one prompt at its queries, given the whole context.

        Raises:
            ValueError: the shapes do not fit together.
        """
        x, y, queries = np.asarray(x), np.asarray(y), np.asarray(queries)
        check_prompt(x.shape, y.shape, queries.shape)
        mean, variance = self.predict_batch(x[None], y[None], queries[None], [len(y)])
        return Prediction(mean[0, 0], variance[0, 0])


class Algorithm(eqx.Module, Predictor):
    """A predictor that answers each context by itself, its settings declared with `offprior.parameter.parameter`.

    Without any context it answers 0.
    """

    @abc.abstractmethod
    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        """Means and variances of the noise-free value from contexts of one length, one pair at least."""

    def predict_batch(
        self,
        x: Float[Any, "B n d"],
        y: Float[Any, "B n"],
        queries: Float[Any, "B m d"],
        lengths: Sequence[int],
    ) -> BatchPrediction:
        """Means and variances [B, L, m] of the noise-free value; not-a-number where there is no variance."""
        x, y, queries = as_double(x), as_double(y), as_double(queries)
        nothing = without_variance(np.zeros(queries.shape[:2]))
        with blas_on_one_thread():
            answers = [self.answer(x[:, :length], y[:, :length], queries) if length else nothing for length in lengths]
        return BatchPrediction(*(np.stack(parts, axis=1) for parts in zip(*answers, strict=True)))


class AlgorithmOfMixture(Algorithm):
    """An algorithm that knows something of what a model was pretrained on; of the default mixture unless told."""

    mixture: Mixture | None = None

    def for_mixture(self, mixture: Mixture) -> "Predictor":
        return self if self.mixture is not None else dataclasses.replace(self, mixture=mixture)

    @property
    def known(self) -> Mixture:
        """The mixture that it goes by."""
        return Mixture() if self.mixture is None else self.mixture


def without_variance(mean: Float[np.ndarray, "B m"]) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
    """The answer of an algorithm that has no variance."""
    return mean, np.full_like(mean, np.nan)


def in_order(
    x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"]
) -> tuple[Float[np.ndarray, "B k d"], Float[np.ndarray, "B k"]]:
    """The pairs in the order of their inputs: what is dealt out to folds after that does not hang on the context's."""
    order = np.lexsort((y, *np.moveaxis(x, -1, 0)[::-1]))
    return np.take_along_axis(x, order[..., None], axis=1), np.take_along_axis(y, order, axis=1)


def first_of_the_best(errors: Float[np.ndarray, "B g"]) -> Int[np.ndarray, " B"]:
    """Of settings whose errors are the same but for rounding, the first: no answer hangs on the last digit."""
    least = errors.min(1, keepdims=True)
    return (errors <= least + TIE * np.abs(least)).argmax(1)


def check_prompt(x: tuple[int, ...], y: tuple[int, ...], queries: tuple[int, ...]) -> None:
    """Do the shapes of a prompt fit together?

    Raises:
        ValueError: they do not.
    """
    if len(x) != 2 or len(queries) != 2 or y != x[:1] or x[1] != queries[1]:
        message = f"x {x}, y {y}, queries {queries} were given; expected [n, d], [n], [m, d]; numbers are inputs [n, 1]"
        raise ValueError(message)
