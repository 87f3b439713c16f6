"""Curves of errors, which several figures draw: the model and all that stands beside it, on a logarithmic axis."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, NullLocator

from offprior.figures.figure import (
    MEANING,
    REFERENCE_ERRORS,
    SHADE,
    STYLES,
    ReportData,
    Style,
    along_context,
    prior_spans,
)

SMALLEST_ERROR = 1e-6
"""A normalised error below this is drawn here: a logarithm has no zero."""


def draw_errors(
    axis: Any,
    at: pd.Series,
    cells: pd.DataFrame,
    *,
    name: str = MEANING["model"],
    style: Style = STYLES["model"],
    references: bool = True,
    bands: bool = False,
) -> None:
    """The model's error with its 95% interval at the places `at`, and the curves of the references that are known.

    With `bands` the references' intervals are drawn as well, as far as the table has them.
    """
    _error_curve(axis, at, cells, "M2", name, style, has_band=True)
    for label, column in REFERENCE_ERRORS.items() if references else ():
        if column in cells and cells[column].notna().any():
            _error_curve(axis, at, cells, column, MEANING.get(label, label), STYLES[label], has_band=bands)


def _error_curve(
    axis: Any, at: pd.Series, cells: pd.DataFrame, column: str, name: str, style: Style, has_band: bool
) -> None:
    order = {"zorder": 3} if column == "M2" else {}
    axis.plot(at, np.maximum(cells[column], SMALLEST_ERROR), label=name, **order, **style.line)
    if has_band and {f"{column}_low", f"{column}_high"} <= set(cells):
        low, high = (np.maximum(cells[f"{column}_{end}"].to_numpy(float), SMALLEST_ERROR) for end in ("low", "high"))
        axis.fill_between(
            at, low, high, color=style.color, alpha=0.2 if column == "M2" else 0.12, linewidth=0, zorder=1
        )


def mark_prior(axis: Any, data: ReportData, cells: pd.DataFrame) -> None:
    """Where the pretraining prior holds the functions of a path: shaded, or a dotted line for a single place."""
    if along_context(cells):
        if data.training_length is not None and cells["strength"].max() > data.training_length:
            longest = f"longest in pretraining, {data.training_length} pairs"
            axis.axvline(data.training_length, color="#555555", linestyle=(0, (1, 1.5)), linewidth=1.2, label=longest)
        return
    for low, high in prior_spans(data, cells):
        if low < high:
            axis.axvspan(low, high, color=SHADE, linewidth=0, zorder=0, label="inside the pretraining prior")
        else:
            line = {"color": "#777777", "linestyle": (0, (1, 1.5)), "linewidth": 1.2, "zorder": 0}
            axis.axvline(low, label="inside the pretraining prior", **line)


def limit_errors(axis: Any, *tables: pd.DataFrame) -> None:
    """Limits that hold the errors of the model and of its references."""
    wanted = ["M2", *REFERENCE_ERRORS.values()]
    found = np.concatenate([table.reindex(columns=wanted).to_numpy(float).ravel() for table in tables])
    found = np.maximum(found[np.isfinite(found)], SMALLEST_ERROR)
    if found.size:
        axis.set_ylim(found.min() / 2, max(found.max() * 2, 1.0))


SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def log_error_axis(axis: Any) -> None:
    """A logarithmic axis of errors, with a tick a power of ten."""
    axis.set_yscale("log")
    # Plain text: mathematics set by matplotlib takes a third of the drawing time.
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _power_of_ten(value)))
    axis.yaxis.set_minor_locator(NullLocator())


def _power_of_ten(value: float) -> str:
    exponent = round(math.log10(value)) if value > 0 else 0
    return f"{value:g}" if -2 <= exponent <= 2 else f"10{str(exponent).translate(SUPERSCRIPTS)}"
