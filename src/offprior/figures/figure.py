"""What a figure has to offer, the tables it reads, and colours that mean the same in every figure; no jax."""

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
from offprior.analysis.verdict import verdicts
from offprior.columns import ALL, FLOOR, IN_DISTRIBUTION, PLACEMENTS, SMOOTHER
from offprior.figures._look import REPORT, Look

# Okabe and Ito's palette: told apart by readers with any kind of colour vision.
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
        """Keyword arguments of `Axes.plot`."""
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
MEANING = {
    "model": "model",
    "B": "B: Bayes, pretraining mixture",
    "C": "C: Bayes, the probe's functions included",
    "B = C": "B = C: Bayes, with and without the probe's functions",
    SMOOTHER: "S: smoother, knows no family",
}
"""What a legend calls the predictors."""
SHORT = {"model": "model", "B": "B: Bayes", "C": "C: Bayes + probe", "B = C": "B = C: Bayes", SMOOTHER: "S: smoother"}
"""The same in a paper, whose caption says more."""
REFERENCE_ERRORS = {"B": "bayes_nmse", "C": "combined_nmse", SMOOTHER: "smoother_nmse", FLOOR: "bayes_nmse_floor10"}
"""The columns of a metrics table that hold the errors of the predictors beside the model; older tables lack some."""


def style_of(label: str, families: Sequence[str] = ()) -> Style:
    """The style of a predictor or of a family's own curve; `families` gives their order."""
    if label in STYLES:
        return STYLES[label]
    name = label.removeprefix("class: ")
    place = list(families).index(name) if name in families else len(families)
    return CLASS_STYLES[place % len(CLASS_STYLES)]


@dataclasses.dataclass(frozen=True)
class ReportData:
    """The stored tables of one run, and those of the runs to be shown beside it.

    A table that the run has not got is empty.
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
    placed: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    """Metrics of queries between the context's points and beyond them, where they are known (column `placement`)."""
    breaks: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    """Where the predictor of an atlas breaks first, one row per probe."""
    study: StudyResult | None = None
    """Where the run is a study."""

    @classmethod
    def from_evaluation(cls, rows: pd.DataFrame, *, gate: pd.DataFrame | None = None, **tables: Any) -> "ReportData":
        """With the metrics and verdicts of an evaluation table's rows; M1 is measured in `gate` as far as it can be."""
        measured = metrics(rows, gate=gate)
        judged = measured if measured.empty else verdicts(measured)
        parts = {}
        if len(measured):
            whole = measured["placement"] == ALL
            parts = {"metrics": measured[whole], "placed": measured[~whole]}
        parts = {name: part.reset_index(drop=True) for name, part in parts.items()}
        return cls(evaluation=rows, verdicts=judged, **parts, **tables)

    @property
    def probes(self) -> list[str]:
        """The probes, in the order of the table."""
        return list(self.metrics["probe"].unique()) if "probe" in self.metrics else []

    @property
    def placements(self) -> list[str]:
        """Placements that the tables tell apart: all queries first, then between and beyond the context's points."""
        known = set(self.placed["placement"]) if "placement" in self.placed else set()
        return [ALL, *(name for name in PLACEMENTS if name in known)] if len(self.metrics) else []

    def cells(self, probe: str, placement: str = ALL) -> pd.DataFrame:
        """A probe's rows of the metrics, by strength and length; of the queries of one placement."""
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
        """The first row of the evaluation that is of the same probe as `cells`; empty where there is none."""
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
        """The cell to quote, chosen before anything is measured: the middle of a path, at a length trained on.

        Of the convex probe, or the first of the report where there is none, at the longest context that pretraining
        had. Of the places outside the prior it is the nearest to the middle of the path: to a = ½ of a combination, to
        the middle of the row of places of any other probe; of two equally near the lower one. No error and no gap is
        looked at.
        """
        outside = [probe for probe in self.probes if probe != IN_DISTRIBUTION and not along_context(self.cells(probe))]
        outside.sort(key=lambda probe: probe.partition(",")[0] != "convex")
        for probe in outside:
            cells = self.cells(probe)
            places = np.sort(cells["strength"].unique())
            cells = cells[(~cells["inside"].astype(bool)) & cells["M3"].notna()]
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
    """What a probe's coordinate is, in words; its symbol where an older table has no words."""
    words = data.of_probe(cells).get("axis")
    return words if isinstance(words, str) and words else str(cells["coordinate"].iloc[0])


def along_context(cells: pd.DataFrame) -> bool:
    """Is the probe's coordinate the context length itself?"""
    return bool((cells["strength"] == cells["length"]).all())


def spread(values: Sequence[Any], count: int) -> list[Any]:
    """At most `count` of the sorted values, both ends among them, evenly spread over their places."""
    found = sorted(set(values))
    if len(found) <= count:
        return found
    return [found[round(place * (len(found) - 1) / (count - 1))] for place in range(count)] if count > 1 else found[-1:]


def prior_spans(data: ReportData, cells: pd.DataFrame) -> list[tuple[float, float]]:
    """The stretches of a probe's coordinate that the pretraining prior holds; a single place has equal ends.

    A probe may know the ends of a stretch, the tested places only lie between them.
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
    """Where it stands in a report: small numbers come first."""
    of_study: ClassVar[bool] = False
    """Is it of a study, or of a single run?"""

    def belongs_to(self, data: ReportData) -> bool:
        """Is it a figure of such a run at all? If so, its absence is told."""
        return data.study is not None if self.of_study else not data.metrics.empty

    def draw(self, data: ReportData, look: Look = REPORT) -> matplotlib.figure.Figure | None:
        """The figure, or None where what it shows is not in the tables; for the report's page, or for a paper."""
        with mpl.rc_context(look.rc):
            return self.compose(data, look)

    @abc.abstractmethod
    def compose(self, data: ReportData, look: Look) -> matplotlib.figure.Figure | None:
        """What `draw` does, under the package's own settings of matplotlib."""

    def variants(self, data: ReportData) -> dict[str, "Figure"]:
        """The figures of this kind in a report of `data`, by what is added to the name; one, unless overridden."""
        return {"": self}

    def panels(self, data: ReportData) -> dict[str, "Figure"]:
        """Its parts that can stand alone in a paper, by what is added to the name; none, unless overridden."""
        return {}

    @property
    def caption(self) -> str:
        """The first line of its docstring."""
        return (type(self).__doc__ or "").strip().partition("\n")[0]
