"""The cell that a report's summary quotes."""

import math
from typing import Any, ClassVar

import matplotlib.figure
import numpy as np

from offprior.figures._error_curves import (
    SMALLEST_ERROR,
    draw_errors,
    limit_errors,
    log_error_axis,
    mark_prior,
)
from offprior.figures._look import Look, legend_below, panel_width
from offprior.figures.figure import REFERENCE_ERRORS, STYLES, Figure, ReportData, coordinate_in_words

PATH, CELL = "path", "cell"
WIDE_DOT = 0.6
"""The width at which a value fits next to its dot [inches]."""


class Headline(Figure):
    """The cell that the summary quotes: the errors of the model, B, C and S there and along its path.

    Lines and dots have 95% intervals; all errors are at the cell's context length. The cell is chosen by its place
    alone: the middle of the path, at the longest context length of pretraining.
    """

    place: ClassVar[int] = 5

    def __init__(self, part: str | None = None):
        self.part = part

    def panels(self, data: ReportData) -> dict[str, Figure]:
        return {part: Headline(part) for part in (PATH, CELL)} if data.quoted() is not None else {}

    def compose(self, data: ReportData, look: Look) -> matplotlib.figure.Figure | None:
        cell = data.quoted()
        if cell is None:
            return None
        cells = data.cells(str(cell["probe"]))
        here = cells[cells["length"] == cell["length"]]
        parts = [part for part in (PATH, CELL) if self.part in (None, part)]
        canvas, axes = look.grid(len(parts), columns=2, height=3.1)
        for axis, part in zip(axes, parts, strict=True):
            log_error_axis(axis)
            if part == CELL:
                _dots(axis, cell, look)
                continue
            mark_prior(axis, data, here, look)
            draw_errors(axis, here["strength"], here, look, name=data.judged)
            label = f"{cell['coordinate']} = {cell['strength']:.3g}"
            line = {"color": STYLES["model"].color, "linestyle": "-", "linewidth": 5, "alpha": 0.18, "zorder": 0}
            axis.axvline(
                cell["strength"],
                label=f"quoted: {label}" if look.is_paper else f"the cell quoted, {label}",
                **look.line(line),
            )
            words = coordinate_in_words(data, here)
            width = 0.45 * look.width if len(parts) > 1 else 0.85 * look.width
            axis.set_xlabel(look.words(words, width, look.rc["axes.labelsize"]))
        limit_errors(axes[0], here if parts[0] == PATH else here[here["strength"] == cell["strength"]])
        where = "along the path" if look.is_paper else f"{cell['probe']}, {cell['length']:g} context {data.wording.of}"
        look.panel_titles(
            axes, [where if part == PATH else f"at {cell['coordinate']} = {cell['strength']:.3g}" for part in parts]
        )
        error = data.wording.error
        canvas.supylabel(error) if look.is_paper else axes[0].set_ylabel(error)
        look.few_ticks([axis for axis, part in zip(axes, parts, strict=True) if part == PATH])
        look.title(canvas, "The cell that the summary quotes")
        legend_below(canvas, look, *axes)
        return canvas


def _dots(axis: Any, cell: dict[Any, Any], look: Look) -> None:
    """Draws the errors in the cell, each with its interval and its value."""
    known = {label: cell.get(column, math.nan) for label, column in {"model": "M2", **REFERENCE_ERRORS}.items()}
    known = {label: value for label, value in known.items() if np.isfinite(value)}
    columns = {"model": "M2", **REFERENCE_ERRORS}
    has_room = panel_width(axis) > WIDE_DOT * len(known)
    for place, (label, value) in enumerate(known.items()):
        ends = [cell.get(f"{columns[label]}_{end}", math.nan) for end in ("low", "high")]
        style = STYLES[label]
        value = max(value, SMALLEST_ERROR)
        line = {"color": style.color, "marker": style.marker or "d", "linestyle": "", **look.line({"markersize": 6})}
        if np.isfinite(ends).all():
            low, high = (max(float(end), SMALLEST_ERROR) for end in ends)
            axis.vlines(place, low, high, color=style.color, linewidth=look.line({"linewidth": 2.0})["linewidth"])
        axis.plot([place], [value], **line)
        if has_room:
            size = 7.5 if look.is_paper else 8
            axis.annotate(
                f"{value:.2g}", (place, value), (6, 0), textcoords="offset points", va="center", fontsize=size
            )
    axis.set_xticks(range(len(known)), [label if len(label) < 6 else "floor" for label in known])
    axis.set_xlim(-0.5, len(known) - 0.3)
    axis.grid(False, axis="x")
