"""The verdict of every cell."""

from collections.abc import Mapping
from typing import Any, ClassVar

import matplotlib.figure
import numpy as np
import pandas as pd
from matplotlib.patches import Patch, Rectangle

from offprior.analysis.intervals import LEVEL
from offprior.analysis.unknown_prior import is_prior_known
from offprior.analysis.verdict import (
    CARRY_MARK,
    FEW_TASKS_CARRY,
    FOLLOWS,
    GENERALISES,
    LIKE_BLEND,
    LIKE_CLASS,
    MARGIN,
    NEITHER,
    NO_PRIOR_GAP,
    NOT_JUDGED,
    SLIGHTLY_BETTER,
    SLIGHTLY_WORSE,
    SMOOTHS,
    UNDECIDED,
    UNDER_TRAINED,
    WITHOUT_PRIOR,
    WORSE,
    carry_mark,
    families_that_fail,
    is_judged,
)
from offprior.columns import ALL, IN_DISTRIBUTION, WHERE
from offprior.figures._look import Look, legend_of, panel_width
from offprior.figures.figure import BLUE, PURPLE, SKY, Figure, ReportData, along_context, coordinate_in_words

OFF = f"{NO_PRIOR_GAP}, off B"
"""The label of a cell in which the prior loses nothing and the model loses much."""
# verdict: (word in a cell, fill, text colour). If one name begins with another, the longer one comes first.
LOOKS = {
    GENERALISES: ("generalises", BLUE, "white"),
    SMOOTHS: ("smooths", SKY, "black"),
    SLIGHTLY_BETTER: ("follows +", "#66c2a5", "black"),
    SLIGHTLY_WORSE: ("follows −", "#d9e6b0", "black"),
    FOLLOWS: ("follows", "#b3e2cd", "black"),
    WORSE: ("worse", "#b34700", "white"),
    UNDECIDED: ("undecided", "#d9d9d9", "black"),
    OFF: ("off B", "#f0b07a", "black"),
    NO_PRIOR_GAP: ("no gap", "#ffffff", "#555555"),
    UNDER_TRAINED: ("under-tr.", "#f7e9a0", "black"),
    LIKE_BLEND: ("blend", PURPLE, "black"),
    LIKE_CLASS: ("one class", "#e8cfe0", "black"),
    NEITHER: ("neither", "#666666", "white"),
}
LETTER_OF = {
    **{GENERALISES: "G", SMOOTHS: "S", SLIGHTLY_BETTER: "+", SLIGHTLY_WORSE: "−", FOLLOWS: "F", WORSE: "W"},
    **{UNDECIDED: "?", OFF: "O", NO_PRIOR_GAP: "·", UNDER_TRAINED: "U"},
    **{LIKE_BLEND: "B", LIKE_CLASS: "1", NEITHER: "N"},
}
"""The letters of verdicts in the cells of a paper, which have no room for words."""
ROW = 0.44
NARROWEST_CELL = 0.24
"""The narrowest cell with room for the label of its place below it [inches]."""
LETTERS = 11
"""The most letters of a family's name in a cell."""


class VerdictMap(Figure):
    """The verdict of every cell, a probe's coordinate across and the context length down.

    Below the verdict is M4, the gain over Bayes. A cell without a prior gap shows M2 instead, and is "off B" if the
    model is further from B than 0.02 and loses that much to C: the prior holds the functions, but the model does not.
    An under-trained cell names the family that misses the gate. A dagger means that few tasks carry it. If the
    predictor's prior is unknown, M2 is below every verdict.
    """

    place: ClassVar[int] = 15

    def __init__(self, placement: str = ALL, probe: str | None = None):
        self.placement, self.probe = placement, probe

    @property
    def caption(self) -> str:
        """The first line of the docstring, with the placement."""
        where = "T" if self.placement == ALL else f"Queries {WHERE[self.placement]}: t"
        return f"{where}{super().caption[1:]}"

    def variants(self, data: ReportData) -> dict[str, Figure]:
        placements = (data.placements if data.prior_known else []) or [ALL]
        return {"" if placement == ALL else placement: VerdictMap(placement) for placement in placements}

    def panels(self, data: ReportData) -> dict[str, Figure]:
        return {probe: VerdictMap(self.placement, probe) for probe in self._shown(data)}

    def _shown(self, data: ReportData) -> dict[str, pd.DataFrame]:
        """Returns the cells of each probe."""
        asked = [probe for probe in data.probes if probe != IN_DISTRIBUTION and self.probe in (None, probe)]
        return {probe: cells for probe in asked if len(cells := data.cells(probe, self.placement))}

    def compose(self, data: ReportData, look: Look) -> matplotlib.figure.Figure | None:
        shown = self._shown(data)
        if not shown or not is_judged(data.metrics):
            return None
        heights = [1 if along_context(cells) else cells["length"].nunique() for cells in shown.values()]
        row, between = (0.2, 0.6) if look.is_paper else (ROW, 0.85)
        canvas = look.canvas(sum(height * row + between for height in heights) + (0.1 if look.is_paper else 0.7))
        ratios = [height * row + between / 3 for height in heights]
        axes = canvas.subplots(len(shown), 1, squeeze=False, gridspec_kw={"height_ratios": ratios}).ravel()
        for axis, (probe, cells) in zip(axes, shown.items(), strict=True):
            _map(axis, cells, look)
            words = coordinate_in_words(data, cells)
            axis.set_xlabel(look.words(words, panel_width(axis), look.rc["axes.labelsize"]) if look.is_paper else words)
            axis.xaxis.labelpad = 2
            if len(axes) > 1 or not look.is_paper:
                axis.set_title(probe, loc="left", pad=4)
        looks = {look_of(cell) for cells in shown.values() for cell in cells.to_dict("records")}
        entries = {_label(name, look): _patch(name) for name in LOOKS if name in looks}
        legend_of(
            canvas, look, entries, columns=4, **({"handlelength": 1.2, "handleheight": 0.9} if look.is_paper else {})
        )
        notes = sorted({str(note) for cells in shown.values() for note in cells.get("provisional", ()) if note})
        notes += [rate] if (rate := rate_in_words(data.metrics)) else []
        marked = any(carry_mark(cell) for cells in shown.values() for cell in cells.to_dict("records"))
        notes += [f"{CARRY_MARK} {FEW_TASKS_CARRY}"] if marked else []
        title = "Verdicts" if self.placement == ALL else f"Verdicts {WHERE[self.placement]}"
        look.title(canvas, title + (f" ({'; '.join(notes)})" if notes else ""))
        return canvas


