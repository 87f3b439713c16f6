"""The layout that figures share: settings for the report's page, or for a paper at the width of its column."""

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
"""The font that comes with matplotlib, so that the same tables give the same layout on every machine."""
LETTER = 0.6
"""The average width of a letter, relative to the font size."""
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
    # Text stays text, so that it can be searched, copied and edited; journals refuse Type 3 fonts.
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    # A fixed salt makes the same tables give the same file, byte for byte.
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
"""Height of a line in a paper's legend [inches]."""
NARROWEST_PANEL = 1.5
"""The narrowest panel in which the labels fit [inches]."""
WIDTHS = (3.0, 20.0)
"""The smallest and largest width of a figure for a paper [inches]."""


class Canvas(matplotlib.figure.Figure):
    """A figure that is always saved with the settings that it was drawn with."""

    rc: Any = RC

    def savefig(self, *args: Any, **settings: Any) -> None:
        with mpl.rc_context(self.rc):
            super().savefig(*args, **settings)


@dataclasses.dataclass(frozen=True)
class Look:
    """The width of a figure [inches], and whether it is for a paper: without titles, with legible type."""

    width: float = 10.5
    is_paper: bool = False

    @property
    def rc(self) -> Any:
        """Settings of matplotlib."""
        return PAPER_RC if self.is_paper else RC

    def canvas(self, height: float) -> Canvas:
        """Returns an empty canvas of this width and of `height` inches."""
        canvas = Canvas(figsize=(self.width, height), layout="constrained")
        canvas.rc = self.rc
        if self.is_paper:
            canvas.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.03, hspace=0.03)  # pyright: ignore
        return canvas

    def grid(
        self, count: int, *, columns: int, height: float = 2.9, sharey: bool = True, extra: float = 0.9
    ) -> tuple[Canvas, list[Any]]:
        """Returns a canvas with `count` panels, and the panels.

        Args:
            count: the number of panels.
            columns: the most panels per row; a paper may have room for fewer.
            height: height of a row in the report [inches].
            sharey: whether all panels have the same vertical axis.
            extra: height of title and legend in the report [inches].
        """
        columns = min(columns, count)
        if self.is_paper:
            columns = max(1, min(columns, int(self.width / NARROWEST_PANEL)))
            least = 1.3 if count > columns else 1.7  # a single row must be as high as the vertical label
            height, extra = min(2.6, max(least, 0.66 * self.width / columns)), 0.2
        rows = -(-count // columns)
        canvas = self.canvas(rows * height + extra)
        axes = canvas.subplots(rows, columns, sharey=sharey, squeeze=False).ravel().tolist()
        for unused in axes[count:]:
            unused.remove()
        return canvas, axes[:count]

    def line(self, line: dict[str, Any]) -> dict[str, Any]:
        """Returns keyword arguments for `Axes.plot`, with thinner lines in a paper."""
        if not self.is_paper:
            return line
        return {**line, **{name: 0.72 * line[name] for name in ("linewidth", "markersize") if name in line}}

    def words(self, text: str, width: float, size: float) -> str:
        """Wraps the text into lines of at most `width` inches, at a font size of `size` points."""
        return textwrap.fill(text, max(8, int(72 * width / (LETTER * size))))

    def title(self, canvas: matplotlib.figure.Figure, text: str) -> None:
        """Sets the title of the whole figure; a paper has a caption instead."""
        if not self.is_paper:
            canvas.suptitle(text)

    def panel_titles(self, axes: Sequence[Any], titles: Sequence[str]) -> None:
        """Sets the titles that distinguish panels; a single panel of a paper has none."""
        for axis, title in zip(axes, titles, strict=True):
            if not self.is_paper:
                axis.set_title(title)
            elif len(axes) > 1:
                axis.set_title(self.words(title, panel_width(axis), self.rc["axes.titlesize"]))

    def labels(self, axes: Sequence[Any], x: str, y: str, *, letters: int = 72) -> None:
        """Labels the axes that panels share.

        The left panels have y. In the report all panels have x; in a paper only the lowest of each column has it.

        Args:
            axes: the panels.
            x: label of the horizontal axes.
            y: label of the vertical axes; a paper has it once for all rows.
            letters: the most letters per line of a horizontal label in the report.
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
        """Limits the number of horizontal ticks to the room in the narrow panels of a paper."""
        for axis in axes if self.is_paper else ():
            if axis.get_xscale() == "linear":
                axis.locator_params(axis="x", nbins=max(2, int(panel_width(axis) / 0.4)))

    def apart(self, axis: Any, places: Sequence[float]) -> list[float]:
        """Returns the places at which ticks fit: in a paper the last one, and those that are far enough to its left."""
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
"""The layout of the report's page."""


def paper(width: float) -> Look:
    """Returns the layout for a paper, `width` inches wide.

    Raises:
        OffpriorError: the width is too small to be legible, or larger than any page.
    """
    if not WIDTHS[0] <= width <= WIDTHS[1]:
        raise OffpriorError(f"width: must be {WIDTHS[0]:g} to {WIDTHS[1]:g} inches, got {width:g}")
    return Look(width, is_paper=True)


def look_of(style: str, width: float) -> Look:
    """Returns the layout of a style by its name, "page" or "paper".

    Args:
        style: the name.
        width: width of a paper's figure [inches].

    Raises:
        OffpriorError: the style is unknown, or the width is out of range.
    """
    if style not in ("page", "paper"):
        raise OffpriorError(f"style: unknown style {style!r}; {choose_from(style, ('page', 'paper'))}")
    return paper(width) if style == "paper" else REPORT


def panel_width(axis: Any) -> float:
    """Returns the approximate width of a panel without its labels [inches]."""
    return 0.85 * axis.figure.get_figwidth() / axis.get_gridspec().ncols


def left_of(axes: Sequence[Any]) -> list[Any]:
    """Returns the panels of the first column."""
    return [axis for axis in axes if axis.get_subplotspec().is_first_col()]


def grow(canvas: matplotlib.figure.Figure, inches: float) -> None:
    """Adds height for a legend, so that the legend does not shrink the panels."""
    canvas.set_figheight(canvas.get_figheight() + inches)


def below(axes: Sequence[Any]) -> list[Any]:
    """Returns the lowest panel of each column."""
    return list({axis.get_subplotspec().colspan.start: axis for axis in axes}.values())


def legend_below(canvas: matplotlib.figure.Figure, look: Look, *axes: Any, columns: int = 3) -> None:
    """Adds one legend for all panels below them, with each label once.

    Args:
        canvas: the figure.
        look: its layout.
        axes: the panels.
        columns: the number of columns in the report; a paper has as many as fit its width.
    """
    found: dict[str, Any] = {}
    for panel in axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found:
        legend_of(canvas, look, found, columns=columns, handlelength=2.6 if look.is_paper else 3.2)


def legend_of(
    canvas: matplotlib.figure.Figure, look: Look, entries: Mapping[str, Any], *, columns: int, **settings: Any
) -> None:
    """Adds a legend with the given entries below the panels.

    Args:
        canvas: the figure.
        look: its layout.
        entries: handles by their labels.
        columns: the number of columns in the report; a paper has as many as fit its width.
        settings: further arguments of `Figure.legend`.
    """
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
    """Whether the legend is no wider than its figure."""
    return bool(legend.get_window_extent(FigureCanvasAgg(canvas).get_renderer()).width <= canvas.bbox.width)
