"""The model's distance from other predictors along a study."""

import itertools
from typing import ClassVar

import matplotlib.figure
import numpy as np
import pandas as pd

from offprior.figures._error_curves import SMALLEST_ERROR, log_error_axis
from offprior.figures._look import Look, legend_below
from offprior.figures.figure import CLASS_STYLES, RUN_STYLES, STYLES, Figure, ReportData
from offprior.figures.study_curve import place_axis

SHOWN = 5
"""How many predictors are drawn beside the references: first those that are nearest somewhere."""


class StudyDistances(Figure):
    """The distance of the model from other predictors (M11) at every place of a study, with 95% intervals.

    The lowest curve names the algorithm that the model is nearest to there.
    """

    place: ClassVar[int] = 3
    of_study: ClassVar[bool] = True

    def compose(self, data: ReportData, look: Look) -> matplotlib.figure.Figure | None:
        result = data.study
        if result is None or result.distances["algorithm"].nunique() < 2 or result.distances["at"].isna().any():
            return None
        rows = result.distances
        canvas = look.canvas(0.75 * look.width if look.is_paper else 4.2)
        axis = canvas.subplots()
        styles = itertools.cycle((*RUN_STYLES, *CLASS_STYLES))
        for name in _drawn(rows):
            own = rows[rows["algorithm"] == name].sort_values("at")
            style = STYLES[name] if name in STYLES else next(styles)
            values = np.maximum(own["value"].to_numpy(float), SMALLEST_ERROR)
            axis.plot(own["at"], values, label=name, **look.line(style.line))
            # On a logarithmic axis an interval that holds 0 would fill the panel.
            axis.fill_between(own["at"], own["low"], own["high"], where=own["low"] > 0, color=style.color, alpha=0.12)
        log_error_axis(axis)
        places = result.at_length if len(result.at_length) else rows.drop_duplicates("place")
        place_axis(axis, places["at"].to_numpy(float), places, result.study.scale == "log", look)
        look.labels([axis], result.study.axis or result.study.coordinate or "place", "distance of the model (M11)")
        look.title(canvas, f"Which predictor the model is nearest to ({result.study.measure.probe})")
        legend_below(canvas, look, axis, columns=4)
        return canvas


def _drawn(rows: pd.DataFrame) -> list[str]:
    """Returns the predictors to draw, in the order of the table."""
    table = rows.pivot_table(index="place", columns="algorithm", values="value")
    names: list[str] = []
    for name in rows["algorithm"].unique():  # with one family, its own posterior is B
        if not any(np.allclose(table[name], table[known], rtol=1e-6, atol=0) for known in names):
            names.append(name)
    table = table[names]
    nearest = list(dict.fromkeys(table.idxmin(axis=1)))
    on_the_whole = np.log(table.clip(lower=SMALLEST_ERROR)).mean().sort_values().index
    further = [name for name in on_the_whole if name not in nearest]
    others = [name for name in [*nearest, *further] if name not in STYLES]
    return [name for name in names if name in STYLES or name in others[:SHOWN]]
