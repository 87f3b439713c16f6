"""A study's measure by place and context length."""

from typing import ClassVar

import matplotlib.figure
import numpy as np

from offprior.figures._look import Look, panel_width
from offprior.figures.figure import Figure, ReportData

NARROWEST_CELL = 0.34
"""The narrowest cell in which a number fits [inches]."""
SIGNED = ("M3", "M4", "M5")
"""Measures that can be above or below 0."""


class StudyMap(Figure):
    """The measure of a study at every place and context length, as a map with the value in each cell.

    Cells are empty where the measure is unknown, such as M5 where the prior gap is at most 0.02.
    """

    place: ClassVar[int] = 2
    of_study: ClassVar[bool] = True

    def compose(self, data: ReportData, look: Look) -> matplotlib.figure.Figure | None:
        result = data.study
        if result is None or result.curve["length"].nunique() < 2:
            return None
        places = result.curve.drop_duplicates("place")
        lengths = sorted(result.curve["length"].unique())
        table = result.curve.pivot(index="length", columns="place", values="value")
        values = table.reindex(index=lengths, columns=places["place"]).to_numpy(float)
        canvas = look.canvas(1.3 + 0.3 * len(lengths) if look.is_paper else 1.6 + 0.5 * len(lengths))
        axis = canvas.subplots()
        measure = result.study.measure
        is_signed = measure.minus is not None or measure.name in SIGNED
        size = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 1.0
        limits = {"cmap": "PuOr_r", "vmin": -size, "vmax": size} if is_signed else {"cmap": "viridis", "vmin": 0.0}
        drawn = axis.imshow(np.ma.masked_invalid(values), aspect="auto", **limits)
        axis.set_xticks(
            range(len(places)), places["label"], rotation=90 if look.is_paper else 30 if len(places) > 10 else 0
        )
        axis.set_yticks(range(len(lengths)), [f"{length:g}" for length in lengths])
        axis.set_xlabel(result.study.axis or result.study.coordinate or "place")
        axis.set_ylabel(f"context {data.wording.of} k")
        axis.grid(False)
        write_numbers(axis, values, drawn, look)
        canvas.colorbar(drawn, ax=axis, label=str(measure))
        look.title(canvas, f"{measure} by place and context length")
        return canvas


def write_numbers(axis, values: np.ndarray, drawn, look: Look) -> None:
    """Writes each known value into its cell, in legible black or white, unless the cells of a paper are too narrow."""
    if look.is_paper and panel_width(axis) < NARROWEST_CELL * values.shape[1]:
        return
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            red, green, blue, _ = drawn.cmap(drawn.norm(value))
            ink = "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"
            axis.text(column, row, f"{value:.2g}", ha="center", va="center", fontsize=7.5, color=ink)
