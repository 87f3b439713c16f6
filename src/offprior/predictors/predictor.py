"""What answers a prompt has to offer: one call, from a context and queries to a mean and a variance."""

import abc
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float


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

    @abc.abstractmethod
    def predict_batch(
        self,
        x: Float[Any, "B n d"],
        y: Float[Any, "B n"],
        queries: Float[Any, "B m d"],
        lengths: Sequence[int],
    ) -> BatchPrediction:
        """Predictions for every prompt from its first k pairs, for every k of `lengths`."""

    def predict(self, x: Float[Any, "n d"], y: Float[Any, " n"], queries: Float[Any, "m d"]) -> Prediction:
        """The predictive distribution of one prompt at its queries, given the whole context.

        Raises:
            ValueError: the shapes do not fit together.
        """
        x, y, queries = np.asarray(x), np.asarray(y), np.asarray(queries)
        check_prompt(x.shape, y.shape, queries.shape)
        mean, variance = self.predict_batch(x[None], y[None], queries[None], [len(y)])
        return Prediction(mean[0, 0], variance[0, 0])


def check_prompt(x: tuple[int, ...], y: tuple[int, ...], queries: tuple[int, ...]) -> None:
    """Do the shapes of a prompt fit together?

    Raises:
        ValueError: they do not.
    """
    if len(x) != 2 or len(queries) != 2 or y != x[:1] or x[1] != queries[1]:
        message = f"x {x}, y {y}, queries {queries} were given; expected [n, d], [n], [m, d]; numbers are inputs [n, 1]"
        raise ValueError(message)
