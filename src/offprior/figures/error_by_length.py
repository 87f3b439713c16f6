"""Error against the length of the context."""

from typing import Any, ClassVar

import matplotlib.figure
import pandas as pd

from offprior.figures._error_curves import draw_errors, log_error_axis, mark_training_length
from offprior.figures._look import Look, legend_below
from offprior.figures.figure import Figure, ReportData, along_context


class ErrorByLength(Figure):
    """Normalised error against context length, in distribution and where each probe's prior gap is largest.

    A predictor with the right prior falls along k; one with a wrong prior stalls or rises (metric M13). Bands
    are 95% intervals.
    """

    place: ClassVar[int] = 40

    def __init__(self, probe: str | None = None):
        self.probe = probe

    def panels(self, data: ReportData) -> dict[str, Figure]:
        return {probe: ErrorByLength(probe) for probe in _chosen(data)}

    def compose(self, data: ReportData, look: Look) -> matplotlib.figure.Figure | None:
        chosen = {probe: cells for probe, cells in _chosen(data).items() if self.probe in (None, probe)}
        if not chosen:
            return None
        canvas, axes = look.grid(len(chosen), columns=2 if len(chosen) == 4 else 3, height=2.6)
        for axis, cells in zip(axes, chosen.values(), strict=True):
            draw_errors(axis, cells["length"], cells, look, name=data.judged)
            mark_training_length(axis, data, cells["length"], look)
            _log_axes(axis, cells["length"], look)
        look.panel_titles(axes, [_title(probe, cells) for probe, cells in chosen.items()])
        look.labels(axes, f"context length k [{data.wording.of}]", data.wording.error)
        look.title(canvas, "Error against context length")
        legend_below(canvas, look, *axes)
        return canvas


def _chosen(data: ReportData) -> dict[str, pd.DataFrame]:
    """Returns the cells of each panel, by probe."""
    found = {probe: cells for probe in data.probes if len(cells := hardest(data.cells(probe))) > 1}
    # A probe along the context length is already shown by the error along its coordinate.
    return {probe: cells for probe, cells in found.items() if not along_context(cells)} or found


def hardest(cells: pd.DataFrame) -> pd.DataFrame:
    """Returns one row per context length, at the strength with the largest prior gap M3 at the longest context."""
    if along_context(cells):
        return cells.sort_values("length")
    longest = cells[cells["length"] == cells["length"].max()]
    gaps = longest["M3"] if longest["M3"].notna().any() else longest["M2"]
    strength = longest["strength"].iloc[0] if gaps.isna().all() else longest.loc[gaps.idxmax(), "strength"]
    return cells[cells["strength"] == strength].sort_values("length")


def _title(probe: str, cells: pd.DataFrame) -> str:
    coordinate = str(cells["coordinate"].iloc[0])
    if not coordinate or along_context(cells):
        return probe
    return f"{probe}, {coordinate} = {cells['strength'].iloc[0]:.3g}"


def _log_axes(axis: Any, lengths: pd.Series, look: Look) -> None:
    log_error_axis(axis)
    axis.set_xscale("symlog", linthresh=1, linscale=0.5)
    axis.set_xlim(min(lengths) * 0.9, max(lengths) * 1.1)
    axis.set_xticks(look.apart(axis, sorted(set(lengths))))
    axis.set_xticklabels([f"{length:g}" for length in axis.get_xticks()])
    axis.set_xticks([], minor=True)
