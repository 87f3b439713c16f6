"""A small figure of a probe's errors, shown next to the probe's name."""

import matplotlib.figure
import pandas as pd

from offprior.figures._error_curves import draw_errors, limit_errors, log_error_axis, mark_prior
from offprior.figures._look import Look
from offprior.figures.figure import Figure, ReportData, along_context

LOOK = Look(2.3, is_paper=True)
HEIGHT = 1.25


class Thumbnail(Figure):
    """The errors of a probe along its path, at the longest context length of pretraining; without labels."""

    def __init__(self, probe: str):
        self.probe = probe

    def compose(self, data: ReportData, look: Look) -> matplotlib.figure.Figure | None:
        cells = data.cells(self.probe)
        if cells.empty:
            return None
        here = shown(data, cells)
        is_path = here["strength"].nunique() > 1
        at = here["strength"] if is_path else here["length"]
        canvas = look.canvas(HEIGHT)
        axis = canvas.subplots()
        if is_path:
            mark_prior(axis, data, here, look)
        draw_errors(axis, at, here, look)
        log_error_axis(axis)
        limit_errors(axis, here)
        ends = [float(at.min()), float(at.max())]
        if along_context(cells) or not is_path:
            axis.set_xscale("symlog", linthresh=1, linscale=0.5)
            axis.set_xlim(0.9 * ends[0], 1.1 * ends[1])
            axis.set_xticks([], minor=True)
        axis.set_xticks(ends, [f"{end:.3g}" for end in ends])
        low, high = axis.get_ylim()
        axis.set_yticks([10.0**power for power in (-6, -4, -2, 0) if low <= 10.0**power <= high])
        axis.set_xlabel(str(cells["coordinate"].iloc[0]) or "k", labelpad=-8)
        return canvas


def shown(data: ReportData, cells: pd.DataFrame) -> pd.DataFrame:
    """Returns the cells that the thumbnail shows: of a path those at the longest trained length, otherwise all."""
    if along_context(cells) or cells["strength"].nunique() < 2:
        return cells.sort_values("length")
    lengths = sorted(cells["length"].unique())
    trained = [length for length in lengths if data.training_length is None or length <= data.training_length]
    return cells[cells["length"] == (trained or lengths)[-1]].sort_values("strength")
