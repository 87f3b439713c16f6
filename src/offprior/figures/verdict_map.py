"""The verdict of every cell."""

from collections.abc import Mapping
from typing import Any, ClassVar

import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.patches import Patch, Rectangle

from offprior.evaluation.verdict import (
    FOLLOWS,
    GENERALISES,
    NO_PRIOR_GAP,
    NOT_JUDGED,
    SLIGHTLY_BETTER,
    SLIGHTLY_WORSE,
    SMOOTHS,
    UNDECIDED,
    UNDER_TRAINED,
    WORSE,
    is_judged,
)
from offprior.figures.figure import BLUE, SKY, Figure, ReportData, along_context, coordinate_in_words
from offprior.table import IN_DISTRIBUTION

OFF_BAYES = f"{NO_PRIOR_GAP}, off B"
# verdict: (its word in a cell, fill, text). Ordered: a longer name comes before its beginning.
LOOKS = {
    GENERALISES: ("generalises", BLUE, "white"),
    SMOOTHS: ("smooths", SKY, "black"),
    SLIGHTLY_BETTER: ("follows +", "#66c2a5", "black"),
    SLIGHTLY_WORSE: ("follows −", "#d9e6b0", "black"),
    FOLLOWS: ("follows", "#b3e2cd", "black"),
    WORSE: ("worse", "#b34700", "white"),
    UNDECIDED: ("undecided", "#d9d9d9", "black"),
    OFF_BAYES: ("off B", "#fdd0a2", "black"),
    NO_PRIOR_GAP: ("no gap", "#ffffff", "#555555"),
    UNDER_TRAINED: ("under-tr.", "#f7e9a0", "black"),
}
ROW, WIDTH = 0.44, 10.5


class VerdictMap(Figure):
    """The verdict of every cell, a probe's coordinate across and the context length down.

    Under the verdict stands M4, the gain over Bayes; where there is no prior gap, and where the model is under-trained,
    it is M2. The verdicts are those that hold at a false-discovery rate of 5% over the cells of each probe.
    """

    place: ClassVar[int] = 15

    def compose(self, data: ReportData) -> matplotlib.figure.Figure | None:
        shown = {
            probe: cells for probe in data.probes if (cells := data.cells(probe))["probe"].iloc[0] != IN_DISTRIBUTION
        }
        if not shown or not is_judged(data.metrics):
            return None
        heights = [1 if along_context(cells) else cells["length"].nunique() for cells in shown.values()]
        size = sum(height * ROW + 0.85 for height in heights) + 0.7
        canvas = matplotlib.figure.Figure(figsize=(WIDTH, size), layout="constrained")
        ratios = [height * ROW + 0.3 for height in heights]
        axes = canvas.subplots(len(shown), 1, squeeze=False, gridspec_kw={"height_ratios": ratios}).ravel()
        for axis, (probe, cells) in zip(axes, shown.items(), strict=True):
            _map(axis, probe, cells)
        found = {_shown(cell) for cells in shown.values() for cell in cells.to_dict("records")}
        handles = [
            Patch(facecolor=fill, edgecolor="#888888", linewidth=0.6, label=name)
            for name, (_, fill, _) in LOOKS.items()
            if name in found
        ]
        canvas.legend(handles=handles, loc="outside lower center", ncols=min(4, len(handles)))
        notes = sorted({str(note) for cells in shown.values() for note in cells.get("provisional", ()) if note})
        canvas.suptitle("Verdicts" + (f" ({'; '.join(notes)})" if notes else ""))
        return canvas


def verdict_of(text: object) -> str:
    """The verdict without what is added to it, such as the number of seeds; an unknown one as it is."""
    return next((name for name in LOOKS if str(text).startswith(name)), str(text))


def _shown(cell: Mapping[Any, Any]) -> str:
    """Its verdict among the probe's cells; of one without a prior gap, whether the model is off B all the same."""
    verdict = verdict_of(cell.get("verdict_fdr") or cell["verdict"])
    return OFF_BAYES if verdict == NO_PRIOR_GAP and cell.get("off_bayes") else verdict


def _map(axis: Any, probe: str, cells: pd.DataFrame) -> None:
    strengths = sorted(cells["strength"].unique())
    own_length = along_context(cells)
    lengths = [None] if own_length else sorted(cells["length"].unique())
    for cell in cells.to_dict("records"):
        row = 0 if own_length else lengths.index(cell["length"])
        _cell(axis, strengths.index(cell["strength"]), row, cell)
    axis.set(xlim=(-0.5, len(strengths) - 0.5), ylim=(len(lengths) - 0.5, -0.5))
    axis.set_xticks(range(len(strengths)), [f"{strength:.3g}" for strength in strengths])
    axis.set_yticks(range(len(lengths)), ["" if length is None else f"{length:g}" for length in lengths])
    axis.set_xlabel(coordinate_in_words(cells), labelpad=2)
    axis.set_ylabel("" if own_length else "pairs k")
    axis.set_title(probe, loc="left", pad=4)
    axis.grid(False)
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _cell(axis: Any, column: int, row: int, cell: dict[Any, Any]) -> None:
    verdict = _shown(cell)
    word, fill, text = LOOKS.get(verdict, (verdict, "#ffffff", "black"))
    axis.add_patch(
        Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, facecolor=fill, edgecolor="#bbbbbb", linewidth=0.6)
    )
    axis.text(column, row - 0.03, word, ha="center", va="bottom", fontsize=7.2, color=text)
    axis.text(column, row + 0.08, _number(verdict, cell), ha="center", va="top", fontsize=6.6, color=text)


def _number(verdict: str, cell: dict[Any, Any]) -> str:
    name = "M2" if verdict in (*NOT_JUDGED, OFF_BAYES) else "M4"
    value = cell.get(name, np.nan)
    if value is None or not np.isfinite(value):
        return ""
    digits = f"{abs(value):.{4 if abs(value) < 0.001 else 3}f}" if abs(value) < 10 else f"{abs(value):.0f}"
    sign = "" if name == "M2" else "+" if value >= 0 else "−"
    return f"{name} {sign}{digits}"
