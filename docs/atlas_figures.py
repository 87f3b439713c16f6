"""The pictures and tables of scikit_learn.md, drawn from `results/atlas-*` when the documentation is built."""

from pathlib import Path

import matplotlib.figure
import pandas as pd
from matplotlib import rc_context

from offprior.figures._error_curves import draw_errors, limit_errors, log_error_axis, mark_prior
from offprior.figures._look import Look, legend_below
from offprior.figures.figure import PURPLE, ReportData, Style
from offprior.recipe.recipe import read

RESULTS = Path(__file__).parents[1] / "results"
NEIGHBOURS, FOREST = "nearest neighbours", "random forest"
FOLDERS = {NEIGHBOURS: "atlas-nearest-neighbours", FOREST: "atlas-random-forest"}
FOREST_STYLE = Style(PURPLE, "-", 1.8, "D")
LENGTH = 40
"""The context length of the curves; an atlas looks for breaks at its longest."""
WIDE = Look(width=9.5)


def errors(*probes: str) -> matplotlib.figure.Figure:
    """Errors of both regressors, B, C and S along probes, one panel per probe."""
    with rc_context(WIDE.rc):
        canvas, axes = WIDE.grid(len(probes), columns=3, height=2.7)
        for axis, probe in zip(axes, probes, strict=True):
            for name in FOLDERS:
                data = ReportData(metrics=_metrics(name), recipe=read("mueller-2023").to_mapping())
                cells = _of_probes(name, probe)
                own = {} if name == NEIGHBOURS else {"style": FOREST_STYLE, "references": False}
                draw_errors(axis, cells["strength"], cells, WIDE, name=name, **own)
            mark_prior(axis, data, cells, WIDE)
            log_error_axis(axis)
            axis.set(title=probe, xlabel=str(cells["coordinate"].iloc[0]).replace("_", " "))
        limit_errors(axes[0], *(_of_probes(name, *probes) for name in FOLDERS))
        axes[0].set_ylabel(f"NMSE, {LENGTH} pairs")
        legend_below(canvas, WIDE, *axes, columns=2)
    return canvas


def broken(name: str, most: int = 8) -> str:
    """Returns where a regressor breaks first as a Markdown table."""
    rows = pd.read_csv(RESULTS / FOLDERS[name] / "breaks.csv")
    lines = ["| | probe | first broken place | NMSE | best of the panel | above it |", "|---|---|---|---|---|---|"]
    for row in rows[rows["rank"] > 0].head(most).to_dict("records"):
        best = f"{_short(row['panel_nmse'])} ({row['panel_best']})"
        gap = f"{_short(row['shortfall'])} [{_short(row['shortfall_low'])}, {_short(row['shortfall_high'])}]"
        where = f"{row['coordinate']} = {row['strength']:.3g}"
        lines.append(f"| {row['rank']} | {row['probe']} | {where} | {_short(row['M2'])} | {best} | {gap} |")
    return "\n".join(lines)


def verdicts(name: str) -> pd.DataFrame:
    """Returns how many cells of each context length have which verdict."""
    cells = _metrics(name)
    cells = cells[(cells["probe"] != "in-distribution") & (cells["placement"] == "all")]
    verdict = cells["verdict_fdr"].str.replace(r" \(.*", "", regex=True)
    return pd.crosstab(cells["length"], verdict)


def _of_probes(name: str, *probes: str) -> pd.DataFrame:
    cells = _metrics(name)
    cells = cells[cells["probe"].isin(probes) & (cells["length"] == LENGTH) & (cells["placement"] == "all")]
    return cells.sort_values("strength")


def _metrics(name: str) -> pd.DataFrame:
    return pd.read_csv(RESULTS / FOLDERS[name] / "metrics.csv")


def _short(value: float) -> str:
    if pd.isna(value):
        return "–"
    return "<.001" if abs(value) < 5e-4 else f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.2f}"
