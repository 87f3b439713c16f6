"""The pictures of tokens.md, drawn from the tables in `results/` when the documentation is built."""

from pathlib import Path

import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib import rc_context

from offprior.analysis.study import StudyResult
from offprior.figures._error_curves import draw_errors, limit_errors, log_error_axis, mark_prior
from offprior.figures._look import Look, legend_below
from offprior.figures.figure import REFERENCE_ERRORS, STYLES, ReportData
from offprior.figures.study_distances import StudyDistances
from offprior.figures.training_map import TrainingMap
from offprior.figures.transition_matrices import TransitionMatrices
from offprior.recipe.recipe import read

RESULTS = Path(__file__).parents[1] / "results"
WIDE = Look(width=9.5)
PLACES = ("digits", "vectors")
STUDY = {"curve": "study", "seeds": "study-seeds", "distances": "study-distances"}
"""The tables of a study's result."""


def kernel_sums() -> matplotlib.figure.Figure:
    """Errors of the model, B, C and S along kernel sums, after 16 and 64 tokens."""
    data = ReportData(metrics=_table("markov-language", "metrics"), recipe=read("markov-language").to_mapping())
    cells = data.cells("kernel-sum")
    with rc_context(WIDE.rc):
        canvas, axes = WIDE.grid(2, columns=2, height=2.9)
        for axis, length in zip(axes, (16, 64), strict=True):
            here = cells[cells["length"] == length]
            mark_prior(axis, data, cells, WIDE)
            draw_errors(axis, here["strength"], here, WIDE)
            log_error_axis(axis)
            axis.set_title(f"after {length} tokens")
            limit_errors(axis, cells)
        WIDE.labels(axes, "weight a of the chain in the kernel", data.wording.error)
        legend_below(canvas, WIDE, *axes)
    return canvas


def transitions() -> matplotlib.figure.Figure | None:
    """What comes next, after one kernel sum and each further token."""
    panels = _table("markov-language", "panels")
    name = next(name for name in panels["panel"].unique() if name.startswith("kernel-sum"))
    metrics = _table("markov-language", "metrics")
    return TransitionMatrices(name).draw(ReportData(metrics=metrics, panels=panels), WIDE)


def stages() -> matplotlib.figure.Figure | None:
    """Which predictor a model of two layers of attention is nearest to, along its training."""
    return StudyDistances().draw(ReportData(study=_study("edelman-2024")), WIDE)


def pools() -> matplotlib.figure.Figure | None:
    """Which of four strategies a model is nearest to, over the size of its pool and its training."""
    result = _study("park-2024-small")
    return TrainingMap().draw(ReportData(study=result, trajectory=_table("park-2024-small", "training-map")), WIDE)


def digits() -> matplotlib.figure.Figure:
    """Errors along combinations of a model of numbers as digits, and of one of numbers as vectors."""
    recipe = read("digits-convex").to_mapping()
    with rc_context(WIDE.rc):
        canvas, axes = WIDE.grid(2, columns=2, height=2.9)
        tables = {name: _table("digits-convex", f"place-0{place}-metrics") for place, name in enumerate(PLACES)}
        both = pd.concat(tables.values())
        for axis, (name, metrics) in zip(axes, tables.items(), strict=True):
            data = ReportData(metrics=metrics, recipe=recipe)
            cells = data.cells("convex")
            here = cells[cells["length"] == cells["length"].max()]
            draw_errors(axis, here["strength"], here, WIDE)
            log_error_axis(axis)
            axis.set_title(f"numbers as {name}")
            limit_errors(axis, both[both["probe"] == "convex"])
        WIDE.labels(axes, "weight a of the line", "NMSE, 20 pairs")
        legend_below(canvas, WIDE, *axes)
    return canvas


def classes() -> matplotlib.figure.Figure:
    """Errors on two new classes of handwritten digits, by the number of classes in pretraining."""
    metrics = [_table("unseen-classes", f"place-0{place}-metrics") for place in range(4)]
    here = pd.concat([rows[_is_new(rows)].tail(1) for rows in metrics])
    known = np.asarray([2, 4, 6, 8])
    with rc_context(WIDE.rc):
        canvas, (axis,) = Look(width=6.5).grid(1, columns=1, height=3.0)
        for label, column in {"model": "M2", **REFERENCE_ERRORS}.items():
            if label in STYLES and column in here and label != "floor":
                style = STYLES[label]
                axis.plot(known, here[column], label=label, **style.line)
                axis.fill_between(known, here[f"{column}_low"], here[f"{column}_high"], color=style.color, alpha=0.12)
        axis.set_xticks(known)
        axis.set_xlabel("classes in pretraining")
        axis.set_ylabel("NMSE on two classes never seen")
        axis.set_ylim(bottom=0)
        legend_below(canvas, WIDE, axis)
    return canvas


def _is_new(rows: pd.DataFrame) -> pd.Series:
    return rows["probe"].str.startswith("unseen-classes") & (rows["strength"] == 2) & (rows["length"] == 30)


def _table(run: str, name: str) -> pd.DataFrame:
    return pd.read_csv(RESULTS / run / f"{name}.csv")


def _study(run: str) -> StudyResult:
    study = read(run).study
    assert study is not None
    found = {name: _table(run, file) for name, file in STUDY.items()}
    return StudyResult(study=study, crossing=None, matrix=pd.DataFrame(), **found, of="tokens")
