"""The pictures of concepts.md, drawn when the documentation is built."""

from pathlib import Path

import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib import rc_context

import offprior as op
from offprior.columns import BETWEEN, BEYOND, MODEL, SMOOTHER, WHERE
from offprior.figures._look import REPORT, Look, legend_below
from offprior.figures._names import MEANING
from offprior.figures.figure import REFERENCE_ERRORS, STYLES, VERMILLION, ReportData
from offprior.figures.verdict_map import VerdictMap
from offprior.predictors._references import References

RESULTS = Path(__file__).parents[1] / "results"
LOW, HIGH = -5.0, 5.0
PAIRS = 20
LONGEST = 40
GRID = np.linspace(LOW, HIGH, 300)
NARROW = Look(width=8.0)
POINTS = {"marker": "o", "linestyle": "", "color": "#444444", "markersize": 4}


def prompts() -> matplotlib.figure.Figure:
    """One prompt of either family, and one half-way along the path between them."""
    x, noise = _inputs(HIGH)
    titles = {1.0: "a = 1: a line, inside", 0.5: "a = ½: half of each, outside", 0.0: "a = 0: a sinusoid, inside"}
    with rc_context(REPORT.rc):
        canvas, axes = REPORT.grid(3, columns=3, height=2.4)
        for axis, (a, title) in zip(axes, titles.items(), strict=True):
            axis.plot(GRID, _task(a, GRID), label="task: the function", **STYLES["truth"].line)
            axis.plot(x, _task(a, x) + noise, label="context: pairs of x and y", **POINTS)
            axis.plot(GRID[::30], np.full(10, -4.8), "|", color=VERMILLION, markersize=8, label="queries")
            axis.set_title(title)
            axis.set_xlabel("x")
        axes[0].set_ylabel("y")
        legend_below(canvas, REPORT, *axes)
    return canvas


def answers() -> matplotlib.figure.Figure:
    """What B, C and S make of a context of half a line and half a sinusoid, whose right end is empty."""
    mixture, probe = op.read_recipe("mueller-2023").mixture, op.probes.Convex()
    x, noise = _inputs(2.5)
    y = _task(0.5, x) + noise
    path = [probe.path(strength, mixture) for strength in probe.strengths(mixture)]
    exact = References(mixture, path).batch(x[None, :, None], y[None], GRID[None, :, None], [PAIRS])
    smooth = op.Smoother().predict(x[:, None], y, GRID[:, None]).mean
    means = {"B": exact.bayes_mean[0, 0], "C": exact.combined_mean[0, 0], SMOOTHER: smooth}
    with rc_context(REPORT.rc):
        canvas, (axis,) = NARROW.grid(1, columns=1, height=3.2)
        for low, high, label in ((LOW, x.min(), None), (x.max(), HIGH, "beyond the context's points")):
            axis.axvspan(float(low), float(high), color="#f3f3f3", label=label)
        axis.plot(GRID, _task(0.5, GRID), label="task", **STYLES["truth"].line)
        for name, mean in means.items():
            axis.plot(GRID, mean, label=MEANING[name], **STYLES[name].line | {"marker": ""})
        axis.plot(x, y, label="context", **POINTS)
        axis.set_xlabel("x")
        axis.set_ylabel("y")
        legend_below(canvas, REPORT, axis)
    return canvas


def middle() -> matplotlib.figure.Figure:
    """The errors of the demo's model, of B, C and S along the path, as `results/mueller-2023` holds them."""
    cells = _cells("mueller-2023", "all")
    with rc_context(REPORT.rc):
        canvas, (axis,) = NARROW.grid(1, columns=1, height=3.2)
        _errors(axis, cells)
        legend_below(canvas, REPORT, axis, columns=2)
    return canvas


def placements() -> matplotlib.figure.Figure:
    """The same of the model that was pretrained to answer beyond its context, where the queries lie apart."""
    with rc_context(REPORT.rc):
        canvas, axes = REPORT.grid(2, columns=2, height=2.9)
        for axis, placement in zip(axes, (BETWEEN, BEYOND), strict=True):
            cells = _cells("mueller-2023-one-sided", placement)
            _errors(axis, cells)
            axis.set_title(WHERE[placement])
            failed = cells[cells["verdict"] == "under-trained"]
            if len(failed):
                hollow = {"marker": "o", "linestyle": "", "markerfacecolor": "white", "color": VERMILLION, "zorder": 5}
                axis.plot(failed["strength"], failed["M2"], label="model, under-trained", **hollow)
        legend_below(canvas, REPORT, *axes)
    return canvas


def verdicts() -> matplotlib.figure.Figure | None:
    """The verdicts of the demo's model, as `results/mueller-2023` holds them."""
    cells = pd.read_csv(RESULTS / "mueller-2023" / "verdicts.csv")
    cells = cells[(cells["probe"] == "convex") & (cells["placement"] == "all")]
    cells = cells.fillna({"provisional": "", "families_that_fail": ""}).assign(axis="weight a of the line")
    return VerdictMap().draw(ReportData(evaluation=cells, metrics=cells, verdicts=cells))


def _inputs(high: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.uniform(LOW, high, PAIRS), 0.1 * rng.standard_normal(PAIRS)


def _task(a: float, x: np.ndarray) -> np.ndarray:
    return a * 0.8 * x + (1 - a) * 1.8 * np.sin(1.3 * x + 0.6)


def _cells(run: str, placement: str) -> pd.DataFrame:
    rows = pd.read_csv(RESULTS / run / "verdicts.csv")
    rows = rows[(rows["probe"] == "convex") & (rows["length"] == LONGEST) & (rows["placement"] == placement)]
    bayes = rows["M2"] + rows["M4"]
    errors = {"B": bayes, "C": bayes - rows["M3"], SMOOTHER: rows["M2"] + rows["M19"]}
    return rows.assign(**{REFERENCE_ERRORS[name]: values for name, values in errors.items()})


def _errors(axis, cells: pd.DataFrame) -> None:
    columns = {MODEL: "M2"} | {name: REFERENCE_ERRORS[name] for name in ("B", "C", SMOOTHER)}
    for name, column in columns.items():
        axis.plot(cells["strength"], cells[column].clip(lower=1e-5), label=MEANING[name], **STYLES[name].line)
    axis.set_yscale("log")
    axis.set_xlabel("weight a of the line; 0 and 1 lie inside the prior")
    axis.set_ylabel("normalised error (NMSE)")
