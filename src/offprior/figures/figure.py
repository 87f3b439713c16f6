"""The base class of figures, the tables that they read, and colours that mean the same in every figure; no jax."""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import matplotlib as mpl
import matplotlib.figure
import numpy as np
import pandas as pd

from offprior.analysis.metrics import metrics
from offprior.analysis.study import StudyResult
from offprior.analysis.unknown_prior import is_prior_known
from offprior.analysis.verdict import verdicts
from offprior.columns import ALL, FLOOR, IN_DISTRIBUTION, OF_TOKENS, PLACEMENTS, SMOOTHER, Wording, wording
from offprior.figures._look import REPORT, Look

# Okabe and Ito's palette, which readers with any kind of colour vision can distinguish.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
SHADE = "#ededed"


@dataclasses.dataclass(frozen=True)
class Style:
    """How a predictor is drawn."""

    color: str
    linestyle: Any = "-"
    linewidth: float = 1.5
    marker: str = ""

    @property
    def line(self) -> dict[str, Any]:
        """Keyword arguments for `Axes.plot`."""
        return {
            "color": self.color,
            "linestyle": self.linestyle,
            "linewidth": self.linewidth,
            "marker": self.marker,
            "markersize": 3.5,
        }


STYLES = {
    "truth": Style(BLACK, "-", 1.0),
    "model": Style(VERMILLION, "-", 2.0, "o"),
    "B": Style(BLUE, (0, (5, 2)), 1.6, "s"),
    "C": Style(GREEN, (0, (5, 1.5, 1, 1.5)), 1.6, "^"),
    SMOOTHER: Style("#666666", (0, (3, 1, 1, 1, 1, 1)), 1.6, "x"),
    FLOOR: Style(SKY, (0, (1, 1.2)), 1.6),
}
CLASS_STYLES = (
    Style(PURPLE, (0, (2, 1)), 1.2),
    Style(ORANGE, (0, (4, 1, 1, 1)), 1.2),
    Style("#8c6d31", (0, (1, 1)), 1.2),
)
RUN_STYLES = (
    Style(PURPLE, "-", 1.8, "D"),
    Style(ORANGE, "-", 1.8, "v"),
    Style(SKY, "-", 1.8, "P"),
    Style(BLACK, "-", 1.8, "X"),
)
REFERENCE_ERRORS = {"B": "bayes_nmse", "C": "combined_nmse", SMOOTHER: "smoother_nmse", FLOOR: "bayes_nmse_floor10"}
"""The columns of a metrics table that hold the errors of the references; older tables lack some."""


def style_of(label: str, families: Sequence[str] = ()) -> Style:
    """Returns the style of a predictor, or of a family's own curve.

    Args:
        label: the predictor's label.
        families: the families in the order in which their curves take their styles.
    """
    if label in STYLES:
        return STYLES[label]
    name = label.removeprefix("class: ")
    place = list(families).index(name) if name in families else len(families)
    return CLASS_STYLES[place % len(CLASS_STYLES)]


