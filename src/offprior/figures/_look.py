"""How figures are set: for the report's page, or for a paper at the width of its column; what figures share of it."""

import dataclasses
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.figure
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from offprior.errors import OffpriorError, choose_from

FONT = "DejaVu Sans"
"""Comes with matplotlib, so that the same tables are laid out alike on every machine."""
LETTER = 0.6
"""Width of a letter over the font's size, on average."""
RC: Any = {
    "font.family": FONT,
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "figure.titlesize": 11,
    "figure.titleweight": "bold",
    # Text stays text: it can be searched, copied and edited, and journals refuse Type 3 fonts.
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    # The same tables give the same file, byte for byte.
    "svg.hashsalt": "offprior",
}
PAPER_RC: Any = {
    **RC,
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titleweight": "normal",
    "axes.titlepad": 3,
    "axes.labelsize": 8,
    "axes.labelpad": 2,
    "axes.linewidth": 0.6,
    "grid.linewidth": 0.4,
    "legend.fontsize": 8,
    "legend.columnspacing": 1.0,
    "legend.handletextpad": 0.5,
    "legend.labelspacing": 0.25,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "figure.labelsize": 8,
}
LINE = 0.155
"""Inches; a line of a paper's legend is as high."""
NARROWEST_PANEL = 1.5
"""Inches; with less, the labels of a panel do not fit."""
WIDTHS = (3.0, 20.0)
"""Widths of a figure for a paper [inches]."""


class Canvas(matplotlib.figure.Figure):
    """A figure that is saved under the settings it was drawn under, whoever saves it."""

    rc: Any = RC

    def savefig(self, *args: Any, **settings: Any) -> None:
        with mpl.rc_context(self.rc):
            super().savefig(*args, **settings)


