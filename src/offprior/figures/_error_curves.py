"""Curves of errors that several figures draw: the model and its references, on a logarithmic axis."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, NullLocator

from offprior.analysis.unknown_prior import is_prior_known
from offprior.figures._look import Look
from offprior.figures._names import MEANING, REFERENCE_MEANING, REFERENCE_SHORT, SHORT
from offprior.figures.figure import (
    GREEN,
    REFERENCE_ERRORS,
    SHADE,
    STYLES,
    ReportData,
    Style,
    along_context,
    prior_spans,
)

SMALLEST_ERROR = 1e-6
"""Normalised errors below this are drawn at this value, because a logarithmic axis has no zero."""
SAME = 0.01
"""B and C are drawn as one curve if they differ by at most this share at every place of a panel."""


def draw_errors(
    axis: Any,
    at: pd.Series,
    cells: pd.DataFrame,
    look: Look,
    *,
    name: str = "",
    style: Style = STYLES["model"],
    references: bool = True,
) -> None:
    """Draws the errors of the model and of the known references at the places `at`, with their 95% intervals.

    If B and C are the same curve, it is drawn once and labelled "B = C".

    Args:
        axis: the panel.
        at: horizontal positions, one per cell.
        cells: rows of the metrics.
        look: the layout.
        name: the model's name in the legend; a standard one if empty.
        style: the model's style.
        references: whether to draw the references.
    """
    _error_curve(axis, at, cells, "M2", name or name_of("model", look), style, look)
    known = {label: column for label, column in REFERENCE_ERRORS.items() if references and _is_known(cells, column)}
    if coincide(cells):
        known.pop("C", None)
    for label, column in known.items():
        is_both = label == "B" and "C" not in known and coincide(cells)
        shown = name_of("B = C" if is_both else label, look, prior_known=is_prior_known(cells))
        _error_curve(axis, at, cells, column, shown, STYLES[label], look, **({"gapcolor": GREEN} if is_both else {}))


def name_of(label: str, look: Look, *, prior_known: bool = True) -> str:
    """Returns a predictor's name in the legend."""
    of_reference = REFERENCE_SHORT if look.is_paper else REFERENCE_MEANING
    if not prior_known and label in of_reference:
        return of_reference[label]
    return (SHORT if look.is_paper else MEANING).get(label, label)


def coincide(cells: pd.DataFrame) -> bool:
    """Whether B and C are the same at every place, as they are if the prior holds the probe's functions."""
    if not (_is_known(cells, "bayes_nmse") and _is_known(cells, "combined_nmse")):
        return False
    bayes, combined = (
        np.maximum(cells[name].to_numpy(float), SMALLEST_ERROR) for name in ("bayes_nmse", "combined_nmse")
    )
    return bool(np.all(np.abs(combined - bayes) <= SAME * bayes))


def _is_known(cells: pd.DataFrame, column: str) -> bool:
    return column in cells and bool(cells[column].notna().any())


def _error_curve(
    axis: Any, at: pd.Series, cells: pd.DataFrame, column: str, name: str, style: Style, look: Look, **line: Any
) -> None:
    order = {"zorder": 3} if column == "M2" else {}
    axis.plot(at, np.maximum(cells[column], SMALLEST_ERROR), label=name, **order, **look.line(style.line), **line)
    if {f"{column}_low", f"{column}_high"} <= set(cells):
        low, high = (np.maximum(cells[f"{column}_{end}"].to_numpy(float), SMALLEST_ERROR) for end in ("low", "high"))
        axis.fill_between(
            at, low, high, color=style.color, alpha=0.2 if column == "M2" else 0.12, linewidth=0, zorder=1
        )


def mark_prior(axis: Any, data: ReportData, cells: pd.DataFrame, look: Look) -> None:
    """Marks where the pretraining prior holds the functions of a path: shaded, or a dotted line for a single place."""
    if along_context(cells):
        mark_training_length(axis, data, cells["strength"], look)
        return
    inside = "inside the prior" if look.is_paper else "inside the pretraining prior"
    inside = inside if data.prior_known else "inside the reference mixture"
    for low, high in prior_spans(data, cells):
        if low < high:
            axis.axvspan(low, high, color=SHADE, linewidth=0, zorder=0, label=inside)
        else:
            line = {"color": "#777777", "linestyle": (0, (1, 1.5)), "linewidth": 1.2, "zorder": 0}
            axis.axvline(low, label=inside, **look.line(line))


def mark_training_length(axis: Any, data: ReportData, lengths: pd.Series, look: Look) -> None:
    """Marks the longest context length of pretraining, if longer contexts were tested."""
    longest, of = data.training_length, data.wording.of
    if longest is not None and lengths.max() > longest:
        label = f"trained to {longest} {of}" if look.is_paper else f"longest in pretraining, {longest} {of}"
        line = {"color": "#555555", "linestyle": (0, (1, 1.5)), "linewidth": 1.2}
        axis.axvline(longest, label=label, **look.line(line))


def limit_errors(axis: Any, *tables: pd.DataFrame) -> None:
    """Sets limits that include the errors of the model and of its references."""
    wanted = ["M2", *REFERENCE_ERRORS.values()]
    found = np.concatenate([table.reindex(columns=wanted).to_numpy(float).ravel() for table in tables])
    found = np.maximum(found[np.isfinite(found)], SMALLEST_ERROR)
    if found.size:
        axis.set_ylim(found.min() / 2, max(found.max() * 2, 1.0))


SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def log_error_axis(axis: Any) -> None:
    """Makes the vertical axis logarithmic, with a tick at each power of ten."""
    axis.set_yscale("log")
    # Ticks are plain text, because matplotlib's mathematics takes a third of the drawing time.
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _power_of_ten(value)))
    axis.yaxis.set_minor_locator(NullLocator())


def _power_of_ten(value: float) -> str:
    exponent = round(math.log10(value)) if value > 0 else 0
    return f"{value:g}" if -2 <= exponent <= 2 else f"10{str(exponent).translate(SUPERSCRIPTS)}"
