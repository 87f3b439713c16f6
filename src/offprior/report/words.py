"""What a run's tables say, in sentences and short tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from offprior.evaluation.verdict import M1_GATE, NO_PRIOR_GAP, SEEDS_WANTED, UNDER_TRAINED, is_judged
from offprior.figures.figure import ReportData, along_context

IN_DISTRIBUTION = "in-distribution"


def number(value: Any) -> str:
    """Three decimals, a few more for small numbers, a dash for an unknown one."""
    if value is None or not np.isfinite(value):
        return "–"
    size = abs(float(value))
    if size >= 1000:
        digits = f"{size:.0f}"
    elif size >= 0.001 or size == 0:
        digits = f"{size:.3f}"
    else:
        digits = f"{size:.4f}" if size >= 9.5e-5 else f"{size:.0e}".replace("e-0", "e−")
    return f"−{digits}" if value < 0 else digits


def bounds(row: Mapping[Any, Any], name: str) -> str:
    """The 95% interval of a value; empty where it is unknown."""
    return between(row.get(f"{name}_low"), row.get(f"{name}_high"))


def between(low: Any, high: Any) -> str:
    """An interval by its ends; empty where one is unknown."""
    ends = [number(low), number(high)]
    return "" if "–" in ends else f"[{ends[0]}, {ends[1]}]"


def interval(row: Mapping[Any, Any], name: str) -> str:
    """A value and its 95% interval."""
    return f"{number(row.get(name))} {bounds(row, name)}".rstrip()


def when(time: object) -> str:
    """2026-01-31T12:34:56+00:00 -> 2026-01-31 12:34 UTC; anything else as it is."""
    day, middle, rest = str(time).partition("T")
    return f"{day} {rest[:5]} UTC" if middle and rest.endswith("+00:00") else str(time)


def enumeration(words: Sequence[object]) -> str:
    """5, 10 and 20."""
    found = [f"{word:g}" if isinstance(word, float) else str(word) for word in words]
    return " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)


def gate(data: ReportData) -> list[dict[str, Any]]:
    """Of each family, and of the worst one: at which context lengths it passes the gate of M1, in words."""
    rows = data.cells(IN_DISTRIBUTION)
    if rows.empty:
        return []
    found = []
    for name, column in [("the worst family", "M1"), *((family, f"M1: {family}") for family in data.families)]:
        if column in rows:
            values = {int(row["length"]): float(row[column]) for row in rows.to_dict("records")}
            found.append({"family": name, "values": values, **_passing(values, data.training_length)})
    return found


def _passing(values: Mapping[int, float], trained_to: int | None) -> dict[str, Any]:
    good = [length for length, value in values.items() if value <= M1_GATE]
    bad = [length for length, value in values.items() if value > M1_GATE]
    longest = max([length for length in values if trained_to is None or length <= trained_to], default=max(values))
    at_longest = f"M1 = {number(values[longest])} at {longest} pairs"
    if not good and not bad:
        words = "not measured"
    elif not bad:
        words = f"trained enough at every context length ({at_longest})"
    elif not good:
        words = f"under-trained at every context length ({at_longest})"
    else:
        words = f"trained enough at {enumeration(good)} pairs, under-trained at {enumeration(bad)} ({at_longest})"
    return {"words": words, "passed": bool(good) and not bad, "failed": bool(bad) and not good}


def headline(data: ReportData) -> dict[Any, Any] | None:
    """The cell to quote: the largest prior gap of the convex probe, at the longest context that pretraining had.

    Of another probe where there is no convex one.
    """
    outside = [probe for probe in data.probes if probe != IN_DISTRIBUTION and not along_context(data.cells(probe))]
    outside.sort(key=lambda probe: probe.partition(",")[0] != "convex")
    for probe in outside:
        cells = data.cells(probe)
        cells = cells[(~cells["inside"].astype(bool)) & cells["M3"].notna()]
        if data.training_length is not None:
            cells = cells[cells["length"] <= data.training_length]
        if len(cells):
            cells = cells[cells["length"] == cells["length"].max()]
            return cells.loc[cells["M3"].idxmax()].to_dict()
    return None


def breaks(data: ReportData) -> list[dict[str, str]]:
    """Of an atlas: a row a probe, those that break nearest to the mixture first."""
    return [
        {
            "rank": str(row["rank"]) if row["rank"] else "",
            "probe": str(row["probe"]),
            "place": place(row),
            "outside": number(row["outside"]),
            "model": interval(row, "M2"),
            "B": number(row["bayes_nmse"]),
            "C": number(row["combined_nmse"]),
            "shortfall": interval(row, "shortfall"),
            "fault": str(row["fault"]) or "holds",
        }
        for row in data.breaks.to_dict("records")
    ]


def place(row: Mapping[Any, Any]) -> str:
    """a = 0.5, 40 pairs."""
    pairs = f"{row['length']:g} pairs"
    if not row["coordinate"] or row["strength"] == row["length"]:
        return pairs
    return f"{row['coordinate']} = {row['strength']:.3g}, {pairs}"


def summary(data: ReportData) -> str:
    """What one would quote of the run."""
    cell = headline(data)
    recipe = data.manifest.get("recipe") or data.label
    if cell is None and len(data.metrics) and not is_judged(data.metrics):
        return (
            f"{recipe}: the pretraining mixture has no exact posterior. Below are the errors of the model beside those "
            "of other predictors; there is no Bayes predictor to judge it by, and no verdict."
        )
    if cell is None:
        return f"{recipe}: nothing outside the pretraining mixture was measured."
    families = f"on {enumeration(data.families)} functions " if data.families else ""
    where = f"{cell['coordinate']} = {cell['strength']:.3g} of the {cell['probe']} probe"
    pairs, bayes, combined = f"{cell['length']:g}", number(cell["bayes_nmse"]), number(cell["combined_nmse"])
    begun = (
        f"Pretrained {families}(recipe {recipe}) and tested at {where} with {pairs} context pairs, the model has a "
        f"normalised error of {interval(cell, 'M2')}; the exact Bayes predictor of its own pretraining mixture has "
        f"{bayes}, one that also knows the probe's functions {combined}."
    )
    note = f" ({cell['provisional']})" if cell.get("provisional") else ""
    if cell["verdict"] == UNDER_TRAINED or cell["M1"] > M1_GATE:
        short = f"in distribution M1 = {number(cell['M1'])}, above the gate of {M1_GATE:g}"
        return f"{begun} No claim outside the mixture is made: the model is under-trained ({short})."
    if cell["verdict"] == NO_PRIOR_GAP:
        return f"{begun} The prior already covers this cell."
    index = f"share of the prior gap closed {interval(cell, 'M5')}, " if np.isfinite(cell["M5"]) else ""
    return f"{begun} Verdict: {index}the model {_as_verb(cell['verdict'])}{note}."


def study_summary(data: ReportData) -> str:
    """What one would quote of a study: what was varied, what was read, and where it crosses its threshold."""
    if data.study is None or data.study.at_length.empty:
        return f"{data.label}: its measure is unknown at every place."
    rows, study = data.study.at_length, data.study.study
    recipe, what = data.manifest.get("recipe") or data.label, study.axis or study.coordinate or "the recipe"
    begun = f"{what} was varied over {len(rows)} places (recipe {recipe}), and {data.study.reads} was read at each"
    least, most = (rows.loc[pick] for pick in (rows["value"].idxmin(), rows["value"].idxmax()))
    ends = f"from {number(least['value'])} at {least['label']} to {number(most['value'])} at {most['label']}"
    sure = data.study.surely_behind
    first = f" The first place whose whole interval is behind the threshold: {sure:.4g}." if sure is not None else ""
    return f"{begun[0].upper()}{begun[1:]}: {ends}. {data.study.crossing_in_words}{first}".rstrip()


def _as_verb(verdict: str) -> str:
    return {"worse than Bayes": "is worse than Bayes", "undecided": "is undecided against Bayes"}.get(verdict, verdict)


TASKS_ADD = 0.1
"""Tasks are enough where they add less than this share of the width of an interval over seeds."""


def intervals_are_over(data: ReportData) -> str:
    """What the 95% intervals are over."""
    seeds = int(data.metrics["seeds"].max()) if "seeds" in data.metrics and len(data.metrics) else 0
    if seeds == 0:
        return "The predictor is not trained: the 95% intervals are over tasks."
    if seeds == 1:
        return (
            "There is one training seed: the 95% intervals are over tasks only and say nothing about "
            "another training; every verdict is provisional."
        )
    few = f"; below {SEEDS_WANTED} seeds every verdict is provisional" if seeds < SEEDS_WANTED else ""
    if not is_judged(data.metrics):
        return f"The 95% intervals count {seeds} training seeds and the tasks, which all seeds share."
    widest = data.metrics["M4_tasks_add"].max()
    enough = "enough of them" if widest < TASKS_ADD else "too few of them: give evaluation.tasks more"
    return (
        f"The 95% intervals count {seeds} training seeds and the tasks, which all seeds share (two-way){few}. Under "
        f"that of M4 stands the part of the tasks alone. Tasks widen an interval over seeds by at most "
        f"{number(100 * widest)}%; {enough}."
    )


def shares(data: ReportData) -> list[dict[str, Any]]:
    """Of each family: its declared weight, and its realised share of every seed's training prompts."""
    realised: Mapping[str, Mapping[str, float]] = data.manifest.get("realised") or {}
    mixture = data.recipe.get("mixture") or {}
    families = list(next(iter(realised.values()), {})) or data.families
    weights = [float(weight) for weight in mixture.get("weights") or [1.0] * len(families)]
    declared = (
        [weight / sum(weights) for weight in weights] if len(weights) == len(families) else [np.nan] * len(families)
    )
    return [
        {
            "family": family,
            "declared": weight,
            "realised": {seed: share.get(family) for seed, share in realised.items()},
        }
        for family, weight in zip(families, declared, strict=True)
    ]


def noise_floor(data: ReportData) -> str | None:
    """How much B moves at ten times its noise floor; None where prompts are noisy and the floor plays no part."""
    if "bayes_nmse_floor10" not in data.metrics:
        return None
    cells = data.metrics[data.metrics["bayes_nmse_floor10"].notna()]
    if cells.empty:
        return None
    moves = (cells["bayes_nmse_floor10"] - cells["bayes_nmse"]).abs()
    cell: pd.Series = cells.loc[moves.idxmax()]
    floor, median, most = data.manifest.get("noise_floor") or "?", number(moves.median()), number(moves.max())
    where = f"{cell['probe']}, {cell['coordinate'] or 'place'} = {cell['strength']:.3g}, {cell['length']:g} pairs"
    change = f"from {number(cell['bayes_nmse'])} to {number(cell['bayes_nmse_floor10'])}"
    return (
        f"The mixture is noise-free; its Bayes predictors use a noise floor of {floor}. At ten times the floor the "
        f"error of B changes by {median} in the median cell and by {most} at most ({where}: {change})."
    )
