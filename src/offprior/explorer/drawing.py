# Bokeh's properties accept and return different types, of which pyright knows only one.
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportOptionalMemberAccess=false
"""The plot: points to drag, one curve per predictor, bands, and their styles."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, Legend, LegendItem, Range1d, Span
from bokeh.plotting import figure

from offprior.columns import SMOOTHER
from offprior.explorer.answer import Answers
from offprior.explorer.state import State
from offprior.figures.figure import RUN_STYLES, style_of

BANDS = ("model", "B", "C", SMOOTHER)
ENDS = ("low", "high")
ATTENTION_COLOUR = "#e69f00"
MOST_ATTENTION = 70
"""The diameter of the marker of a point that receives the whole attention [pixels]."""
DASHES = ("solid", "dashed", "dotted", "dotdash", "dashdot")
NEAR = 0.04
"""The largest distance from a point at which a drag takes it, as a share of the plot's width and height."""


class Drawing:
    """A Bokeh figure and its data.

    Curves that are answered together share a source, so that an answer is one message: `quick`, and a little later
    `panel`.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        panel: tuple[str, ...],
        families: tuple[str, ...],
        places: np.ndarray,
        titles: Mapping[str, str],
    ):
        self.places = places
        self.points = ColumnDataSource({"x": [], "y": [], "colour": [], "number": []})
        self.attention = ColumnDataSource({"x": [], "y": [], "size": [], "weight": []})
        self.quick = ColumnDataSource(self._columns([label for label in labels if label not in panel], BANDS))
        self.panel = ColumnDataSource(self._columns(panel))
        self.figure = figure(
            height=460,
            sizing_mode="stretch_width",
            x_range=Range1d(float(places[0]), float(places[-1])),
            y_range=Range1d(-1.0, 1.0),
            tools="save,wheel_zoom,reset",
            active_scroll=None,
            active_drag=None,
            x_axis_label="x",
            y_axis_label="y",
            name="prompt",
        )
        self.lines: dict[str, Any] = {}
        self.areas: dict[str, Any] = {}
        for number, label in enumerate(labels):
            colour, dash, width = _look(label, number, families)
            source = self.panel if label in panel else self.quick
            if label in BANDS:
                self.areas[label] = self.figure.varea(
                    x="x", y1=f"{label} low", y2=f"{label} high", source=source, fill_color=colour, fill_alpha=0.13
                )
            self.lines[label] = self.figure.line(
                x="x", y=label, source=source, color=colour, line_dash=dash, line_width=width, name=f"curve: {label}"
            )
        self.query = Span(location=0.0, dimension="height", line_color=ATTENTION_COLOUR, line_dash="dotted")
        self.figure.add_layout(self.query)
        looked = self.figure.scatter(
            x="x", y="y", size="size", source=self.attention, color=ATTENTION_COLOUR, fill_alpha=0.35, line_alpha=0.8
        )
        dots = self.figure.scatter(
            x="x", y="y", source=self.points, size=11, fill_color="colour", line_color="black", line_width=1.2
        )
        for renderer in (looked, dots):
            renderer.nonselection_glyph = None
        self.figure.add_tools(
            HoverTool(renderers=[dots], tooltips=[("point", "@number"), ("x, y", "@x{0.00}, @y{0.00}")]),
            HoverTool(renderers=[looked], tooltips=[("attention", "@weight{0.000}")]),
        )
        items = [LegendItem(label=titles.get(label, label), renderers=[line]) for label, line in self.lines.items()]
        self.legend = Legend(
            items=items, location="top_left", orientation="horizontal", ncols=6, label_text_font_size="11px"
        )
        self.figure.add_layout(self.legend, "above")
        self.figure.toolbar.logo = None

    def show_points(self, state: State, chosen: int | None) -> None:
        """Shows the points, with the chosen one highlighted."""
        x, y = ([point[axis] for point in state.points] for axis in (0, 1))
        colours = ["#ffd92f" if number == chosen else "white" for number in range(len(x))]
        self.points.data = {"x": x, "y": y, "colour": colours, "number": list(range(1, len(x) + 1))}

    def show_answers(self, answers: Answers) -> None:
        """Shows the curves and bands that are available at once; those that an answer lacks are empty."""
        self.quick.data = self._filled(self.quick, answers)
        look = answers.look
        self.query.visible = look is not None
        self.query.location = answers.state.query
        if look is not None:
            points = np.asarray(answers.state.points[: len(look.attention)])
            # The eye compares areas, not diameters.
            size = MOST_ATTENTION * np.sqrt(look.attention)
            self.attention.data = {"x": points[:, 0], "y": points[:, 1], "size": size, "weight": look.attention}
        elif len(self.attention.data["x"]):
            self.attention.data = {"x": [], "y": [], "size": [], "weight": []}

    def show_panel(self, answers: Answers) -> None:
        """Shows the curves of the classical predictors."""
        self.panel.data = self._filled(self.panel, answers)

    def _columns(self, labels: Sequence[str], bands: Sequence[str] = ()) -> dict[str, np.ndarray]:
        names = [*labels, *(f"{label} {end}" for label in labels if label in bands for end in ENDS)]
        return {"x": self.places, **{name: np.full(len(self.places), np.nan) for name in names}}

    def _filled(self, source: ColumnDataSource, answers: Answers) -> dict[str, np.ndarray]:
        ends = {
            f"{label} {end}": band[place] for label, band in answers.bands.items() for place, end in enumerate(ENDS)
        }
        nothing = np.full(len(self.places), np.nan)
        known = {"x": self.places, **answers.curves, **ends}
        return {name: known.get(name, nothing) for name in source.data}

    def show_only(self, labels: tuple[str, ...]) -> None:
        """Hides all other curves and their entries in the legend."""
        for label, line in self.lines.items():
            line.visible = label in labels
        for label, area in self.areas.items():
            area.visible = label in labels
        for label, item in zip(self.lines, self.legend.items, strict=True):
            item.visible = label in labels

    def fit(self, state: State, answers: Answers | None) -> None:
        """Sets the vertical range so that the points and the truth fit."""
        values = [point[1] for point in state.points]
        if answers is not None and "truth" in answers.curves:
            values += [float(answers.curves["truth"].min()), float(answers.curves["truth"].max())]
        if values:
            middle, half = (max(values) + min(values)) / 2, max((max(values) - min(values)) / 2, 0.5)
            self.figure.y_range.start, self.figure.y_range.end = middle - 1.5 * half, middle + 1.5 * half

    def nearest(self, state: State, x: float, y: float) -> int | None:
        """Returns the number of the nearest point if it is close enough to be meant, otherwise None."""
        if not state.points:
            return None
        wide = self.figure.x_range.end - self.figure.x_range.start
        high = self.figure.y_range.end - self.figure.y_range.start
        at = np.asarray(state.points)
        off = np.hypot((at[:, 0] - x) / wide, (at[:, 1] - y) / high)
        place = int(off.argmin())
        return place if off[place] <= NEAR else None


def _look(label: str, number: int, families: tuple[str, ...]) -> tuple[str, str, float]:
    """Returns colour, dashes and width of a curve, as in the report if it shows the same curve."""
    if label in ("model", "B", "C", SMOOTHER, "truth") or label.startswith("class: "):
        style = style_of(label, families)
        dash = {"model": "solid", "truth": "solid", "B": "dashed", "C": "dashdot", SMOOTHER: "dotdash"}.get(
            label, "dotted"
        )
        return style.color, dash, style.linewidth + 0.6
    style = RUN_STYLES[number % len(RUN_STYLES)]
    return style.color, DASHES[number % len(DASHES)], 1.4
