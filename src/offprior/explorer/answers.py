"""What the model and its references say of a prompt, at places to draw a curve through."""

import dataclasses
import threading
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from offprior.api import Run
from offprior.errors import OffpriorError, Problem, SettingError
from offprior.evaluation.panel import panel
from offprior.explorer.state import MOST_POINTS, State
from offprior.explorer.task import Tasks
from offprior.panels import NORMAL_95, known_combinations, references_of, span
from offprior.randomness import key_for
from offprior.threads import LAPACK, blas_on_one_thread

PLACES = 200
MARGIN = 0.25
"""Of the inputs' span, drawn on either side of it."""
TYPICAL = 128
"""Prompts of the mixture itself with which a surprise is compared."""
LENGTHS = (1, 2, 3, 5, 7, 10, 14, 20, 28, 40, 60)


class Answers(NamedTuple):
    """Curves over the places, and the numbers beside them."""

    state: State
    curves: dict[str, Float[np.ndarray, " m"]]
    bands: dict[str, tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]]
    """Central 95% of the noise-free value."""
    probability: dict[str, float]
    """P(family | context)."""
    surprise: float
    """−log evidence a point, in nats."""
    typical: tuple[float, float]
    """Mean and standard deviation of the mixture's own surprise at that length."""
    errors: dict[str, float]
    """Mean squared error over the places inside the span, as a share of the truth's variance there."""
    verdict: str
    """That of the nearest cell of the run's own probes; empty where there is none."""


