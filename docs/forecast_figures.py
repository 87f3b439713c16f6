"""The pictures of fracast.md, drawn from `results/fracast/` when the documentation is built."""

from pathlib import Path

import matplotlib.figure
import pandas as pd
from matplotlib import rc_context

from offprior.figures._error_curves import draw_errors, limit_errors, log_error_axis, mark_prior
from offprior.figures._look import Look, legend_below
from offprior.figures.figure import ReportData
from offprior.recipe.recipe import read

METRICS = Path(__file__).parents[1] / "results" / "fracast" / "metrics.csv"
WIDE = Look(width=9.5)
LEAST = 1e-3
"""Smaller errors lie below the panels."""
WORDS = {
    "model": "fracast",
    "inside the pretraining prior": "inside the reference mixture",
    "B: Bayes, pretraining mixture": "B: Bayes, reference mixture",
}
"""Other words in legends: nobody knows what fracast's prior is."""


def errors(probe: str, axis_label: str) -> matplotlib.figure.Figure:
    """Errors of fracast, B, C and S along a probe, one panel per context length."""
    metrics = pd.read_csv(METRICS)
    data = ReportData(metrics=metrics, recipe=read("forecast-grid").to_mapping())
    cells = metrics[metrics["probe"] == probe]
    lengths = sorted(cells["length"].unique())
    with rc_context(WIDE.rc):
        canvas, axes = WIDE.grid(len(lengths), columns=len(lengths), height=2.9)
        for axis, length in zip(axes, lengths, strict=True):
            here = cells[cells["length"] == length]
            mark_prior(axis, data, cells, WIDE)
            draw_errors(axis, here["strength"], here, WIDE)
            log_error_axis(axis)
            axis.set_title(f"{length:,} points of context")
            limit_errors(axis, cells)
            axis.set_ylim(bottom=LEAST)
            for drawn in (*axis.lines, *axis.patches, *axis.collections):
                drawn.set_label(WORDS.get(str(drawn.get_label()), drawn.get_label()))
        WIDE.labels(axes, axis_label, "NMSE over 48 steps")
        legend_below(canvas, WIDE, *axes)
    return canvas


def table(probe: str, coordinate: str) -> str:
    """Returns the errors along a probe as a Markdown table, fracast's with their intervals."""
    metrics = pd.read_csv(METRICS)
    cells = metrics[metrics["probe"] == probe]
    lines = [f"| points | {coordinate} | fracast | B | C | S |", "|---|---|---|---|---|---|"]
    for _, row in cells.sort_values(["length", "strength"]).iterrows():
        own = f"{_short(row['M2'])} [{_short(row['M2_low'])}, {_short(row['M2_high'])}]"
        others = [_short(row[name]) for name in ("bayes_nmse", "combined_nmse", "smoother_nmse")]
        lines.append(f"| {row['length']:,} | {row['strength']:g} | {own} | {' | '.join(others)} |")
    return "\n".join(lines)


def _short(value: float) -> str:
    if pd.isna(value):
        return "–"
    return "<.001" if value < 5e-4 else f"{value:.3f}".removeprefix("0")
