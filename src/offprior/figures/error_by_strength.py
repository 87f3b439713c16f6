"""Error along a probe's coordinate."""

from typing import Any, ClassVar

import matplotlib.figure
import numpy as np
import pandas as pd

from offprior.figures._error_curves import SMALLEST_ERROR, draw_errors, limit_errors, log_error_axis, mark_prior
from offprior.figures._look import Look, legend_below
from offprior.figures.figure import RUN_STYLES, Figure, ReportData, Style, along_context, coordinate_in_words, spread

LENGTHS = 4
LABEL_WIDTH = 36
"""The most letters per line of a label, as many as fit a panel."""


class ErrorByStrength(Figure):
    """Normalised error along a probe's coordinate, the model next to B, C and the smoother S, with 95% intervals.

    There is one panel per context length. The part where the pretraining prior holds the functions is shaded or dotted.
    Models of other runs are drawn in the same panels, with their own B if their mixture differs.
    """

    place: ClassVar[int] = 20

    def __init__(self, probe: str | None = None, length: int | None = None):
        self.probe, self.length = probe, length

    @property
    def caption(self) -> str:
        """The first line of the docstring, with the probe's name."""
        first = super().caption
        return first if self.probe is None else f"{self.probe}: n{first[1:]}".replace("a probe's", "its")

    def variants(self, data: ReportData) -> dict[str, Figure]:
        return {probe: ErrorByStrength(probe) for probe in shown_probes(data)} or {"": self}

    def panels(self, data: ReportData) -> dict[str, Figure]:
        lengths = self._lengths(data.cells(self.probe)) if self.probe is not None else []
        return {f"{length}": ErrorByStrength(self.probe, length) for length in lengths if length is not None}

    def compose(self, data: ReportData, look: Look) -> matplotlib.figure.Figure | None:
        probe = self.probe or next(iter(shown_probes(data)), None)
        cells = data.cells(probe) if probe is not None else pd.DataFrame()
        if cells.empty:
            return None
        own_length = along_context(cells)
        lengths = self._lengths(cells)
        canvas, axes = look.grid(len(lengths), columns=4 if len(lengths) != 4 else 2, height=2.7)
        for axis, length in zip(axes, lengths, strict=True):
            mark_prior(axis, data, cells, look)
            here = _at(cells, length)
            draw_errors(axis, here["strength"], here, look, name=f"model: {data.label}" if data.others else data.judged)
            for place, other in enumerate(data.others):
                style = RUN_STYLES[place % len(RUN_STYLES)]
                _other_run(axis, _at(other.cells(str(probe)), length), data, other, style, look)
            log_error_axis(axis)
            if own_length:
                _context_axis(axis, cells["strength"], look)
        own = "each k with contexts of its own length"
        look.panel_titles(
            axes, [own if length is None else f"{length} context {data.wording.of}" for length in lengths]
        )
        _limit(axes, cells, data)
        look.labels(axes, coordinate_in_words(data, cells), data.wording.error, letters=LABEL_WIDTH)
        look.few_ticks(axes)
        look.title(canvas, f"{probe}: error along the path")
        legend_below(canvas, look, *axes)
        return canvas

    def _lengths(self, cells: pd.DataFrame) -> list[Any]:
        """Returns the context length of each panel; None for a path along the context length."""
        if cells.empty or along_context(cells):
            return [None]
        return spread(cells["length"].tolist(), LENGTHS) if self.length is None else [self.length]


def shown_probes(data: ReportData) -> list[str]:
    """Returns the probes with a path, that is with at least two places."""
    return [probe for probe in data.probes if data.cells(probe)["strength"].nunique() > 1]


def _at(cells: pd.DataFrame, length: Any) -> pd.DataFrame:
    return cells if length is None or cells.empty else cells[cells["length"] == length]


def _other_run(axis: Any, cells: pd.DataFrame, data: ReportData, other: ReportData, style: Style, look: Look) -> None:
    if cells.empty:
        return
    draw_errors(axis, cells["strength"], cells, look, name=f"model: {other.label}", style=style, references=False)
    if other.recipe.get("mixture") != data.recipe.get("mixture"):
        line = look.line({**style.line, "linestyle": (0, (5, 2)), "linewidth": 1.1, "marker": ""})
        axis.plot(cells["strength"], np.maximum(cells["bayes_nmse"], SMALLEST_ERROR), label=f"B: {other.label}", **line)


def _context_axis(axis: Any, strengths: pd.Series, look: Look) -> None:
    # A linear part of the axis, left of the logarithmic one, shows a context of no pairs.
    axis.set_xscale("symlog", linthresh=1, linscale=0.5)
    axis.set_xticks(look.apart(axis, sorted(set(strengths))))
    axis.set_xticklabels([f"{place:g}" for place in axis.get_xticks()])
    axis.set_xticks([], minor=True)
    axis.set_xlim(min(strengths) * 0.9, max(strengths) * 1.06)


def _limit(axes: list[Any], cells: pd.DataFrame, data: ReportData) -> None:
    """Sets limits from the curves, not from intervals, which may reach 0."""
    tables = [cells, *(other.cells(str(cells["probe"].iloc[0])) for other in data.others)]
    limit_errors(axes[0], *(table for table in tables if not table.empty))
