"""The training loss against the step."""

from typing import ClassVar

import matplotlib.figure
import numpy as np
import pandas as pd

from offprior.figures._look import Look
from offprior.figures.figure import Figure, ReportData, style_of

WINDOW = 0.03


class TrainingCurve(Figure):
    """Training loss of each family against the step: every seed as a thin line, their running mean as a thick one."""

    place: ClassVar[int] = 50

    def compose(self, data: ReportData, look: Look) -> matplotlib.figure.Figure | None:
        columns = [column for column in data.training if str(column).startswith("loss: ")]
        if data.training.empty or not columns:
            return None
        families = [column.removeprefix("loss: ") for column in columns]
        canvas = look.canvas(max(1.7, 0.62 * look.width) if look.is_paper else 3.6)
        axis = canvas.subplots()
        for column, family in zip(columns, families, strict=True):
            style = style_of(f"class: {family}", families)
            for _, rows in data.training.groupby("seed"):
                axis.plot(rows["step"], rows[column], color=style.color, linewidth=0.6, alpha=0.35)
            mean = _smooth(data.training.groupby("step")[column].mean())
            line = look.line({**style.line, "linewidth": 2.0, "marker": ""})
            axis.plot(mean.index.to_numpy(), mean.to_numpy(), label=family, **line)
        values = data.training[columns].to_numpy(float)
        # The negative log-likelihood of a density can be below 0, where no logarithm exists.
        if np.nanmin(values) > 0:
            axis.set_yscale("log")
        else:
            _trim(axis, values)
        axis.set_xlabel("step")
        axis.set_ylabel("training loss per point")
        axis.set_xlim(left=0)
        look.title(canvas, "Training curve")
        axis.legend(title="family", loc="upper right")
        return canvas


def _smooth(curve: pd.Series) -> pd.Series:
    window = max(1, round(WINDOW * len(curve)))
    return curve.rolling(window, center=True, min_periods=1).mean()


def _trim(axis, values: np.ndarray) -> None:
    """Sets limits such that the losses of the first steps do not flatten the rest."""
    low, high = np.nanmin(values), np.nanquantile(values, 0.99)
    margin = 0.05 * max(float(high - low), 1e-6)
    axis.set_ylim(low - margin, high + margin)
