"""The tables of a report's page, as text."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from offprior.analysis.errors_of_predictors import errors
from offprior.analysis.unknown_prior import is_prior_known
from offprior.analysis.verdict import (
    FEW_TASKS_CARRY,
    GENERALISES,
    LIKE_CLASS,
    NO_PRIOR_GAP,
    SMOOTHS,
    UNDER_TRAINED,
    carry_mark,
    families_that_fail,
    is_judged,
    smoother_note,
)
from offprior.columns import ALL, MODEL, WHERE, is_reference
from offprior.figures.figure import ReportData
from offprior.figures.verdict_map import LOOKS, OFF, held_verdict, look_of, verdict_of
from offprior.report import words
from offprior.report.names import slug

REFERENCES = {"B": "bayes_nmse", "C": "combined_nmse", "S": "smoother_nmse"}
JUDGED_BY = ("M1", "M2", "B", "C", "S", "M3", "M4", "M5", "M19", "M20", "M7")
"""The columns of a table of verdicts."""
JUDGED_WITHOUT_PRIOR = (
    *("M2", "panel_nmse", "panel_gap", "B", "C", "S", "class_distance", "blend_distance"),
    *("nearest", "M6", "M7", "M8", "M8_class_probability", "M12"),
)
"""The same if the predictor's prior is unknown."""
MADE_OF = ("M6", "M8", "M9_slope", "M9_amplitude", "M12", "M13")
"""The columns of the table below the verdicts: the components of the model's curve."""
HEADS = {
    **{"M9_slope": "M9 slope", "M9_amplitude": "M9 ampl.", "panel_nmse": "panel", "panel_gap": "above panel"},
    **{"class_distance": "from one class", "blend_distance": "from best blend", "M8_class_probability": "P(class)"},
}


def study_rows(data: ReportData) -> list[dict[str, str]]:
    """Returns the measure of a study at each of its places."""
    if data.study is None:
        return []
    return [
        {
            "label": str(row["label"]),
            "value": words.number(row["value"]),
            "interval": words.between(row["low"], row["high"]),
            "over": f"{row['seeds']} training seeds and tasks" if row["seeds"] > 1 else "tasks",
        }
        for row in data.study.at_length.to_dict("records")
    ]


def error_tables(data: ReportData) -> list[dict[str, Any]]:
    """Returns a table per probe of the errors of the model and of the other predictors that are no references.

    There is none if verdicts say it all: there is no other predictor, or the run is an atlas, which judges one (and
    knows its prior).
    """
    others = {str(name) for name in data.evaluation["predictor"].unique() if not is_reference(str(name))} - {MODEL}
    if is_judged(data.metrics) and (not others or (not data.breaks.empty and data.prior_known)):
        return []
    found = []
    for probe, rows in errors(data.evaluation).groupby("probe", sort=False):
        lengths = sorted(rows["length"].unique())
        table = []
        rows = rows.sort_values("strength", kind="stable")  # predictors stay in the order of the evaluation
        for (strength, predictor), cells in rows.groupby(["strength", "predictor"], sort=False):
            of_length = {cell["length"]: cell for cell in cells.to_dict("records")}
            shown = [of_length.get(length, {}) for length in lengths]
            values = [words.number(cell.get("value")) for cell in shown]
            ends = [words.between(cell.get("low"), cell.get("high")) for cell in shown]
            row = {"strength": f"{strength:.3g}", "predictor": predictor}
            table.append({**row, "cells": list(zip(values, ends, strict=True))})
        found.append({"probe": probe, "lengths": lengths, "rows": table})
    return found


def judged_by(data: ReportData) -> tuple[str, ...]:
    """Returns the columns of a table of verdicts."""
    return JUDGED_BY if data.prior_known else JUDGED_WITHOUT_PRIOR


def verdict_table(data: ReportData, probe: str) -> dict[str, Any]:
    """Returns a probe's verdicts: for all queries, then for those between the context's points and beyond them."""
    cells = data.cells(probe).to_dict("records")
    parts = [
        {"placement": WHERE[placement], "counts": counts(found), "rows": [_verdict_row(cell) for cell in found]}
        for placement in data.placements
        if (found := data.cells(probe, placement).to_dict("records")) and (placement == ALL or data.prior_known)
    ]
    further = MADE_OF if data.prior_known else tuple(name for name in MADE_OF if name not in JUDGED_WITHOUT_PRIOR)
    made_of = [name for name in further if any(np.isfinite(cell.get(name, np.nan)) for cell in cells)]
    return {
        "probe": probe,
        "coordinate": str(cells[0]["coordinate"]) or "place",
        "counts": parts[0]["counts"],
        "note": "; ".join(sorted({str(cell["provisional"]) for cell in cells if cell.get("provisional")})),
        "parts": parts,
        "made_of": made_of,
    }


def counts(cells: list[dict[Any, Any]]) -> str:
    """Counts the cells with each verdict, in words; verdicts are those that hold among all cells."""
    found = pd.Series([held_verdict(cell) for cell in cells]).value_counts()
    return ", ".join(f"{found[name]} {name}" for name in LOOKS if name in found)


def _verdict_row(cell: Mapping[Any, Any]) -> dict[str, str]:
    verdict, look = verdict_of(cell["verdict"]), look_of(cell)
    judged = verdict != NO_PRIOR_GAP
    notes = [f"{name} misses M1" for name in families_that_fail(cell)] if verdict == UNDER_TRAINED else []
    notes += [f"off B by {words.number(cell.get('bayes_distance'))}"] if look == OFF else []
    notes += [FEW_TASKS_CARRY] if carry_mark(cell) else []
    notes += [note] if verdict in (GENERALISES, SMOOTHS) and (note := smoother_note(cell)) else []
    if verdict == LIKE_CLASS and cell.get("nearest_class"):
        notes.append(f"{cell['nearest_class']} in {cell['nearest_class_share']:.0%} of prompts")
    held = held_verdict(cell)
    notes += [f"{held}, all cells counted"] if held != verdict else []
    row = {
        "strength": f"{cell['strength']:.3g}",
        "length": f"{cell['length']:g}",
        "verdict": verdict,
        "note": "; ".join(notes),
        "kind": slug(look),
    }
    for name, column in REFERENCES.items():
        row[name] = words.number(cell.get(column))
    row["nearest"] = str(cell.get("nearest", ""))
    columns = JUDGED_BY if is_prior_known(cell) else JUDGED_WITHOUT_PRIOR
    for name in (*columns, *MADE_OF):
        if name in REFERENCES or name == "nearest":
            continue
        # Without a prior gap nothing can be gained and there is nothing to divide by: only M1 and M2 are shown.
        is_shown = judged or name in ("M1", "M2")
        row[name] = words.number(cell.get(name)) if is_shown else ""
        row[f"{name} interval"] = words.bounds(cell, name) if is_shown else ""
    return row
