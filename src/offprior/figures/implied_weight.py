"""The weight of the two classes in the model's curve."""

from typing import Any, ClassVar

import matplotlib.figure
import numpy as np
import pandas as pd

from offprior.figures._look import NARROWEST_PANEL, Look, legend_below, panel_width
from offprior.figures.figure import BLUE, GREEN, Figure, ReportData, spread, style_of

LENGTHS = 3
VIEW = (-0.6, 1.6)
MOSTLY_LEFT_OVER = 0.5
LEGEND_WIDTH = 0.8
"""Width of the colour bar next to the panels [inches]."""


class ImpliedWeight(Figure):
    """Implied weight of the first class (M8) against a and against P(class): composing follows a, averaging P(class).

    The upper panels pool tasks; markers are hollow where more than half of the curve is not a blend of the two class
    posteriors. The lower panels have one dot per task.
    """

    place: ClassVar[int] = 30

    def __init__(self, length: int | None = None):
        self.length = length

    def panels(self, data: ReportData) -> dict[str, Figure]:
        return {f"{length}": ImpliedWeight(length) for length in _lengths(_cells(data))}

    def compose(self, data: ReportData, look: Look) -> matplotlib.figure.Figure | None:
        cells = _cells(data)
        if cells.empty:
            return None
        probe = cells["probe"].iloc[0]
        lengths = [length for length in _lengths(cells) if self.length in (None, length)]
        is_narrow = look.is_paper and look.width < len(lengths) * NARROWEST_PANEL + LEGEND_WIDTH
        row = max(1.75, 0.6 * look.width / len(lengths))
        height = max(2.8, 1.4 * len(lengths) + 0.7) if is_narrow else 2 * row if look.is_paper else 6.6
        canvas = look.canvas(height)
        shape = (len(lengths), 2) if is_narrow else (2, len(lengths))
        axes = canvas.subplots(*shape, sharey=True, sharex="col" if is_narrow else False, squeeze=False)
        axes = axes.T if is_narrow else axes
        tasks = data.evaluation[(data.evaluation["probe"] == probe) & (data.evaluation["predictor"] == "model")]
        points = None
        for (above, below), length in zip(axes.T, lengths, strict=True):
            _against_strength(above, cells[cells["length"] == length], look)
            points = _against_probability(below, tasks[tasks["length"] == length], look) or points
        for row, x in zip(axes, ("weight a of the first family", "P(first class | context)"), strict=True):
            for axis in row[-1:] if is_narrow else row:
                axis.set_xlabel(look.words(x, panel_width(axis), look.rc["axes.labelsize"]) if is_narrow else x)
        titled = [*axes[0], *axes[1]] if is_narrow else list(axes[0])
        if len(lengths) > 1 or not look.is_paper:
            look.panel_titles(
                titled, [f"{length} context {data.wording.of}" for length in lengths] * (2 if is_narrow else 1)
            )
        if is_narrow:
            canvas.supylabel("implied weight: pooled (left), of a task (right)")
        else:
            axes[0, 0].set_ylabel("implied weight, pooled")
            axes[1, 0].set_ylabel("implied weight of a task")
        axes[0, 0].set_ylim(*VIEW)
        if points is not None:
            beside = axes.ravel().tolist() if is_narrow else axes[1, :].tolist()
            bar = {"location": "bottom", "aspect": 40} if is_narrow else {}
            canvas.colorbar(points, ax=beside, label="a of the task", shrink=0.9, pad=0.01, **bar)
        family = f" of {data.families[0]}" if data.families else ""
        look.title(canvas, f"{probe}: implied weight{family}")
        legend_below(canvas, look, *axes[0], columns=4)
        return canvas


def _cells(data: ReportData) -> pd.DataFrame:
    """Returns the cells of the first convex probe, if M8 is known."""
    probe = next((name for name in data.probes if name.partition(",")[0] == "convex"), None)
    cells = data.cells(probe) if probe is not None else pd.DataFrame()
    return cells if len(cells) and cells["M8"].notna().any() else pd.DataFrame()


def _lengths(cells: pd.DataFrame) -> list[int]:
    return [] if cells.empty else spread(cells["length"].tolist(), LENGTHS)


def _against_strength(axis: Any, cells: pd.DataFrame, look: Look) -> None:
    wide = look.line({"linewidth": 1.4})
    style = style_of("model")
    axis.plot([0, 1], [0, 1], color=GREEN, linestyle=(0, (5, 1.5, 1, 1.5)), label="composing: a", **wide)
    mean = cells["M8_class_probability"]
    axis.plot(cells["strength"], mean, color=BLUE, linestyle=(0, (5, 2)), label="averaging: mean P(class)", **wide)
    axis.plot(cells["strength"], cells["M8"], color=style.color, zorder=3, **look.line({"linewidth": 1.6}))
    hollow = cells["M8_residual"].to_numpy(float) > MOSTLY_LEFT_OVER
    for rows, face, label in (
        (cells[~hollow], style.color, "model"),
        (
            cells[hollow],
            "white",
            "mostly not a blend" if look.is_paper else "model, mostly not a blend (residual share > ½)",
        ),
    ):
        if rows.empty:
            continue
        markers = {
            "markerfacecolor": face,
            "markeredgecolor": style.color,
            "color": style.color,
            **look.line({"markersize": 5}),
        }
        axis.plot(rows["strength"], rows["M8"], "o", zorder=4, label=label, **markers)
    axis.set_xlim(-0.05, 1.05)


def _against_probability(axis: Any, tasks: pd.DataFrame, look: Look) -> Any:
    axis.plot([0, 1], [0, 1], color=BLUE, linestyle=(0, (5, 2)), **look.line({"linewidth": 1.4}))
    axis.set_xlim(-0.05, 1.05)
    tasks = tasks[np.isfinite(tasks["implied_weight"].to_numpy(float))]
    if tasks.empty:
        return None
    places = tasks["class_probability"], tasks["implied_weight"]
    found = axis.scatter(
        *places,
        c=tasks["strength"],
        cmap="cividis",
        vmin=0,
        vmax=1,
        s=4 if look.is_paper else 9,
        linewidths=0,
        alpha=0.75,
    )
    found.set_rasterized(True)
    outside = ~tasks["implied_weight"].between(*VIEW)
    if outside.any():
        note = (
            f"{outside.mean():.0%} of the tasks lie outside the view"
            if not look.is_paper
            else f"{outside.mean():.0%} outside"
        )
        axis.text(0.98, 0.02, note, transform=axis.transAxes, ha="right", va="bottom", fontsize=7, color="#444444")
    return found
