"""The predictions of every predictor on single prompts."""

from typing import Any, ClassVar

import matplotlib.figure
import numpy as np
import pandas as pd

from offprior.columns import OF_TOKENS, SMOOTHER
from offprior.figures._error_curves import name_of
from offprior.figures._look import Look, legend_below
from offprior.figures.figure import Figure, ReportData, style_of

BANDS = ("model", "B", SMOOTHER)


class PredictionPanels(Figure):
    """One prompt of each family and of their equal combination: context, truth, and what every predictor makes of it.

    Bands contain 95% of a predictive distribution of the noise-free value.
    """

    place: ClassVar[int] = 10

    def belongs_to(self, data: ReportData) -> bool:
        return super().belongs_to(data) and data.wording != OF_TOKENS

    def __init__(self, panel: str | None = None):
        self.panel = panel

    def panels(self, data: ReportData) -> dict[str, Figure]:
        return {name: PredictionPanels(name) for name in _names(data)}

    def compose(self, data: ReportData, look: Look) -> matplotlib.figure.Figure | None:
        names = [name for name in _names(data) if self.panel in (None, name)]
        if not names:
            return None
        canvas, axes = look.grid(len(names), columns=3, height=3.3, sharey=False)
        titles = []
        for axis, name in zip(axes, names, strict=True):
            rows = data.panels[data.panels["panel"] == name]
            for series in sorted(rows["series"].unique(), key=_depth):
                _draw(axis, series, rows[rows["series"] == series].sort_values("x"), data.families, look)
            titles.append(name if look.is_paper else f"{name}, {rows['length'].iloc[0]:g} context pairs")
            _limit(axis, rows)
        look.panel_titles(axes, titles)
        look.labels(axes, "x", "y")
        look.few_ticks(axes)
        look.title(canvas, "Predictions on one prompt each")
        legend_below(canvas, look, *axes, columns=4)
        return canvas


def _names(data: ReportData) -> list[str]:
    return [] if "x" not in data.panels else [str(name) for name in data.panels["panel"].unique()]


def _depth(series: str) -> int:
    """Returns the order of drawing, from back to front; legends use it too."""
    order = ["C", SMOOTHER, "B", "model", "truth", "context"]
    return order.index(series) if series in order else -1


def _draw(axis: Any, series: str, rows: pd.DataFrame, families: list[str], look: Look) -> None:
    if series == "context":
        dots = {"color": "white", "markeredgecolor": "black", **look.line({"markersize": 4.5})}
        axis.plot(rows["x"], rows["y"], "o", label="context", **dots)
        return
    style = style_of(series, families)
    line = look.line({**style.line, "marker": ""})
    axis.plot(rows["x"], rows["y"], label=name_of(series, look), **line)
    if series in BANDS and rows["lower"].notna().any():
        axis.fill_between(rows["x"], rows["lower"], rows["upper"], color=style.color, alpha=0.13, linewidth=0)


def _limit(axis: Any, rows: pd.DataFrame) -> None:
    """Sets limits that fit the truth and the context, so that a class far from them does not flatten the panel."""
    shown = rows[rows["series"].isin(["truth", "context", "model", "B"])]["y"].to_numpy(float)
    shown = shown[np.isfinite(shown)]
    if shown.size:
        margin = 0.15 * max(float(np.ptp(shown)), 1e-3)
        axis.set_ylim(shown.min() - margin, shown.max() + margin)
