"""Which blend of the two classes the model's curve is."""

from typing import Any, ClassVar

import matplotlib.figure
import numpy as np
import pandas as pd

from offprior.figures.figure import BLUE, GREEN, Figure, ReportData, legend_below, spread, style_of

LENGTHS = 3
VIEW = (-0.6, 1.6)
MOSTLY_LEFT_OVER = 0.5


class ImpliedWeight(Figure):
    """Implied weight of the first class (M8) against a and against P(class): composing follows a, averaging P(class).

    Above, pooled over tasks; hollow where more than half of the curve is no blend of the two class posteriors. Below, a
    dot a task.
    """

    place: ClassVar[int] = 30

    def compose(self, data: ReportData) -> matplotlib.figure.Figure | None:
        probe = next((name for name in data.probes if name.partition(",")[0] == "convex"), None)
        cells = data.cells(probe) if probe is not None else pd.DataFrame()
        if cells.empty or cells["M8"].isna().all():
            return None
        lengths = spread(cells["length"].tolist(), LENGTHS)
        canvas = matplotlib.figure.Figure(figsize=(10.5, 6.6), layout="constrained")
        axes = canvas.subplots(2, len(lengths), sharey=True, squeeze=False)
        tasks = data.evaluation[(data.evaluation["probe"] == probe) & (data.evaluation["predictor"] == "model")]
        points = None
        for (above, below), length in zip(axes.T, lengths, strict=True):
            _against_strength(above, cells[cells["length"] == length])
            points = _against_probability(below, tasks[tasks["length"] == length]) or points
            above.set_title(f"{length} context pairs")
        axes[0, 0].set_ylabel("implied weight, pooled")
        axes[1, 0].set_ylabel("implied weight of a task")
        axes[0, 0].set_ylim(*VIEW)
        if points is not None:
            canvas.colorbar(points, ax=axes[1, :].tolist(), label="a of the task", shrink=0.9, pad=0.01)
        family = f" of {data.families[0]}" if data.families else ""
        canvas.suptitle(f"{probe}: implied weight{family}")
        legend_below(canvas, *axes[0], columns=4)
        return canvas


def _against_strength(axis: Any, cells: pd.DataFrame) -> None:
    style = style_of("model")
    axis.plot([0, 1], [0, 1], color=GREEN, linestyle=(0, (5, 1.5, 1, 1.5)), linewidth=1.4, label="composing: a")
    mean = cells["M8_class_probability"]
    axis.plot(
        cells["strength"], mean, color=BLUE, linestyle=(0, (5, 2)), linewidth=1.4, label="averaging: mean P(class)"
    )
    axis.plot(cells["strength"], cells["M8"], color=style.color, linewidth=1.6, zorder=3)
    hollow = cells["M8_residual"].to_numpy(float) > MOSTLY_LEFT_OVER
    for rows, face, label in (
        (cells[~hollow], style.color, "model"),
        (cells[hollow], "white", "model, mostly no blend (residual share > ½)"),
    ):
        if rows.empty:
            continue
        markers = {"markerfacecolor": face, "markeredgecolor": style.color, "color": style.color, "markersize": 5}
        axis.plot(rows["strength"], rows["M8"], "o", zorder=4, label=label, **markers)
    axis.set_xlabel("weight a of the first family")
    axis.set_xlim(-0.05, 1.05)


def _against_probability(axis: Any, tasks: pd.DataFrame) -> Any:
    axis.plot([0, 1], [0, 1], color=BLUE, linestyle=(0, (5, 2)), linewidth=1.4)
    axis.set_xlabel("P(first class | context)")
    axis.set_xlim(-0.05, 1.05)
    tasks = tasks[np.isfinite(tasks["implied_weight"].to_numpy(float))]
    if tasks.empty:
        return None
    places = tasks["class_probability"], tasks["implied_weight"]
    found = axis.scatter(*places, c=tasks["strength"], cmap="cividis", vmin=0, vmax=1, s=9, linewidths=0, alpha=0.75)
    found.set_rasterized(True)
    outside = ~tasks["implied_weight"].between(*VIEW)
    if outside.any():
        note = f"{outside.mean():.0%} of the tasks lie outside the view"
        axis.text(0.98, 0.02, note, transform=axis.transAxes, ha="right", va="bottom", fontsize=7, color="#444444")
    return found
