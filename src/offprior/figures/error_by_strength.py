"""Error along a probe's coordinate."""

import textwrap
from typing import Any, ClassVar

import matplotlib.figure
import numpy as np
import pandas as pd

from offprior.figures.figure import (
    MEANING,
    RUN_STYLES,
    SHADE,
    STYLES,
    Figure,
    ReportData,
    Style,
    along_context,
    coordinate_in_words,
    grid_of_panels,
    legend_below,
    log_error_axis,
    prior_spans,
    spread,
)

LENGTHS = 4
LABEL_WIDTH = 36
"""Letters in a line of a label; a panel is not wider."""
SMALLEST = 1e-6
"""A normalised error below this is drawn here: a logarithm has no zero."""


class ErrorByStrength(Figure):
    """Normalised error along a probe's coordinate, the model beside both Bayes predictors, with 95% intervals.

    One panel a context length; shaded or dotted where the pretraining prior holds the functions. Models of other runs
    are drawn over it, and their B too where their mixture is another one.
    """

    place: ClassVar[int] = 20

    def __init__(self, probe: str | None = None):
        self.probe = probe

    @property
    def caption(self) -> str:
        """The first line of its docstring, and the probe."""
        first = super().caption
        return first if self.probe is None else f"{self.probe}: n{first[1:]}".replace("a probe's", "its")

    def variants(self, data: ReportData) -> dict[str, Figure]:
        return {probe: ErrorByStrength(probe) for probe in shown_probes(data)} or {"": self}

    def compose(self, data: ReportData) -> matplotlib.figure.Figure | None:
        probe = self.probe or next(iter(shown_probes(data)), None)
        cells = data.cells(probe) if probe is not None else pd.DataFrame()
        if cells.empty:
            return None
        own_length = along_context(cells)
        lengths = [None] if own_length else spread(cells["length"].tolist(), LENGTHS)
        canvas, axes = grid_of_panels(len(lengths), columns=4 if len(lengths) != 4 else 2, height=2.7)
        words = textwrap.fill(coordinate_in_words(cells), LABEL_WIDTH)
        for axis, length in zip(axes, lengths, strict=True):
            _mark_prior(axis, data, cells)
            _curves(axis, _at(cells, length), data)
            for place, other in enumerate(data.others):
                _other_run(axis, _at(other.cells(str(probe)), length), data, other, RUN_STYLES[place % len(RUN_STYLES)])
            axis.set_title("each k with contexts of its own length" if own_length else f"{length} context pairs")
            axis.set_xlabel(words)
            log_error_axis(axis)
            if own_length:
                _context_axis(axis, cells["strength"])
        _limit(axes, cells, data)
        for axis in axes[:: 2 if len(axes) == 4 else 4]:
            axis.set_ylabel("normalised error (NMSE)")
        canvas.suptitle(f"{probe}: error along the path")
        legend_below(canvas, *axes)
        return canvas


def shown_probes(data: ReportData) -> list[str]:
    """The probes with a path: two places or more."""
    return [probe for probe in data.probes if data.cells(probe)["strength"].nunique() > 1]


def _at(cells: pd.DataFrame, length: Any) -> pd.DataFrame:
    return cells if length is None or cells.empty else cells[cells["length"] == length]


def _curves(axis: Any, cells: pd.DataFrame, data: ReportData) -> None:
    name = f"model: {data.label}" if data.others else MEANING["model"]
    _with_interval(axis, cells, STYLES["model"], name)
    for column, label in (("bayes_nmse", "B"), ("combined_nmse", "C"), ("bayes_nmse_floor10", "B at 10× floor")):
        if column in cells and cells[column].notna().any():
            values = np.maximum(cells[column], SMALLEST)
            axis.plot(cells["strength"], values, label=MEANING.get(label, label), **STYLES[label].line)


def _other_run(axis: Any, cells: pd.DataFrame, data: ReportData, other: ReportData, style: Style) -> None:
    if cells.empty:
        return
    _with_interval(axis, cells, style, f"model: {other.label}")
    if other.recipe.get("mixture") != data.recipe.get("mixture"):
        line = {**style.line, "linestyle": (0, (5, 2)), "linewidth": 1.1, "marker": ""}
        axis.plot(cells["strength"], np.maximum(cells["bayes_nmse"], SMALLEST), label=f"B: {other.label}", **line)


def _with_interval(axis: Any, cells: pd.DataFrame, style: Style, label: str) -> None:
    axis.plot(cells["strength"], np.maximum(cells["M2"], SMALLEST), label=label, zorder=3, **style.line)
    low, high = (np.maximum(cells[f"M2_{end}"].to_numpy(float), SMALLEST) for end in ("low", "high"))
    axis.fill_between(cells["strength"], low, high, color=style.color, alpha=0.2, linewidth=0, zorder=1)


def _mark_prior(axis: Any, data: ReportData, cells: pd.DataFrame) -> None:
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


def _context_axis(axis: Any, strengths: pd.Series) -> None:
    places = sorted(strength for strength in set(strengths) if strength > 0)
    # A context of no pairs has a place too, left of the logarithm's beginning.
    axis.set_xscale("symlog", linthresh=1, linscale=0.5)
    axis.set_xticks([0, *places] if 0 in set(strengths) else places)
    axis.set_xticklabels([f"{place:g}" for place in axis.get_xticks()])
    axis.set_xticks([], minor=True)
    axis.set_xlim(min(strengths) * 0.9, max(strengths) * 1.06)


def _limit(axes: list[Any], cells: pd.DataFrame, data: ReportData) -> None:
    """Limits from the curves, not from intervals that reach 0."""
    tables = [cells, *(other.cells(str(cells["probe"].iloc[0])) for other in data.others)]
    values = pd.concat([table[["M2", "bayes_nmse", "combined_nmse"]] for table in tables if not table.empty])
    found = values.to_numpy(float).ravel()
    found = np.maximum(found[np.isfinite(found)], SMALLEST)
    if found.size:
        axes[0].set_ylim(found.min() / 2, max(found.max() * 2, 1.0))
