"""The result of a study: its measure at its places, with intervals, and where it crosses a threshold; no jax."""

import dataclasses

import numpy as np
import pandas as pd

from offprior.analysis.cells import cells
from offprior.analysis.crossing import Axis, Crossing, crossing, next_place
from offprior.analysis.estimate import Estimate
from offprior.analysis.identification import algorithms, distance
from offprior.analysis.measure import estimate
from offprior.columns import IN_DISTRIBUTION, MODEL, wording
from offprior.recipe.study import Measure, Study, mixture_label

PLACE = ["place", "at", "label"]
"""Columns that a study's rows have before the usual ones: the place's number, its coordinate, its name."""
CURVE = [*PLACE, "length", "value", "low", "high", "interval_over", "seeds"]
SEEDS = [*PLACE, "seed", "value", "low", "high"]
DISTANCES = [*PLACE, "algorithm", "value", "low", "high"]
MATRIX = ["trained", "tested", "value", "low", "high"]


@dataclasses.dataclass(frozen=True)
class StudyResult:
    """The measure of a study at its places."""

    study: Study
    curve: pd.DataFrame
    """One row per place and context length: the mean over training seeds, with its 95% interval."""
    seeds: pd.DataFrame
    """One row per place and training seed, at the measure's own context length; intervals are over tasks."""
    crossing: Crossing | None
    """Where the measure crosses the threshold; None if no threshold was given."""
    matrix: pd.DataFrame
    """NMSE, one row per pair of places, if every place was tested on the prompts of every other."""
    distances: pd.DataFrame = dataclasses.field(default_factory=lambda: pd.DataFrame(columns=DISTANCES))
    """The model's distance from every other predictor (M11), one row per place and predictor, at the measure's cell."""
    of: str = "pairs"
    """What a context is made of."""
    also: "tuple[StudyResult, ...]" = ()
    """The same of each further measure."""

    @property
    def at_length(self) -> pd.DataFrame:
        """The curve's rows at the measure's own context length, in the order of the places."""
        return self.curve[self.curve["length"] == self.study.measure.length].reset_index(drop=True)

    @property
    def reads(self) -> str:
        """The measure and where it is read, in words."""
        measure = self.study.measure
        where = "" if measure.strength is None or measure.probe == IN_DISTRIBUTION else f" at {measure.strength:g}"
        return f"{measure} ({measure.probe}{where}, {measure.length} {self.of})"

    @property
    def crossing_in_words(self) -> str:
        """Where the threshold is crossed, with the interval and its meaning; empty if no threshold was given."""
        study, found = self.study, self.crossing
        if found is None:
            return ""
        name, threshold = study.coordinate or "the coordinate", f"{study.threshold:g}"
        begun = f"{study.measure} {'rises above' if study.direction == 'rising' else 'falls below'} {threshold}"
        if not np.isfinite(found.at):
            return f"{begun}: no crossing among the places; {found.note}."
        held = f"between the places {found.bracket[0]:.4g} and {found.bracket[1]:.4g}"
        note = f"; {found.note}" if found.note else ""
        if not np.isfinite(found.low):
            return f"{begun} at {name} = {found.at:.4g}, {held}; its interval is unknown{note}."
        over = {
            "training seeds and tasks": "95%, over the training seeds' own crossings and a bootstrap over their tasks",
            "tasks": "95% bootstrap over tasks; one training seed says nothing about another",
        }[found.interval_over]
        return f"{begun} at {name} = {found.at:.4g} [{found.low:.4g}, {found.high:.4g}] ({over}), {held}{note}."

    @property
    def surely_behind(self) -> float | str | None:
        """The first place whose whole interval is past the threshold; None if there is none."""
        threshold, here = self.study.threshold, self.at_length.sort_values("at")
        if threshold is None:
            return None
        rising = self.study.direction == "rising"
        sure = here[here["low"] > threshold] if rising else here[here["high"] < threshold]
        return float(sure["at"].iloc[0]) if len(sure) else None


def probes_read(study: Study) -> list[str]:
    """Returns the probes whose rows the result uses."""
    tests = [mixture_label(place.label) for place in study.places] if study.cross else []
    return list(dict.fromkeys([IN_DISTRIBUTION, *(each.probe for each in (study.measure, *study.also)), *tests]))


