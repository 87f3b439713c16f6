"""Error between a context's points and beyond them."""

from typing import ClassVar

import matplotlib.figure
import pandas as pd

from offprior.columns import BETWEEN, BEYOND, WHERE
from offprior.figures._error_curves import draw_errors, limit_errors, log_error_axis, mark_prior
from offprior.figures._look import Look, legend_below
from offprior.figures.error_by_strength import LABEL_WIDTH, shown_probes
from offprior.figures.figure import Figure, ReportData, along_context, coordinate_in_words


class BetweenAndBeyond(Figure):
    """Normalised error along a probe's coordinate, between the context's points and beyond them, with 95% intervals.

    Between the points, S, a smoother that knows no family, may be as good as any predictor. Beyond them S returns to
    its mean, but a straight line may do well there: an error below S alone does not show composing. B and C are the
    Bayes predictors without and with the probe's functions. The contexts are the longest that pretraining had.
    """

    place: ClassVar[int] = 12

    def __init__(self, probe: str | None = None, placement: str | None = None):
        self.probe, self.placement = probe, placement

    @property
    def caption(self) -> str:
        """The first line of the docstring, with the probe's name."""
        first = super().caption
        return first if self.probe is None else f"{self.probe}: n{first[1:]}".replace("a probe's", "its")

    def belongs_to(self, data: ReportData) -> bool:
        return super().belongs_to(data) and not data.placed.empty

    def variants(self, data: ReportData) -> dict[str, Figure]:
        return {probe: BetweenAndBeyond(probe) for probe in _shown(data)} or {"": self}

    def panels(self, data: ReportData) -> dict[str, Figure]:
        parts = _longest(data, self.probe)[1] if self.probe is not None else {}
        return {placement: BetweenAndBeyond(self.probe, placement) for placement in parts}

    def compose(self, data: ReportData, look: Look) -> matplotlib.figure.Figure | None:
        probe = self.probe or next(iter(_shown(data)), None)
        if probe is None:
            return None
        length, parts = _longest(data, probe)
        if self.placement is not None:
            parts = {placement: cells for placement, cells in parts.items() if placement == self.placement}
        if not parts:
            return None
        canvas, axes = look.grid(len(parts), columns=2, height=3.4)
        for axis, cells in zip(axes, parts.values(), strict=True):
            mark_prior(axis, data, cells, look)
            draw_errors(axis, cells["strength"], cells, look, name=data.judged)
            log_error_axis(axis)
        look.panel_titles(axes, [WHERE[placement] for placement in parts])
        limit_errors(axes[0], *parts.values())
        words = coordinate_in_words(data, next(iter(parts.values())))
        look.labels(axes, words, data.wording.error, letters=2 * LABEL_WIDTH)
        look.few_ticks(axes)
        look.title(canvas, f"{probe}, {length} context {data.wording.of}: between the points and beyond them")
        legend_below(canvas, look, *axes)
        return canvas


def _shown(data: ReportData) -> list[str]:
    """Returns the probes with a path (at least two places) for which a placement is known."""
    paths = [probe for probe in shown_probes(data) if not along_context(data.cells(probe))]
    return [probe for probe in paths if _longest(data, probe)[1]]


def _longest(data: ReportData, probe: str) -> tuple[int, dict[str, pd.DataFrame]]:
    """Returns the longest trained length and its cells by placement, for placements with at least two places."""
    parts = {placement: data.cells(probe, placement) for placement in (BETWEEN, BEYOND)}
    lengths = {int(length) for cells in parts.values() if len(cells) for length in cells["length"]}
    trained_to = data.training_length
    lengths = {length for length in lengths if trained_to is None or length <= trained_to} or lengths
    if not lengths:
        return 0, {}
    length = max(lengths)
    at = {placement: cells[cells["length"] == length] for placement, cells in parts.items() if len(cells)}
    return length, {placement: cells for placement, cells in at.items() if cells["strength"].nunique() > 1}
