# Bokeh's properties accept and return different types, of which pyright knows only one.
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportOptionalMemberAccess=false
"""The map of a run's verdicts; clicking a cell, or choosing it from the list, opens a prompt from it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, FactorRange, HoverTool, Select, TapTool
from bokeh.plotting import figure

from offprior.columns import ALL
from offprior.explorer.verdicts import Verdicts, in_words, is_along_length
from offprior.figures.verdict_map import LOOKS, OFF, held_verdict, look_of, rate_in_words

CHOOSE = "choose a cell"
ROW = 34
"""Height of a context length's row [pixels]."""
FEW = 8
"""The most cells per row for which the larger text fits."""


class VerdictView:
    """The verdicts of one probe of a run: its coordinate across, the context length down."""

    def __init__(self, verdicts: Verdicts, title: str, name: str, opened: Callable[[str, float, int], None]):
        self.verdicts, self._opened = verdicts, opened
        self.cells = verdicts.of(verdicts.probes[0]) if verdicts.probes else verdicts.cells
        self._is_moved_by_us = False
        self.source = ColumnDataSource()
        self.figure = figure(
            height=200,
            sizing_mode="stretch_width",
            x_range=FactorRange(),
            y_range=FactorRange(),
            tools="tap",
            toolbar_location=None,
            title=title,
            y_axis_label="pairs k",
            name=name,
        )
        boxes = self.figure.rect(
            x="x", y="y", width=0.96, height=0.94, source=self.source, fill_color="fill", line_color="#bbbbbb"
        )
        self.words = self.figure.text(
            x="x", y="y", text="word", text_color="ink", source=self.source, text_font_size="10px",
            text_align="center", text_baseline="middle",
        )  # fmt: skip
        for renderer in (boxes, self.words):
            renderer.nonselection_glyph = renderer.selection_glyph = None
        self.figure.select_one(TapTool).renderers = [boxes]
        self.figure.add_tools(HoverTool(renderers=[boxes], tooltips="@says"))
        self.figure.grid.visible = False
        self.list = Select(title=f"open a prompt from a cell: {title}", name=f"{name}-list", width=360)
        self.source.selected.on_change("indices", lambda _, __, new: self._pressed(new))
        self.list.on_change("value", lambda _, __, new: self._chosen(new))
        self.layout = column(self.figure, self.list, sizing_mode="stretch_width", min_width=430)
        self.show(self.verdicts.probes[0] if self.verdicts.probes else "")

    def show(self, probe: str, placement: str = ALL) -> None:
        """Shows the cells of a probe for queries of one placement; empty if the run has none."""
        self.cells = self.verdicts.of(probe, placement).sort_values(["length", "strength"]).reset_index(drop=True)
        cells = self.cells
        strengths, lengths = (sorted(cells[name].unique()) for name in ("strength", "length"))
        along = is_along_length(cells)
        painted = [look_of(cell) for cell in cells.to_dict("records")]
        looks = [LOOKS.get(name, (name, "#ffffff", "black")) for name in painted]
        self._is_moved_by_us = True
        try:
            self.figure.x_range.factors = [f"{strength:g}" for strength in strengths]
            self.figure.y_range.factors = [""] if along else [f"{length:g}" for length in reversed(lengths)]
            self.words.glyph.text_font_size = "10px" if len(strengths) <= FEW else "8px"
            self.figure.height = 90 + ROW * len(self.figure.y_range.factors)
            coordinate = str(cells["coordinate"].iloc[0]) if len(cells) else ""
            rate = rate_in_words(cells) if len(cells) else ""
            self.figure.xaxis.axis_label = f"{coordinate} ({rate})" if rate else coordinate
            self.source.selected.indices = []
            self.source.data = {
                "x": [f"{strength:g}" for strength in cells["strength"]],
                "y": ["" if along else f"{length:g}" for length in cells["length"]],
                "fill": [fill for _, fill, _ in looks],
                "word": [word for word, _, _ in looks],
                "ink": [ink for _, _, ink in looks],
                "says": [_says(cell) for cell in cells.to_dict("records")],
            }
            self.list.options = [CHOOSE, *(_option(cell) for cell in cells.to_dict("records"))]
            self.list.value = CHOOSE
        finally:
            self._is_moved_by_us = False

    def _pressed(self, indices: list[int]) -> None:
        if indices and not self._is_moved_by_us:
            self._open(indices[0])

    def _chosen(self, value: str) -> None:
        if not self._is_moved_by_us and value in self.list.options[1:]:
            self._open(self.list.options.index(value) - 1)

    def _open(self, place: int) -> None:
        self._is_moved_by_us = True
        try:  # reset, so that the same cell can be opened again
            self.source.selected.indices = []
            self.list.value = CHOOSE
        finally:
            self._is_moved_by_us = False
        cell = self.cells.iloc[place]
        self._opened(str(cell["probe"]), float(cell["strength"]), int(cell["length"]))


def _option(cell: dict[Any, Any]) -> str:
    return f"{cell['coordinate']} = {cell['strength']:g}, {cell['length']} pairs: {held_verdict(cell)}"


def _says(cell: dict[Any, Any]) -> str:
    off = ", off B" if look_of(cell) == OFF else ""
    gains = (("gain over Bayes", "M4"), ("gain over the smoother", "M19"))
    told = "".join(f"; {name} {cell[metric]:+.3g}" for name, metric in gains if np.isfinite(cell[metric]))
    return f"{in_words(cell)}{off}{told}"
