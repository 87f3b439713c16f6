"""The tidy rows of one place on a probe's path: every predictor's errors on the same prompts."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from offprior.analysis.calibration import calibration_columns, variation_columns
from offprior.analysis.identification import PRODUCT
from offprior.analysis.implied import implied_columns, projection_columns
from offprior.mixture import Mixture
from offprior.predictors._references import ReferenceBatch
from offprior.probes.probe import Probe
from offprior.prompt_sampling import Prompts

UNTRAINED = -1
"""The training seed in rows of untrained predictors."""


class PromptBatch(NamedTuple):
    """A batch of prompts at one place on a probe's path."""

    probe: Probe
    strength: float
    inside: bool
    made_of: tuple[str, ...]
    """Names of the mixture's families that the place's functions are made of."""
    gate: str
    """Label of the probe in whose rows M1 is measured; empty if M1 is measured at this place."""
    distribution: Mixture
    prompts: Prompts
    lengths: tuple[int, ...]
    first: int = 0
    """The number of the first task, if the place's other tasks are in other batches."""


class Answer(NamedTuple):
    """One predictor's answers at a place, at the context lengths that it can take."""

    label: str
    seed: int
    lengths: tuple[int, ...]
    mean: Float[np.ndarray, "b lengths m"]
    variance: Float[np.ndarray, "b lengths m"] | None = None
    """None if the predictor has no variance."""
    is_algorithm: bool = False
    """Whether other predictors may be identified with this one (M11)."""


class Rows:
    """The data that the rows of all predictors at a place share, and the columns computed from it."""

    def __init__(
        self,
        place: PromptBatch,
        mixture: Mixture,
        truth: Float[np.ndarray, "b m"],
        queries: Float[np.ndarray, "b m d"],
        exact: ReferenceBatch,
    ):
        self._place, self._truth, self._queries, self._exact = place, truth, queries, exact
        self._between = [
            between(np.asarray(place.prompts.x, np.float64)[:, :length], queries) for length in place.lengths
        ]
        names = place.distribution.family_names
        self._families = np.asarray(names)[np.asarray(place.prompts.family)]
        self._frequency = np.asarray(place.prompts.frequency, np.float64)
        self._noise = float(np.asarray(place.distribution.noise))
        self._ends = place.probe.frequencies(mixture)
        self._prior_low, self._prior_high = place.probe.prior_range(mixture) or (np.nan, np.nan)

    def of(self, answer: Answer, further: Mapping[str, Float[np.ndarray, "b lengths"]]) -> pd.DataFrame:
        """Returns the rows of one predictor at all its context lengths; `further` holds extra columns."""
        place, along = self._place, self._place.probe.along_context
        variance = np.full_like(answer.mean, np.nan) if answer.variance is None else answer.variance
        # One table for all lengths: creating a table takes longer than filling it.
        of_lengths = [
            self._columns(length, answer.mean[:, number], variance[:, number])
            for number, length in enumerate(answer.lengths)
        ]
        lengths = np.repeat(answer.lengths, len(self._truth))
        return pd.DataFrame(
            {
                "probe": place.probe.label,
                "coordinate": place.probe.coordinate,
                "axis": place.probe.axis,
                "prior_low": self._prior_low,
                "prior_high": self._prior_high,
                "strength": lengths.astype(float) if along else place.strength,
                "length": lengths,
                "inside": place.inside,
                "seed": answer.seed,
                "task": np.tile(place.first + np.arange(len(self._truth)), len(answer.lengths)),
                "made_of": "|".join(place.made_of),
                "gate": place.gate,
                "family": np.tile(self._families, len(answer.lengths)),
                "predictor": answer.label,
                **{name: np.concatenate([columns[name] for columns in of_lengths]) for name in of_lengths[0]},
                **{name: values.T.ravel() for name, values in further.items()},
            }
        )

    def _columns(
        self, length: int, mean: Float[np.ndarray, "b m"], variance: Float[np.ndarray, "b m"]
    ) -> dict[str, Float[np.ndarray, " b"]]:
        exact, truth, at = self._exact, self._truth, self._place.lengths.index(length)
        placed = {
            "squared_error": np.square(mean - truth),
            "bayes_gap": np.square(mean - exact.bayes_mean[:, at]),
            "truth_mean": truth,
            "truth_square": np.square(truth),
        }
        inner = self._between[at]
        return {
            **{name: values.mean(1) for name, values in placed.items()},
            "between": inner.mean(1),
            **{f"{name}_between": (values * inner).mean(1) for name, values in placed.items()},
            "surprise": -exact.log_evidence[:, at],
            "class_probability": exact.class_probability[:, at, 0],
            **implied_columns(mean, exact.class_means[:, at]),
            **projection_columns(mean, truth, self._queries, self._frequency),
            "aliased_amplitude": self._aliased_amplitude(mean),
            **calibration_columns(mean, variance, truth, self._noise, exact.bayes_variance[:, at]),
            **variation_columns(mean, truth, self._queries),
        }

    def _aliased_amplitude(self, mean: Float[np.ndarray, "b m"]) -> Float[np.ndarray, " b"]:
        """Returns the amplitude at the nearest pretrained frequency (M17), for tasks with a frequency outside."""
        ends = self._ends
        if ends is None:
            return np.full(len(mean), np.nan)
        nearest = np.clip(self._frequency, *ends)
        nearest = np.where(nearest == self._frequency, np.nan, nearest)
        return projection_columns(mean, self._truth, self._queries, nearest)["amplitude"]


def between(x: Float[np.ndarray, "b k d"], queries: Float[np.ndarray, "b m d"]) -> Float[np.ndarray, "b m"]:
    """Marks queries between a context's outermost inputs, both included: 1, else 0; not-a-number in several dimensions.

    With fewer than two context pairs, nothing is between.
    """
    if queries.shape[2] > 1:
        return np.full(queries.shape[:2], np.nan)
    if x.shape[1] < 2:
        return np.zeros(queries.shape[:2])
    asked = queries[..., 0]
    return ((asked >= x[..., 0].min(1)[:, None]) & (asked <= x[..., 0].max(1)[:, None])).astype(float)


def products(answer: Answer, others: list[Answer]) -> dict[str, Float[np.ndarray, "b lengths"]]:
    """Returns the product with every algorithm, averaged over queries; not-a-number at lengths that it cannot take."""
    return compared(answer, others, PRODUCT, lambda own, other: (own * other).mean(-1))


def compared(
    answer: Answer, others: list[Answer], prefix: str, compare: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> dict[str, Float[np.ndarray, "b lengths"]]:
    """Compares an answer with every algorithm's; the columns are named by `prefix` and the algorithm's label."""
    found = {}
    for other in others:
        values = np.full(answer.mean.shape[:2], np.nan)
        for number, length in enumerate(answer.lengths):
            if length in other.lengths:
                at = other.lengths.index(length)
                values[:, number] = compare(answer.mean[:, number], other.mean[:, at])
        found[prefix + other.label] = values
    return found


def distance_from_other_seeds(answer: Answer, all_answers: list[Answer]) -> Float[np.ndarray, "b lengths"] | None:
    """Returns (p − the mean of all training seeds' p)², averaged over queries; None if there is one seed."""
    alike = [other.mean for other in all_answers if other.label == answer.label]
    return np.square(answer.mean - np.mean(alike, axis=0)).mean(-1) if len(alike) > 1 else None