def _label(name: str, look: Look) -> str:
    """Returns a verdict's label in the legend; in a paper it begins with the letter used in the cells."""
    return f"{LETTER_OF[name]}  {name}" if look.is_paper else name


def _patch(name: str) -> Patch:
    """Returns a verdict's colour for the legend."""
    return Patch(facecolor=LOOKS[name][1], edgecolor="#888888", linewidth=0.6)


def verdict_of(text: object) -> str:
    """Returns the verdict without additions such as the number of seeds; an unknown one is returned unchanged."""
    return next((name for name in LOOKS if str(text).startswith(name)), str(text))


def look_of(cell: Mapping[Any, Any]) -> str:
    """Returns the key of `LOOKS` for a cell in a map: its verdict, or `OFF` if only the model lost something."""
    verdict = held_verdict(cell)
    # Without a prior gap C equals B, so that any shortfall is the model's.
    is_off = cell.get("off_bayes", cell.get("shortfall_low", np.nan) > MARGIN)
    return OFF if verdict == NO_PRIOR_GAP and bool(is_off) else verdict


def held_verdict(cell: Mapping[Any, Any]) -> str:
    """Returns a cell's verdict at a controlled false-discovery rate; its own verdict if the table controls none."""
    held = cell.get("verdict_fdr")
    return verdict_of(held if isinstance(held, str) and held else cell["verdict"])


def rate_in_words(cells: pd.DataFrame) -> str:
    """Returns the false-discovery rate at which the cells' verdicts hold, in words; empty if none is controlled."""
    if "verdict_fdr" not in cells:
        return ""
    return f"false-discovery rate {1 - LEVEL:.0%} over the cells of each probe"


def _map(axis: Any, cells: pd.DataFrame, look: Look) -> None:
    strengths = sorted(cells["strength"].unique())
    own_length = along_context(cells)
    lengths = [None] if own_length else sorted(cells["length"].unique())
    for cell in cells.to_dict("records"):
        row = 0 if own_length else lengths.index(cell["length"])
        _cell(axis, strengths.index(cell["strength"]), row, cell, look)
    axis.set(xlim=(-0.5, len(strengths) - 0.5), ylim=(len(lengths) - 0.5, -0.5))
    is_narrow = look.is_paper and panel_width(axis) < NARROWEST_CELL * len(strengths)
    axis.set_xticks(range(len(strengths)), [f"{each:.3g}" for each in strengths], rotation=90 if is_narrow else 0)
    axis.set_yticks(range(len(lengths)), ["" if length is None else f"{length:g}" for length in lengths])
    axis.set_ylabel("" if own_length else "pairs k")
    axis.grid(False)
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _cell(axis: Any, column: int, row: int, cell: dict[Any, Any], look: Look) -> None:
    painted = look_of(cell)
    word, fill, text = LOOKS.get(painted, (painted, "#ffffff", "black"))
    axis.add_patch(
        Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, facecolor=fill, edgecolor="#bbbbbb", linewidth=0.6)
    )
    if look.is_paper:
        letter = LETTER_OF.get(painted, "?")
        axis.text(column, row, letter, ha="center", va="center_baseline", fontsize=7.5, color=text)
        return
    axis.text(column, row - 0.03, word, ha="center", va="bottom", fontsize=7.2, color=text)
    axis.text(column, row + 0.08, _below(painted, cell), ha="center", va="top", fontsize=6.6, color=text)


def _below(look: str, cell: dict[Any, Any]) -> str:
    """Returns the number below a cell's verdict; for an under-trained cell, the family that misses the gate."""
    failing = families_that_fail(cell) if look == UNDER_TRAINED else []
    if failing:
        name = failing[0] if len(failing[0]) <= LETTERS else f"{failing[0][: LETTERS - 1]}…"
        return name if len(failing) == 1 else f"{len(failing)} families"
    name = "M2" if look in (OFF, *NOT_JUDGED) or not is_prior_known(cell) else "M4"
    value = cell.get(name, np.nan)
    if value is None or not np.isfinite(value):
        return ""
    digits = f"{abs(value):.{4 if abs(value) < 0.001 else 3}f}" if abs(value) < 10 else f"{abs(value):.0f}"
    sign = "" if name == "M2" else "+" if value >= 0 else "−"
    return f"{name} {sign}{digits}{carry_mark(cell) if name == 'M4' or look in WITHOUT_PRIOR else ''}"