def study_result(rows: pd.DataFrame, study: Study) -> StudyResult:
    """Computes the measure at every place and context length of a study's rows, which have the columns `PLACE`.

    Raises:
        OffpriorError: the measure names a predictor that was not evaluated.
    """
    curve, seeds, matrix, distances = [], [], [], []
    estimates: dict[float, tuple[list[int], Estimate]] = {}
    for key, here in _places(rows):
        place = dict(zip(PLACE, key, strict=True))
        own = here[here["probe"] == study.measure.probe]
        for length in sorted(own["length"].unique()):
            found = estimate(here, study.measure, int(length))
            if found is None:
                continue
            low, high = found.interval()
            over = "training seeds and tasks" if len(found.values) > 1 else "tasks"
            row = {"length": int(length), "value": found.value, "low": low, "high": high, "interval_over": over}
            curve.append({**place, **row, "seeds": len(found.values)})
            if length == study.measure.length:
                names = sorted(here.loc[here["predictor"] == MODEL, "seed"].unique().tolist())
                estimates[float(key[1])] = names, found
                seeds += [{**place, **row} for row in _of_seeds(here, study.measure, names, found)]
        distances += [{**place, **row} for row in _distances(here, study.measure)]
        if study.cross:
            matrix += [{"trained": place["label"], **row} for row in _across(here, study)]
    crossed = None
    if study.threshold is not None:
        x, of_seeds, of_resamples = _arrays(estimates)
        crossed = crossing(x, of_seeds, of_resamples, _axis(study))
    return StudyResult(
        study,
        pd.DataFrame(curve, columns=CURVE),
        pd.DataFrame(seeds, columns=SEEDS),
        crossed,
        pd.DataFrame(matrix, columns=MATRIX),
        pd.DataFrame(distances, columns=DISTANCES),
        wording(rows["unit"].iloc[0] if "unit" in rows and len(rows) else None).of,
        tuple(study_result(rows, study.model_copy(update={"measure": each, "also": []})) for each in study.also),
    )


def next_at(result: StudyResult) -> float | int | None:
    """Returns where bisection trains next: the middle of the places around the crossing; None if there are none."""
    study, curve = result.study, result.at_length.sort_values("at")
    return next_place(curve["at"].to_numpy(float), curve["value"].to_numpy(float), _axis(study), study.is_whole)


def _places(rows: pd.DataFrame) -> list[tuple[tuple, pd.DataFrame]]:
    """Returns the places in the order of their coordinates, or of the recipe's labels."""
    found = [(tuple(key), here) for key, here in rows.groupby(PLACE, sort=False, dropna=False)]
    return sorted(found, key=lambda one: (one[0][1], one[0][0]) if one[0][1] == one[0][1] else (0.0, one[0][0]))


def _of_seeds(here: pd.DataFrame, measure: Measure, names: list[int], of_all: Estimate) -> list[dict[str, float]]:
    found = []
    for seed, value in zip(names, of_all.values, strict=True):
        # Rows of seeds that were not requested are dropped; those of untrained predictors are kept.
        single = estimate(here[(here["seed"] == seed) | (here["seed"] < 0)], measure, int(measure.length or 0))
        low, high = single.over_tasks() if single is not None else (np.nan, np.nan)
        found.append({"seed": int(seed), "value": float(value), "low": low, "high": high})
    return found


def _distances(here: pd.DataFrame, measure: Measure) -> list[dict[str, object]]:
    """Returns the model's distance from every predictor that was evaluated with it, where the measure is read."""
    own = (here["probe"] == measure.probe) & (here["length"] == measure.length)
    if measure.strength is not None:
        own &= np.isclose(here["strength"], measure.strength, rtol=0, atol=1e-9)
    found = []
    for cell in list(cells(here[own], MODEL).values())[:1]:
        for name in algorithms(cell):
            value = distance(cell, name) if name != MODEL else None
            if value is not None:
                low, high = value.interval()
                found.append({"algorithm": name, "value": value.value, "low": low, "high": high})
    return found


def _across(here: pd.DataFrame, study: Study) -> list[dict[str, object]]:
    found = []
    for place in study.places:
        measure = Measure(name="M2", probe=mixture_label(place.label))
        value = estimate(here, measure, int(study.measure.length or 0))
        if value is not None:
            low, high = value.interval()
            found.append({"tested": place.label, "value": value.value, "low": low, "high": high})
    return found


def _arrays(estimates: dict[float, tuple[list[int], Estimate]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns coordinates, values [places, seeds] of seeds that every place has, and replicates [places, resamples]."""
    if not estimates:
        return np.zeros(0), np.zeros((0, 1)), np.zeros((0, 1))
    x = sorted(estimates)
    common = sorted(set.intersection(*(set(names) for names, _ in estimates.values())))
    values = [[estimates[at][1].values[estimates[at][0].index(seed)] for seed in common] for at in x]
    replicates = [estimates[at][1].replicates for at in x]
    return np.asarray(x), np.asarray(values, float).reshape(len(x), len(common)), np.asarray(replicates)


def _axis(study: Study) -> Axis:
    return Axis(float(study.threshold or 0.0), study.direction == "rising", study.scale == "log")