@dataclasses.dataclass(frozen=True)
class ReportData:
    """The stored tables of one run, and of the runs to compare it with.

    A table that the run lacks is empty.
    """

    label: str = ""
    evaluation: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    metrics: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    verdicts: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    training: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    panels: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    manifest: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    recipe: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    others: tuple["ReportData", ...] = ()
    """The runs to compare with."""
    placed: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    """Metrics of the queries between the context's points and beyond them, if known; see the column `placement`."""
    breaks: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    """Where the predictor of an atlas breaks first, one row per probe."""
    trajectory: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    """Of a study read along training: the model's distances from other predictors, by place, step and cell."""
    study: StudyResult | None = None
    """The result of the study, if the run is one."""

    @classmethod
    def from_evaluation(
        cls, rows: pd.DataFrame, *, gate: pd.DataFrame | None = None, prior_known: bool = True, **tables: Any
    ) -> "ReportData":
        """Computes metrics and verdicts from the rows of an evaluation table.

        Args:
            rows: the evaluation table.
            gate: another evaluation of the same predictor, whose rows M1 is measured on where it has them.
            prior_known: whether the predictor was pretrained on the table's mixture.
            tables: the other attributes.
        """
        measured = metrics(rows, gate=gate, prior_known=prior_known)
        judged = measured if measured.empty else verdicts(measured)
        parts = {}
        if len(measured):
            whole = measured["placement"] == ALL
            parts = {"metrics": measured[whole], "placed": measured[~whole]}
        parts = {name: part.reset_index(drop=True) for name, part in parts.items()}
        return cls(evaluation=rows, verdicts=judged, **parts, **tables)

    @property
    def wording(self) -> Wording:
        """The words for errors and prompts."""
        return wording(self.metrics["unit"].iloc[0] if "unit" in self.metrics and len(self.metrics) else None)

    @property
    def prior_known(self) -> bool:
        """Whether the predictor's prior is known, so that it has a B."""
        return is_prior_known(self.metrics)

    @property
    def judged(self) -> str:
        """The name of the judged predictor in legends; empty for the model of a run."""
        return str(self.manifest.get("predictor") or "")

    @property
    def probes(self) -> list[str]:
        """The probes, in the order of the table."""
        return list(self.metrics["probe"].unique()) if "probe" in self.metrics else []

    @property
    def placements(self) -> list[str]:
        """The placements that the tables distinguish: all queries, then between and beyond the context's points."""
        known = set(self.placed["placement"]) if "placement" in self.placed else set()
        return [ALL, *(name for name in PLACEMENTS if name in known)] if len(self.metrics) else []

    def cells(self, probe: str, placement: str = ALL) -> pd.DataFrame:
        """Returns a probe's rows of the metrics for the queries of one placement, sorted by strength and length."""
        table = self.metrics if placement == ALL else self.placed
        if "probe" not in table:
            return pd.DataFrame()
        of_placement = table["placement"] == placement if placement != ALL else True
        chosen = (table["probe"] == probe) & of_placement
        return table[chosen].sort_values(["strength", "length"], ignore_index=True)

    @property
    def families(self) -> list[str]:
        """The families of the pretraining mixture."""
        for table, prefix in (
            (self.metrics, "M1: "),
            (self.training, "loss: "),
            (self.panels.get("series", ()), "class: "),
        ):
            names = table.columns if isinstance(table, pd.DataFrame) else dict.fromkeys(table)
            found = [str(name).removeprefix(prefix) for name in names if str(name).startswith(prefix)]
            if found:
                return found
        return []

    def of_probe(self, cells: pd.DataFrame) -> dict[str, Any]:
        """Returns the first row of the evaluation of the same probe as `cells`; empty if there is none."""
        if self.evaluation.empty:  # figures can be drawn from metrics alone
            return {}
        rows = self.evaluation[self.evaluation["probe"] == cells["probe"].iloc[0]]
        return rows.iloc[0].to_dict() if len(rows) else {}

    @property
    def training_length(self) -> int | None:
        """The longest context of pretraining, in pairs."""
        points = (self.recipe.get("training") or {}).get("points")
        return int(points) if isinstance(points, int | float) else None

    def quoted(self) -> dict[Any, Any] | None:
        """Returns the cell to quote, the middle of a path at the longest context of pretraining; None if there is none.

        The choice does not depend on any error or gap. The probe is the convex one, or the first of the report if there
        is none. Among the places outside the prior, the cell is the one nearest to the middle of the path: to a = ½ for
        a combination, to the middle of the ordered places for any other probe. If two are equally near, the lower one
        is taken.
        """
        outside = [probe for probe in self.probes if probe != IN_DISTRIBUTION and not along_context(self.cells(probe))]
        outside.sort(key=lambda probe: probe.partition(",")[0] != "convex")
        for probe in outside:
            cells = self.cells(probe)
            places = np.sort(cells["strength"].unique())
            cells = cells[~cells["inside"].astype(bool)]
            cells = cells[cells["M3"].notna()] if self.prior_known else cells
            if self.training_length is not None:
                cells = cells[cells["length"] <= self.training_length]
            if len(cells):
                cells = cells[cells["length"] == cells["length"].max()].sort_values("strength")
                at = cells["strength"].to_numpy()
                is_convex = probe.partition(",")[0] == "convex"
                off = at - 0.5 if is_convex else np.searchsorted(places, at) - (len(places) - 1) / 2
                return cells.iloc[int(np.argmin(np.abs(off).round(9)))].to_dict()
        return None


