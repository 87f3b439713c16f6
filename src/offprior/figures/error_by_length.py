"""Error against the length of the context."""

from typing import Any, ClassVar

import matplotlib.figure
import pandas as pd

from offprior.figures._error_curves import draw_errors, log_error_axis
from offprior.figures.figure import Figure, ReportData, along_context, grid_of_panels, legend_below


class ErrorByLength(Figure):
    """Normalised error against context length, in distribution and where each probe's prior gap is largest.

    A predictor with the right prior falls along k; one with a wrong prior stalls or rises (metric M13).
    """

    place: ClassVar[int] = 40

    def compose(self, data: ReportData) -> matplotlib.figure.Figure | None:
        chosen = {probe: cells for probe in data.probes if len(cells := hardest(data.cells(probe))) > 1}
        # A probe along the context has a figure of its own, the error along its coordinate.
        chosen = {probe: cells for probe, cells in chosen.items() if not along_context(cells)} or chosen
        if not chosen:
            return None
        canvas, axes = grid_of_panels(len(chosen), columns=2 if len(chosen) == 4 else 3, height=2.6)
        for axis, (probe, cells) in zip(axes, chosen.items(), strict=True):
            draw_errors(axis, cells["length"], cells)
            longest = data.training_length
            if longest is not None and cells["length"].max() > longest:
                label = f"longest in pretraining, {longest} pairs"
                axis.axvline(longest, color="#555555", linestyle=(0, (1, 1.5)), linewidth=1.2, label=label)
            axis.set_title(_title(probe, cells))
            _log_axes(axis, cells["length"])
        for axis in axes[:: 2 if len(chosen) == 4 else 3]:
            axis.set_ylabel("normalised error (NMSE)")
        canvas.suptitle("Error against context length")
        legend_below(canvas, *axes)
        return canvas


def hardest(cells: pd.DataFrame) -> pd.DataFrame:
    """A row a context length, at the strength where the prior gap M3 at the longest context is largest."""
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


def _log_axes(axis: Any, lengths: pd.Series) -> None:
    log_error_axis(axis)
    axis.set_xscale("symlog", linthresh=1, linscale=0.5)
    axis.set_xticks(sorted(set(lengths)))
    axis.set_xticklabels([f"{length:g}" for length in sorted(set(lengths))])
    axis.set_xticks([], minor=True)
    axis.set_xlim(min(lengths) * 0.9, max(lengths) * 1.1)
    axis.set_xlabel("context length k [pairs]")