@dataclasses.dataclass(frozen=True)
class Look:
    """The width of a figure [inches], and whether it is for a paper: without titles, its type legible at that width."""

    width: float = 10.5
    is_paper: bool = False

    @property
    def rc(self) -> Any:
        """Settings of matplotlib."""
        return PAPER_RC if self.is_paper else RC

    def canvas(self, height: float) -> Canvas:
        """An empty canvas of this width, and `height` inches."""
        canvas = Canvas(figsize=(self.width, height), layout="constrained")
        canvas.rc = self.rc
        if self.is_paper:
            canvas.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.03, hspace=0.03)  # pyright: ignore
        return canvas

    def grid(
        self, count: int, *, columns: int, height: float = 2.9, sharey: bool = True, extra: float = 0.9
    ) -> tuple[Canvas, list[Any]]:
        """A canvas with `count` panels, `columns` a row at most; `height` is that of a row in the report."""
        columns = min(columns, count)
        if self.is_paper:
            columns = max(1, min(columns, int(self.width / NARROWEST_PANEL)))
            least = 1.3 if count > columns else 1.7  # beside a single row stands the whole label
            height, extra = min(2.6, max(least, 0.66 * self.width / columns)), 0.2
        rows = -(-count // columns)
        canvas = self.canvas(rows * height + extra)
        axes = canvas.subplots(rows, columns, sharey=sharey, squeeze=False).ravel().tolist()
        for unused in axes[count:]:
            unused.remove()
        return canvas, axes[:count]

    def line(self, line: dict[str, Any]) -> dict[str, Any]:
        """Keyword arguments of `Axes.plot`, thinner in a paper."""
        if not self.is_paper:
            return line
        return {**line, **{name: 0.72 * line[name] for name in ("linewidth", "markersize") if name in line}}

    def words(self, text: str, width: float, size: float) -> str:
        """The text in lines that are not longer than `width` inches, at a font size of `size` points."""
        return textwrap.fill(text, max(8, int(72 * width / (LETTER * size))))

    def title(self, canvas: matplotlib.figure.Figure, text: str) -> None:
        """The title of a whole figure; in a paper the caption says it."""
        if not self.is_paper:
            canvas.suptitle(text)

    def panel_titles(self, axes: Sequence[Any], titles: Sequence[str]) -> None:
        """What tells panels apart; in a paper a single panel goes without."""
        for axis, title in zip(axes, titles, strict=True):
            if not self.is_paper:
                axis.set_title(title)
            elif len(axes) > 1:
                axis.set_title(self.words(title, panel_width(axis), self.rc["axes.titlesize"]))

    def labels(self, axes: Sequence[Any], x: str, y: str, *, letters: int = 72) -> None:
        """The labels that all panels share: y at the left ones; x at each in the report, below each column in a paper.

        Args:
            axes: the panels.
            x: label of the horizontal axes.
            y: label of the vertical axes; in a paper once for all rows.
            letters: in a line of a horizontal label in the report.
        """
        for axis in below(axes) if self.is_paper else axes:
            words = self.words(x, panel_width(axis), self.rc["axes.labelsize"])
            axis.set_xlabel(words if self.is_paper else textwrap.fill(x, letters))
        left = left_of(axes)
        if self.is_paper and len(left) > 1:
            axes[0].figure.supylabel(y)
            return
        for axis in left:
            axis.set_ylabel(y)

    def few_ticks(self, axes: Sequence[Any]) -> None:
        """No more ticks across than a narrow panel of a paper has room for."""
        for axis in axes if self.is_paper else ():
            if axis.get_xscale() == "linear":
                axis.locator_params(axis="x", nbins=max(2, int(panel_width(axis) / 0.4)))

    def apart(self, axis: Any, places: Sequence[float]) -> list[float]:
        """The places at which a panel's ticks have room in a paper: the last one, and those far enough before it."""
        if not self.is_paper:
            return list(places)
        least = self.rc["xtick.labelsize"] / 72
        along = axis.transScale.transform([(place, 1.0) for place in places])[:, 0]
        inches = panel_width(axis) / max(float(np.ptp(along)), 1e-9)
        found = [len(places) - 1]
        for here in reversed(range(len(places) - 1)):
            letters = (len(f"{places[here]:g}") + len(f"{places[found[-1]]:g}")) / 2 + 0.8
            if (along[found[-1]] - along[here]) * inches >= least * LETTER * letters:
                found.append(here)
        return [places[here] for here in reversed(found)]


REPORT = Look()
"""The report's page."""


def paper(width: float) -> Look:
    """For a paper, `width` inches wide.

    Raises:
        OffpriorError: nothing is legible at that width, or no page is as wide.
    """
    if not WIDTHS[0] <= width <= WIDTHS[1]:
        raise OffpriorError(f"width: {width:g} inches; a figure is {WIDTHS[0]:g} to {WIDTHS[1]:g} inches wide")
    return Look(width, is_paper=True)


def look_of(style: str, width: float) -> Look:
    """That of a style by its name: "page" or "paper".

    Raises:
        OffpriorError: there is no such style; the width is out of range.
    """
    if style not in ("page", "paper"):
        raise OffpriorError(f"style: {style!r} is none; {choose_from(style, ('page', 'paper'))}")
    return paper(width) if style == "paper" else REPORT


def panel_width(axis: Any) -> float:
    """About as wide as a panel is, its labels left out [inches]."""
    return 0.85 * axis.figure.get_figwidth() / axis.get_gridspec().ncols


def left_of(axes: Sequence[Any]) -> list[Any]:
    """The panels of the first column."""
    return [axis for axis in axes if axis.get_subplotspec().is_first_col()]


def grow(canvas: matplotlib.figure.Figure, inches: float) -> None:
    """Make room for a legend, so that it takes none from the panels."""
    canvas.set_figheight(canvas.get_figheight() + inches)


def below(axes: Sequence[Any]) -> list[Any]:
    """The lowest panel of each column."""
    return list({axis.get_subplotspec().colspan.start: axis for axis in axes}.values())


def legend_below(canvas: matplotlib.figure.Figure, look: Look, *axes: Any, columns: int = 3) -> None:
    """One legend for all panels, below them, each label once; in a paper as many columns as its width holds."""
    found: dict[str, Any] = {}
    for panel in axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found:
        legend_of(canvas, look, found, columns=columns, handlelength=2.6 if look.is_paper else 3.2)


def legend_of(
    canvas: matplotlib.figure.Figure, look: Look, entries: Mapping[str, Any], *, columns: int, **settings: Any
) -> None:
    """A legend of these entries below the panels, `columns` wide; in a paper as many as its width holds."""
    labels, handles = list(entries), list(entries.values())
    columns = len(labels) if look.is_paper else min(columns, len(labels))
    for count in range(columns, 0, -1):
        legend = canvas.legend(handles, labels, loc="outside lower center", ncols=count, **settings)
        if not look.is_paper or count == 1 or _fits(legend, canvas):
            break
        legend.remove()
    if look.is_paper:
        grow(canvas, 0.1 + -(-len(labels) // count) * LINE)


def _fits(legend: Any, canvas: matplotlib.figure.Figure) -> bool:
    """Is the legend no wider than its figure?"""
    return bool(legend.get_window_extent(FigureCanvasAgg(canvas).get_renderer()).width <= canvas.bbox.width)
