"""The content of a run's tables, as sentences and short tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from offprior.analysis.verdict import M1_GATE, SEEDS_WANTED, is_judged
from offprior.columns import ALL, IN_DISTRIBUTION, WHERE, wording
from offprior.figures.figure import ReportData


def number(value: Any) -> str:
    """Formats a number to three decimals unless it is very large or small; an unknown number becomes a dash."""
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
    """Formats the 95% interval of a value; empty if unknown."""
    return between(row.get(f"{name}_low"), row.get(f"{name}_high"))


def between(low: Any, high: Any) -> str:
    """Formats an interval from its ends; empty if one is unknown."""
    ends = [number(low), number(high)]
    return "" if "–" in ends else f"[{ends[0]}, {ends[1]}]"


def interval(row: Mapping[Any, Any], name: str) -> str:
    """Formats a value and its 95% interval."""
    return f"{number(row.get(name))} {bounds(row, name)}".rstrip()


def when(time: object) -> str:
    """Formats a time: 2026-01-31T12:34:56+00:00 becomes 2026-01-31 12:34 UTC; anything else is returned unchanged."""
    day, middle, rest = str(time).partition("T")
    return f"{day} {rest[:5]} UTC" if middle and rest.endswith("+00:00") else str(time)


def enumeration(words: Sequence[object]) -> str:
    """Joins words as in "5, 10 and 20"."""
    found = [f"{word:g}" if isinstance(word, float) else str(word) for word in words]
    return " and ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)


def gate(data: ReportData, probe: str = IN_DISTRIBUTION, placement: str = ALL) -> list[dict[str, Any]]:
    """Returns one row per family: the context lengths at which it passes the gate of M1, in words."""
    rows = data.cells(probe, placement)
    if rows.empty:
        return []
    found = []
    families = [(family, f"M1: {family}") for family in data.families]
    for name, column in families if families else [("all", "M1")]:
        if column in rows and rows[column].notna().any():
            values = {int(row["length"]): float(row[column]) for row in rows.to_dict("records")}
            found.append({"family": name, "values": values, **_passing(values, data.training_length, data.wording.of)})
    return found


def further_gates(data: ReportData) -> list[dict[str, Any]]:
    """Returns the tables of `gate` for each further placement of queries and each further law of inputs."""
    own = [probe for probe in data.probes if probe.partition(",")[0] == IN_DISTRIBUTION]
    found = []
    for probe in own:
        for placement in data.placements:
            if (probe, placement) != (IN_DISTRIBUTION, ALL) and (rows := gate(data, probe, placement)):
                inputs = f"{probe.partition(', ')[2]}" if probe != IN_DISTRIBUTION else ""
                where = "" if placement == ALL else WHERE[placement]
                found.append({"title": ", ".join(filter(None, (inputs, where))), "rows": rows})
    return found


def _passing(values: Mapping[int, float], trained_to: int | None, of: str) -> dict[str, Any]:
    values = {length: value for length, value in values.items() if np.isfinite(value)}
    good = [length for length, value in values.items() if value <= M1_GATE]
    bad = [length for length, value in values.items() if value > M1_GATE]
    longest = max([length for length in values if trained_to is None or length <= trained_to], default=max(values))
    at_longest = f"M1 = {number(values[longest])} at {longest} {of}"
    if not good and not bad:
        words = "not measured"
    elif not bad:
        words = f"trained enough at every context length ({at_longest})"
    elif not good:
        words = f"under-trained at every context length ({at_longest})"
    else:
        words = f"trained enough at {enumeration(good)} {of}, under-trained at {enumeration(bad)} ({at_longest})"
    return {"words": words, "passed": bool(good) and not bad, "failed": bool(bad) and not good}


def place(row: Mapping[Any, Any]) -> str:
    """Formats the place of a cell as in "a = 0.5, 40 pairs"."""
    context = f"{row['length']:g} {wording(row.get('unit')).of}"
    if not row["coordinate"] or row["strength"] == row["length"]:
        return context
    return f"{row['coordinate']} = {row['strength']:.3g}, {context}"


TASKS_ADD = 0.1
"""If tasks widen an interval over seeds by less than this share, more of them would not help."""
FEW_TASKS = 128
"""With fewer tasks per cell, simulated coverage falls if errors have a heavy tail (docs/metrics.md)."""


def intervals_are_over(data: ReportData) -> str:
    """Describes what the 95% intervals are over."""
    seeds = int(data.metrics["seeds"].max()) if "seeds" in data.metrics and len(data.metrics) else 0
    carried = (
        " Verdicts whose numbers depend mainly on a few tasks are marked." if "few_tasks_carry" in data.metrics else ""
    )
    carried += _few_tasks(data)
    if seeds == 0:
        return f"The predictor is not trained: the 95% intervals are over tasks.{carried}"
    if seeds == 1:
        return (
            "There is one training seed: the 95% intervals are over tasks only and say nothing about other training "
            f"runs; every verdict is provisional.{carried}"
        )
    few = f"; below {SEEDS_WANTED} seeds every verdict is provisional" if seeds < SEEDS_WANTED else ""
    if not is_judged(data.metrics):
        return f"The 95% intervals are over {seeds} training seeds and the tasks, which all seeds share."
    added = data.metrics["M4_tasks_add"].median()
    more = "; more tasks (evaluation.tasks) would narrow it" if added >= TASKS_ADD else ""
    widen = (
        f" The choice of tasks widens the interval of M4 by {100 * added:.0f}% in the median cell{more}."
        if np.isfinite(added)
        else ""
    )
    return (
        f"The 95% intervals are over {seeds} training seeds and the tasks, which all seeds share{few}.{widen}{carried}"
    )


def _few_tasks(data: ReportData) -> str:
    """Describes how having few tasks outside the prior affects intervals; empty if there are enough."""
    if "tasks" not in data.metrics or data.metrics.empty:
        return ""
    outside = data.metrics[data.metrics["probe"] != IN_DISTRIBUTION]
    if outside.empty or outside["tasks"].min() >= FEW_TASKS:
        return ""
    return (
        f" Cells have {outside['tasks'].min():.0f} tasks: if errors are heavy-tailed, this few tasks often miss the "
        "tail, and simulated intervals missed the truth in up to 12% of cells instead of 5%."
    )


def shares(data: ReportData) -> list[dict[str, Any]]:
    """Returns one row per family: its declared weight, and its realised share of every seed's training prompts."""
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
    """Describes how much B changes at ten times its noise floor; None if prompts are noisy, because B then has none."""
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
        f"error of B changes by {median} in the median cell and by at most {most} ({where}: {change})."
    )