def coordinate_in_words(data: ReportData, cells: pd.DataFrame) -> str:
    """Returns a description of a probe's coordinate; its symbol if an older table has no description."""
    words = data.of_probe(cells).get("axis")
    return words if isinstance(words, str) and words else str(cells["coordinate"].iloc[0])


def along_context(cells: pd.DataFrame) -> bool:
    """Whether the probe's coordinate is the context length itself."""
    return bool((cells["strength"] == cells["length"]).all())


def spread(values: Sequence[Any], count: int) -> list[Any]:
    """Returns at most `count` of the sorted values, spaced evenly by their places; both ends are included."""
    found = sorted(set(values))
    if len(found) <= count:
        return found
    return [found[round(place * (len(found) - 1) / (count - 1))] for place in range(count)] if count > 1 else found[-1:]


def prior_spans(data: ReportData, cells: pd.DataFrame) -> list[tuple[float, float]]:
    """Returns the intervals of a probe's coordinate inside the pretraining prior; a single place has equal ends.

    If the probe knows the ends of its interval, they are used: the tested places only lie between them.
    """
    inside = cells.groupby("strength")["inside"].all()
    spans: list[tuple[float, float]] = []
    is_open = False
    for strength, holds in inside.items():
        place = float(strength)  # type: ignore[arg-type]
        if holds:
            spans = [*spans[:-1], (spans[-1][0], place)] if is_open else [*spans, (place, place)]
        is_open = bool(holds)
    known = data.of_probe(cells)
    low, high = (float(known.get(end, np.nan)) for end in ("prior_low", "prior_high"))
    return [(low, high)] if spans and low == low and high == high else spans


class Figure(abc.ABC):
    """A figure of a run, drawn from its stored tables."""

    place: ClassVar[int] = 100
    """The figure's position in a report: small numbers come first."""
    of_study: ClassVar[bool] = False
    """Whether the figure shows a study rather than a single run."""
    of_tokens: ClassVar[bool] = False
    """Whether the figure is for runs on sequences of tokens alone."""

    def belongs_to(self, data: ReportData) -> bool:
        """Whether a report of `data` should have this figure; if so, the report mentions its absence."""
        if self.of_tokens:
            return data.wording == OF_TOKENS
        return data.study is not None if self.of_study else not data.metrics.empty

    def draw(self, data: ReportData, look: Look = REPORT) -> matplotlib.figure.Figure | None:
        """Draws the figure for the report's page or for a paper; returns None if the tables lack what it shows.

        Args:
            data: the run's tables.
            look: the width, and whether the figure is for a paper.
        """
        with mpl.rc_context(look.rc):
            return self.compose(data, look)

    @abc.abstractmethod
    def compose(self, data: ReportData, look: Look) -> matplotlib.figure.Figure | None:
        """Draws the figure as `draw` does, with the package's settings of matplotlib already in effect."""

    def variants(self, data: ReportData) -> dict[str, "Figure"]:
        """Returns the figures of this class in a report of `data`, by a suffix of the name; by default only itself."""
        return {"": self}

    def panels(self, data: ReportData) -> dict[str, "Figure"]:
        """Returns the parts that can stand alone in a paper, keyed by a suffix of the name; by default none."""
        return {}

    @property
    def caption(self) -> str:
        """The first line of the class's docstring."""
        return (type(self).__doc__ or "").strip().partition("\n")[0]
