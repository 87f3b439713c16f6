"""The sentences at the top of a report: what to quote from a run or a study."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from offprior.analysis.verdict import (
    FOLLOWS,
    GENERALISES,
    M1_GATE,
    M3_LEAST,
    NO_PRIOR_GAP,
    SLIGHTLY_BETTER,
    SLIGHTLY_WORSE,
    SMOOTHS,
    UNDECIDED,
    UNDER_TRAINED,
    WORSE,
    families_that_fail,
    is_judged,
)
from offprior.columns import BETWEEN, BEYOND, OF_FUNCTIONS, WHERE, wording
from offprior.figures.figure import ReportData
from offprior.figures.verdict_map import held_verdict
from offprior.report.words import enumeration, interval, number

SAYS = {
    GENERALISES: "the model generalises: it has less error than Bayes, and less than a smoother",
    SMOOTHS: "the model smooths: it has less error than Bayes, not shown to be below a smoother's",
    SLIGHTLY_BETTER: "the model follows Bayes (slightly better)",
    SLIGHTLY_WORSE: "the model follows Bayes (slightly worse)",
    FOLLOWS: "the model follows Bayes",
    WORSE: "the model is worse than Bayes",
    UNDECIDED: "the verdict is undecided",
    NO_PRIOR_GAP: f"C gains no more than {M3_LEAST:g} over B, so there is no prior gap to judge it by",
}
"""Verdicts as the end of a sentence about the model."""


def summary(data: ReportData) -> str:
    """Returns what to quote from a run."""
    cell = data.quoted()
    recipe = data.manifest.get("recipe") or data.label
    if cell is None and len(data.metrics) and not is_judged(data.metrics):
        return (
            f"{recipe}: the pretraining mixture has no exact posterior. Below are the errors of the model beside those "
            "of other predictors; there is no Bayes predictor to judge it by, and so no verdict."
        )
    if cell is None:
        return f"{recipe}: nothing outside the pretraining mixture was measured."
    families = f" on {enumeration(data.families)} {data.wording.tasks}" if data.families else ""
    return f"Pretrained{families} (recipe {recipe}). {of_cell(cell)}{''.join(_placed(data, cell))}"


def of_cell(cell: Mapping[Any, Any]) -> str:
    """Describes the model's error in a cell, the errors of B, C and S, and the verdict that holds among all cells."""
    where = f"{cell['coordinate']} = {cell['strength']:.3g} of the {cell['probe']} probe"
    words = wording(cell.get("unit"))
    error = "a normalised error" if words == OF_FUNCTIONS else "a divergence from the truth, in nats per token,"
    begun = (
        f"At {where}, with {cell['length']:g} context {words.of}, the model has {error} of {interval(cell, 'M2')}. "
        f"The Bayes predictor of its own pretraining mixture has {number(cell['bayes_nmse'])}, "
        f"one that also knows the probe's {words.tasks} {number(cell['combined_nmse'])}"
    )
    smoother = cell.get("smoother_nmse", np.nan)
    known = np.isfinite(smoother)
    begun += f", and a smoother that knows no family {number(smoother)}: " if known else ": "
    note = f" ({cell['provisional']})" if cell.get("provisional") else ""
    verdict = held_verdict(cell)
    if verdict == UNDER_TRAINED:
        return f"{begun}no claim is made, because {_shortly(cell)}."
    shares = [
        f"{name} {interval(cell, metric)}"
        for name, metric in (("share of the prior gap closed", "M5"), ("structure index", "M20"))
        if verdict != NO_PRIOR_GAP and np.isfinite(cell.get(metric, np.nan))
    ]
    index = f" {'; '.join(shares)[0].upper()}{'; '.join(shares)[1:]}." if shares else ""
    return f"{begun}{_says(verdict, cell)}{note}.{index}"


def _says(verdict: str, cell: Mapping[Any, Any]) -> str:
    """Returns the verdict as the end of a sentence; mentions a gain over S whose interval is below 0."""
    if verdict == SMOOTHS and cell.get("M19_high", np.nan) < 0:
        return "the model smooths: it has less error than Bayes, and more than a smoother"
    return SAYS.get(verdict, verdict)


def _placed(data: ReportData, cell: Mapping[Any, Any]) -> list[str]:
    """Describes the same cell for queries of each placement, if the tables have it."""
    found = []
    for placement in (BETWEEN, BEYOND):
        cells = data.cells(str(cell["probe"]), placement)
        if cells.empty:
            continue
        for here in cells[(cells["strength"] == cell["strength"]) & (cells["length"] == cell["length"])].to_dict(
            "records"
        ):
            errors = ", ".join(
                f"{name} {number(here[column])}"
                for name, column in (
                    ("model", "M2"),
                    ("B", "bayes_nmse"),
                    ("C", "combined_nmse"),
                    ("S", "smoother_nmse"),
                )
                if np.isfinite(here.get(column, np.nan))
            )
            verdict = held_verdict(here)
            says = f"no claim is made, because {_shortly(here)}" if verdict == UNDER_TRAINED else _says(verdict, here)
            found.append(f" {WHERE[placement][0].upper()}{WHERE[placement][1:]} ({errors}) {says}.")
    return found


def _shortly(cell: Mapping[Any, Any]) -> str:
    """Describes which family misses the gate."""
    failing = families_that_fail(cell)
    if not failing:
        return f"the model is under-trained: in distribution M1 = {number(cell['M1'])}, above the gate of {M1_GATE:g}"
    values = [f"{family}: M1 = {number(cell[f'M1: {family}'])}" for family in failing]
    return f"the model is under-trained on its own functions ({'; '.join(values)}; the gate is {M1_GATE:g})"


def study_summary(data: ReportData) -> str:
    """Returns what to quote from a study: what was varied, what was measured, and where it crosses its threshold."""
    if data.study is None or data.study.at_length.empty:
        return f"{data.label}: its measure is unknown at every place."
    rows, study = data.study.at_length, data.study.study
    recipe, what = data.manifest.get("recipe") or data.label, study.axis or study.coordinate or "the recipe"
    begun = f"{what} was varied over {len(rows)} places (recipe {recipe}), and {data.study.reads} was read at each"
    least, most = (rows.loc[pick] for pick in (rows["value"].idxmin(), rows["value"].idxmax()))
    ends = f"from {number(least['value'])} at {least['label']} to {number(most['value'])} at {most['label']}"
    sure = data.study.surely_behind
    first = (
        f" The first place whose own 95% interval is entirely past the threshold: {sure:.4g}."
        if sure is not None
        else ""
    )
    also = "".join(f" {each.reads}: {each.crossing_in_words}" for each in data.study.also if each.crossing_in_words)
    return f"{begun[0].upper()}{begun[1:]}: {ends}. {data.study.crossing_in_words}{first}{also}".rstrip()
