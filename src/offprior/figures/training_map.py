"""Which predictor the model is nearest to, over the places of a study and the steps of training."""

import itertools
from typing import ClassVar

import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from offprior.columns import IN_DISTRIBUTION
from offprior.figures._look import Look
from offprior.figures.figure import STYLES, Figure, ReportData
from offprior.figures.study_curve import place_axis

CELLS = ["probe", "strength", "length"]
COLOURS = ("#bbbbbb", "#56b4e9", "#e69f00", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#f0e442", "#8c564b", "#000000")
PALE = 0.4
"""Opacity of a place and step whose two nearest predictors have intervals that overlap."""


class TrainingMap(Figure):
    """The predictor that the model is nearest to (M11), at every place of a study and after every kept step.

    There is one panel per measure of the study. A cell is pale if the intervals of its two nearest predictors overlap.
    B, C and S are left out where other predictors were evaluated.
    """

    place: ClassVar[int] = 3
    of_study: ClassVar[bool] = True

    def belongs_to(self, data: ReportData) -> bool:
        return super().belongs_to(data) and not data.trajectory.empty

    def compose(self, data: ReportData, look: Look) -> matplotlib.figure.Figure | None:
        rows, result = data.trajectory, data.study
        if result is None or rows.empty or rows["at"].isna().any():
            return None
        rows = _competing(rows)
        panels = list(rows.groupby(CELLS, sort=False))
        canvas = look.canvas(2.4 if look.is_paper else 4.4)
        axes = list(canvas.subplots(1, len(panels), squeeze=False, sharey=True)[0])
        colours = dict(zip(rows["algorithm"].unique(), itertools.cycle(COLOURS)))
        is_log = result.study.scale == "log" and bool((rows["at"] > 0).all())
        shown: dict[str, None] = {}
        for axis, ((probe, strength, length), here) in zip(axes, panels, strict=True):
            best = nearest(here)
            shown |= dict.fromkeys(best["algorithm"])
            _paint(axis, best, colours, is_log)
            place_axis(axis, np.sort(best["at"].unique()), result.at_length, is_log, look)
            axis.set_yscale("log")
            axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.grid(False)
            inside = probe == IN_DISTRIBUTION
            where = "in distribution" if inside else f"{probe}, {strength:g}"
            axis.set_title(f"{where}, {length:g} {result.of}")
        look.labels(axes, result.study.axis or result.study.coordinate or "place", "training step")
        patches = [Patch(color=colours[name], label=name) for name in shown]
        patches.append(Patch(facecolor="white", edgecolor="#888888", label="pale: the next one is as near"))
        canvas.legend(handles=patches, loc="outside lower center", ncols=2 if look.is_paper else 3)
        look.title(canvas, "Which predictor the model is nearest to")
        return canvas


def nearest(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the predictor with the least distance at each place and step, and whether its interval stands alone."""
    ordered = rows.sort_values("value", kind="stable").groupby(["at", "step"], sort=True)
    best, second = ordered.nth(0), ordered.nth(1)
    best = best.set_index(["at", "step"]).sort_index()
    second = second.set_index(["at", "step"]).sort_index().reindex(best.index)
    return best.assign(alone=best["high"] < second["low"].fillna(np.inf)).reset_index()


def _competing(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of the predictors that the recipe names; of the references too if it names fewer than two."""
    is_reference = rows["algorithm"].isin(list(STYLES)) | rows["algorithm"].str.startswith("class: ")
    others = rows[~is_reference]
    return others if others["algorithm"].nunique() > 1 else rows


def _paint(axis, best: pd.DataFrame, colours: dict[str, str], is_log: bool) -> None:
    across = dict(zip(*_cells(best["at"].to_numpy(float), is_log), strict=True))
    up = dict(zip(*_cells(best["step"].to_numpy(float), True), strict=True))
    for row in best.to_dict("records"):
        (left, right), (low, high) = across[row["at"]], up[row["step"]]
        axis.fill_between(
            [left, right], low, high, color=colours[row["algorithm"]], alpha=1.0 if row["alone"] else PALE, linewidth=0
        )
    axis.set_xlim(min(left for left, _ in across.values()), max(right for _, right in across.values()))
    axis.set_ylim(min(low for low, _ in up.values()), max(high for _, high in up.values()))


def _cells(values: np.ndarray, is_log: bool) -> tuple[list[float], list[tuple[float, float]]]:
    """Returns the different values, and for each the ends of its cell: half-way to the next ones."""
    known = np.unique(values)
    scaled = np.log(known) if is_log else known
    if len(known) == 1:
        edges = np.asarray([scaled[0] - 0.5, scaled[0] + 0.5])
    else:
        middle = (scaled[1:] + scaled[:-1]) / 2
        edges = np.concatenate([[2 * scaled[0] - middle[0]], middle, [2 * scaled[-1] - middle[-1]]])
    edges = np.exp(edges) if is_log else edges
    return known.tolist(), list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