class Answerer:
    """A run's models, B, C and the panel: made once, asked from all pages.

    Raises:
        OffpriorError: the run is not pretrained, or a study of several models; its inputs have several numbers.
    """

    def __init__(self, run: Run):
        self.run, self.recipe = run, run.recipe
        places = run.places()
        if places:
            message = f"a study has a model a place; explore one of them, as {places[0].folder}"
            raise SettingError(Problem("study", message, str(run.folder)))
        self.mixture = run.recipe.mixture
        if self.mixture.dimension != 1:
            message = f"inputs have {self.mixture.dimension} numbers, and a page shows those of one"
            raise SettingError(Problem("mixture", message, str(run.folder)))
        self.tasks = Tasks(self.mixture)
        self.models = run.models()
        self.references, self.has_combined = references_of(self.mixture, known_combinations(self.recipe))
        self.panel = {predictor.label: predictor for predictor in panel(self.mixture)}
        low, high = span(self.mixture.inputs)
        self.inside = (low, high)
        wide = MARGIN * (high - low)
        self.places = np.linspace(low - wide, high + wide, PLACES)
        self.longest = min(MOST_POINTS, *(model.longest or MOST_POINTS for model in self.models))
        self.verdicts = _verdicts(run)
        self._typical: dict[int, tuple[float, float]] = {}
        self._lock = threading.Lock()

    @property
    def labels(self) -> tuple[str, ...]:
        """The curves that there are."""
        exact = ("B", *(("C",) if self.has_combined else ()), *map(_class, self.mixture.family_names))
        return ("model", *(exact if self.references is not None else ()), "truth", *self.panel)

    def answer(self, state: State) -> Answers:
        """All that is shown of a prompt; one without points has no answer but the truth."""
        points = state.points[: self.longest]
        x, y = (np.asarray([point[axis] for point in points])[None] for axis in (0, 1))
        queries, count = self.places[None, :, None], len(points)
        curves: dict[str, np.ndarray] = {}
        bands: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        probability, surprise = {}, float("nan")
        function = self.tasks.function_of(state)

        def add(label: str, mean: np.ndarray, variance: np.ndarray | None = None) -> None:
            curves[label] = mean
            if variance is not None and np.isfinite(variance).all():
                half = NORMAL_95 * np.sqrt(variance)
                bands[label] = (mean - half, mean + half)

        if count:
            model = self.models[min(state.model, len(self.models) - 1)]
            with blas_on_one_thread():
                found = model.predict_batch(x[..., None], y, queries, [count])
                add("model", found.mean[0, 0], found.variance[0, 0])
                if self.references is not None:
                    exact = self.references.batch(x[..., None], y, queries, [count], variance=True, room=MOST_POINTS)
                    add("B", exact.bayes_mean[0, 0], exact.bayes_variance[0, 0])
                    if self.has_combined:
                        add("C", exact.combined_mean[0, 0], exact.combined_variance[0, 0])
                    names = self.mixture.family_names
                    for name, mean in zip(names, exact.class_means[0, 0], strict=True):
                        add(_class(name), mean)
                    probability = dict(zip(names, exact.class_probability[0, 0].tolist(), strict=True))
                    surprise = -float(exact.log_evidence[0, 0]) / count
                for label in state.shown:
                    if label in self.panel:
                        add(label, self.panel[label].predict_batch(x[..., None], y, queries, [count]).mean[0, 0])
        errors = {}
        if function is not None:
            curves["truth"] = function(self.places)
            errors = self._errors(curves)
        typical = self.typical(count) if count else (float("nan"), float("nan"))
        return Answers(state, curves, bands, probability, surprise, typical, errors, self.verdict(state))

    def drawn(self, state: State) -> State:
        """The state with the points of its function."""
        state = dataclasses.replace(state, length=min(state.length, self.longest))
        return dataclasses.replace(state, points=self.tasks.points_of(state)[: self.longest])

    def typical(self, count: int) -> tuple[float, float]:
        """Mean and standard deviation of the surprise a point of the mixture's own prompts, at about that length."""
        if self.references is None:
            return float("nan"), float("nan")
        length = min(LENGTHS, key=lambda known: abs(known - count))
        with self._lock:
            if length not in self._typical:
                with LAPACK:  # which some laws of inputs call
                    prompts = self.mixture.prompts(key_for(0, "explorer", "typical"), TYPICAL, length, 1)
                    x, y, queries = (np.asarray(array, np.float64) for array in prompts[:3])
                surprise = -self.references.batch(x, y, queries, [length]).log_evidence[:, 0] / length
                self._typical[length] = (float(surprise.mean()), float(surprise.std()))
            return self._typical[length]

    def verdict(self, state: State) -> str:
        """That of the nearest cell of the run's own probes; empty where none is of this kind."""
        probe, strength = {
            "combination": ("convex", state.weight),
            "sinusoid": ("frequency", state.frequency),
            "frequency × 2": ("frequency", 2 * state.frequency),
        }.get(state.preset, ("", 0.0))
        cells = self.verdicts[self.verdicts["probe"] == probe] if probe else self.verdicts[:0]
        if cells.empty:
            return ""
        off = (cells["strength"] - strength).abs()
        cells = cells[off == off.min()]
        cell = cells.loc[(cells["length"] - len(state.points)).abs().idxmin()]
        note = f" ({cell['provisional']})" if cell["provisional"] else ""
        where = f"{cell['probe']}, {cell['coordinate']} = {cell['strength']:g}, {cell['length']} pairs"
        return f"{cell['verdict']}{note}: {where}"

    def _errors(self, curves: dict[str, np.ndarray]) -> dict[str, float]:
        inside = (self.places >= self.inside[0]) & (self.places <= self.inside[1])
        truth = curves["truth"][inside]
        scale = max(float(truth.var()), 1e-12)
        return {
            label: float(np.square(mean[inside] - truth).mean()) / scale
            for label, mean in curves.items()
            if label != "truth"
        }


def _class(name: str) -> str:
    return f"class: {name}"


def _verdicts(run: Run) -> Any:
    """The verdicts that the run's report shows; an empty table where it was not probed, or is a study."""
    columns = ["probe", "coordinate", "strength", "length", "verdict", "provisional"]
    try:
        return run.table().verdicts()[columns].fillna({"provisional": ""})
    except (OffpriorError, KeyError):
        return pd.DataFrame(columns=columns)
