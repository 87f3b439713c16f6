"""A study's measure against its places."""

from typing import Any, ClassVar

import matplotlib.figure
import numpy as np
import pandas as pd

from offprior.figures._look import Look, legend_below
from offprior.figures.figure import BLUE, SHADE, STYLES, VERMILLION, Figure, ReportData


class StudyCurve(Figure):
    """The measure of a study against its places, with 95% intervals, its threshold and where the measure crosses it.

    Thin lines are single training seeds. The shaded interval is the uncertainty of the crossing: over training seeds if
    there are several, otherwise over tasks.
    """

    place: ClassVar[int] = 1
    of_study: ClassVar[bool] = True

    def compose(self, data: ReportData, look: Look) -> matplotlib.figure.Figure | None:
        result = data.study
        if result is None or result.at_length.empty:
            return None
        study, rows = result.study, result.at_length
        canvas = look.canvas(0.75 * look.width if look.is_paper else 4.2)
        axis = canvas.subplots()
        is_numeric = bool(rows["at"].notna().all())
        x = rows["at"].to_numpy(float) if is_numeric else np.arange(len(rows), dtype=float)
        _seeds(axis, result.seeds, dict(zip(rows["place"], x, strict=True)), is_numeric)
        values = rows["value"].to_numpy(float)
        ends = np.abs(rows[["low", "high"]].to_numpy(float).T - values)
        style = look.line(STYLES["model"].line if is_numeric else {**STYLES["model"].line, "linestyle": ""})
        axis.errorbar(x, values, yerr=np.nan_to_num(ends), capsize=3, label="mean, 95% interval", zorder=3, **style)
        if study.threshold is not None:
            line = {"color": BLUE, "linestyle": (0, (5, 2)), "linewidth": 1.2}
            axis.axhline(study.threshold, label=f"threshold {study.threshold:g}", **line)
        found = result.crossing
        if found is not None and np.isfinite(found.at):
            if np.isfinite([found.low, found.high]).all():
                axis.axvspan(found.low, found.high, color=SHADE, linewidth=0, zorder=0, label="its 95% interval")
            line = {"color": VERMILLION, "linestyle": (0, (1, 1.5)), "linewidth": 1.5}
            axis.axvline(found.at, label=f"crossing at {found.at:.3g}", **line)
        place_axis(axis, x, rows, study.scale == "log" and is_numeric, look)
        look.labels([axis], study.axis or study.coordinate or "place", str(study.measure))
        look.title(canvas, result.reads)
        legend_below(canvas, look, axis, columns=5)
        return canvas


def _seeds(axis: Any, seeds: pd.DataFrame, x_of: dict[int, float], connected: bool) -> None:
    if seeds["seed"].nunique() < 2:
        return
    for number, (_, rows) in enumerate(seeds.groupby("seed")):
        x = [x_of[place] for place in rows["place"]]
        line = {"linewidth": 0.7, "linestyle": "-" if connected else "", "marker": ".", "markersize": 3, "alpha": 0.5}
        axis.plot(x, rows["value"], color="#777777", label="training seeds" if number == 0 else None, **line)


def place_axis(axis: Any, x: np.ndarray, rows: pd.DataFrame, is_log: bool, look: Look) -> None:
    """Sets the scale and the ticks of a study's coordinate."""
    if rows["at"].isna().any():
        axis.set_xticks(x, rows["label"], rotation=90 if look.is_paper else 20 if len(rows) > 6 else 0)
        return
    if is_log:
        positive = x[x > 0]
        # A linear part of the axis, left of the logarithmic one, shows a place of 0.
        if len(positive) < len(x) and len(positive):
            axis.set_xscale("symlog", linthresh=float(positive.min()), linscale=0.5)
        elif len(positive):
            axis.set_xscale("log", base=2 if _are_powers_of_two(x) else 10)
    if len(x) <= 12:
        shown = look.apart(axis, sorted(x))
        axis.set_xticks(shown, [f"{value:g}" for value in shown])
        axis.set_xticks([], minor=True)


def _are_powers_of_two(x: np.ndarray) -> bool:
    return bool((np.log2(x) % 1 == 0).all())
