"""The verdicts of a run, from its own probes and from its atlas."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from offprior.columns import ALL, IN_DISTRIBUTION, WHERE
from offprior.errors import OffpriorError
from offprior.explorer.judged_predictor import JudgedPredictor, Shown
from offprior.explorer.state import CELL, State
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.figures.verdict_map import held_verdict
from offprior.storage.run_folder import ATLAS, EVALUATION
from offprior.table import Table

WORDS = ["probe", "coordinate", "placement", "verdict", "verdict_fdr", "provisional"]
NUMBERS = ["strength", "length", "M4", "M19"]
COLUMNS = [*WORDS, *NUMBERS, "off_bayes"]


class Verdicts:
    """The cells of a run, each with its verdict; empty if the run has not been probed."""

    def __init__(self, run: Shown):
        self.families = run.recipe.mixture.families
        own = _read(run.table, run)
        # For a probe that both have, the run's own cells are shown, as in its report.
        gate = None if own.empty else run.table
        further = _read(lambda: Table.load(run.folder / ATLAS / EVALUATION), run, gate)
        cells = pd.concat([own, further[~further["probe"].isin(own["probe"])]], ignore_index=True)
        # Without a known prior, single placements have no verdict.
        self.cells = cells[(cells["probe"] != IN_DISTRIBUTION) & (cells["verdict"] != "")].reset_index(drop=True)

    @property
    def probes(self) -> tuple[str, ...]:
        """Labels of the probes, in the order of the report."""
        return tuple(self.cells["probe"].unique())

    @property
    def placements(self) -> tuple[str, ...]:
        """The placements that the cells distinguish."""
        return tuple(name for name in WHERE if name in set(self.cells["placement"]))

    def of(self, probe: str, placement: str = ALL) -> pd.DataFrame:
        """Returns the cells of a probe for queries of one placement."""
        return self.cells[(self.cells["probe"] == probe) & (self.cells["placement"] == placement)]

    def nearest(self, state: State, length: int) -> str:
        """Returns the verdict of the cell nearest to a prompt of `length` pairs; empty if no probe matches the prompt.

        The verdicts for queries between the context's points and beyond them follow, if they are known.
        """
        return self.nearest_cell(*self._place_of(state), length)

    def nearest_cell(self, probe: str, strength: float, length: int, of: str = "pairs") -> str:
        """Returns the verdict of a probe's cell nearest to a strength and a length; empty if there is none."""
        cells = self.of(probe)
        if cells.empty:
            return ""
        if not is_along_length(cells):
            off = (cells["strength"] - strength).abs()
            cells = cells[off == off.min()]
        cell = cells.loc[(cells["length"] - length).abs().idxmin()]
        further = []
        for placement in self.placements[1:]:
            here = self.of(probe, placement)
            here = here[(here["strength"] == cell["strength"]) & (here["length"] == cell["length"])]
            further += [f"; {WHERE[placement]}: {held_verdict(other)}" for other in here.to_dict("records")]
        return in_words(cell.to_dict(), of) + "".join(further)

    def _place_of(self, state: State) -> tuple[str, float]:
        """Returns the probe and the place on its path that match a preset; an empty name if there is none."""
        kinds = [type(family) for family in self.families]
        if state.preset == CELL:
            return state.probe, state.strength
        if state.preset == "combination" and kinds[:2] in ([Linear, Sinusoid], [Sinusoid, Linear]):
            # The slider has the weight of the line, the probe has the weight of the first family.
            return "convex", state.weight if kinds[0] is Linear else 1 - state.weight
        if state.preset in ("sinusoid", "frequency × 2") and Sinusoid in kinds:
            return "frequency", state.frequency * (1 if state.preset == "sinusoid" else 2)
        return "", 0.0


def is_along_length(cells: pd.DataFrame) -> bool:
    """Whether the cells' coordinate is the context length itself."""
    return bool((cells["strength"] == cells["length"]).all())


def in_words(cell: Any, of: str = "pairs") -> str:
    """Describes a cell of a context of pairs or tokens: its verdict as it holds in the probe's cells, and its place."""
    note = f" ({cell['provisional']})" if cell["provisional"] else ""
    where = f"{cell['probe']}, {cell['coordinate']} = {cell['strength']:g}, {cell['length']} {of}"
    where += "" if cell["placement"] == ALL else f", {WHERE[cell['placement']]}"
    return f"{held_verdict(cell)}{note}: {where}"


def _read(table: Callable[[], Table], run: Shown, gate: Callable[[], Table] | None = None) -> pd.DataFrame:
    """Returns what can be shown of a table; empty if it is missing or has other contents."""
    known = run.prior_known if isinstance(run, JudgedPredictor) else True
    try:
        judged = table().verdicts(run.judged, placement=None, gate=gate and gate(), prior_known=known)
        cells = judged[COLUMNS].fillna({"provisional": ""})
        cells = cells.astype({name: str for name in WORDS})
        numbers = cells[NUMBERS].apply(pd.to_numeric, errors="coerce")
        cells[NUMBERS] = numbers
        finite = np.isfinite(numbers[["strength", "length"]]).all(axis=1)
        return cells[finite].astype({"length": int}).reset_index(drop=True)
    except (OffpriorError, KeyError, ValueError, TypeError):
        return pd.DataFrame(columns=COLUMNS)
