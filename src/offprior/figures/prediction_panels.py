"""What each predictor makes of one prompt."""

from typing import Any, ClassVar

import matplotlib.figure
import numpy as np
import pandas as pd

from offprior.columns import SMOOTHER
from offprior.figures.figure import MEANING, Figure, ReportData, grid_of_panels, legend_below, style_of

BANDS = ("model", "B", SMOOTHER)


class PredictionPanels(Figure):
    """One prompt of each family and of their equal combination: context, truth, and what every predictor makes of it.

    Bands hold 95% of a predictive distribution of the noise-free value.
    """

    place: ClassVar[int] = 10

    def compose(self, data: ReportData) -> matplotlib.figure.Figure | None:
        if data.panels.empty:
            return None
        names = list(data.panels["panel"].unique())
        canvas, axes = grid_of_panels(len(names), columns=3, height=3.3, sharey=False)
        for axis, name in zip(axes, names, strict=True):
            rows = data.panels[data.panels["panel"] == name]
            for series in sorted(rows["series"].unique(), key=_depth):
                _draw(axis, series, rows[rows["series"] == series].sort_values("x"), data.families)
            length = rows["length"].iloc[0]
            axis.set_title(f"{name}, {length:g} context pairs")
            axis.set_xlabel("x")
            _limit(axis, rows)
        axes[0].set_ylabel("y")
        canvas.suptitle("Predictions on one prompt each")
        legend_below(canvas, *axes, columns=4)
        return canvas


def _depth(series: str) -> int:
    """From the back to the front; legends follow it too."""
    order = ["C", SMOOTHER, "B", "model", "truth", "context"]
    return order.index(series) if series in order else -1


def _draw(axis: Any, series: str, rows: pd.DataFrame, families: list[str]) -> None:
    if series == "context":
        axis.plot(rows["x"], rows["y"], "o", color="white", markeredgecolor="black", markersize=4.5, label="context")
        return
    style = style_of(series, families)
    line = {**style.line, "marker": ""}
    axis.plot(rows["x"], rows["y"], label=MEANING.get(series, series), **line)
    if series in BANDS and rows["lower"].notna().any():
        axis.fill_between(rows["x"], rows["lower"], rows["upper"], color=style.color, alpha=0.13, linewidth=0)


def _limit(axis: Any, rows: pd.DataFrame) -> None:
    """The truth and the context fill the panel: a class that is far off must not flatten them."""
    shown = rows[rows["series"].isin(["truth", "context", "model", "B"])]["y"].to_numpy(float)
    shown = shown[np.isfinite(shown)]
    if shown.size:
        margin = 0.15 * max(float(np.ptp(shown)), 1e-3)
        axis.set_ylim(shown.min() - margin, shown.max() + margin)
