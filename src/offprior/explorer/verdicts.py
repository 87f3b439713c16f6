"""The verdicts that a run has: those of its own probes, and those of its atlas."""

from typing import Any

import pandas as pd

from offprior.api import Run
from offprior.errors import OffpriorError
from offprior.explorer.state import CELL, State
from offprior.runs import ATLAS, EVALUATION
from offprior.table import IN_DISTRIBUTION, Table

COLUMNS = ["probe", "coordinate", "strength", "length", "verdict", "provisional", "M2", "M4"]


class Verdicts:
    """The cells of a run, each with its verdict; none where it has not been probed."""

    def __init__(self, run: Run):
        own = _read(run.table)
        # A probe that both have is shown as the run's own report shows it.
        further = _read(lambda: Table.load(run.folder / ATLAS / EVALUATION))
        cells = pd.concat([own, further[~further["probe"].isin(own["probe"])]], ignore_index=True)
        self.cells = cells[cells["probe"] != IN_DISTRIBUTION].reset_index(drop=True)

    @property
    def probes(self) -> tuple[str, ...]:
        """Labels of the probes, in the order of the report."""
        return tuple(self.cells["probe"].unique())

    def of(self, probe: str) -> pd.DataFrame:
        """The cells of a probe."""
        return self.cells[self.cells["probe"] == probe]

    def nearest(self, state: State, length: int) -> str:
        """The verdict of the cell that is nearest to a prompt of `length` pairs; empty where none is of its kind."""
        probe, strength = {
            CELL: (state.probe, state.strength),
            "combination": ("convex", state.weight),
            "sinusoid": ("frequency", state.frequency),
            "frequency × 2": ("frequency", 2 * state.frequency),
        }.get(state.preset, ("", 0.0))
        cells = self.of(probe)
        if cells.empty:
            return ""
        off = (cells["strength"] - strength).abs()
        cells = cells[off == off.min()]
        return in_words(cells.loc[(cells["length"] - length).abs().idxmin()])


def in_words(cell: Any) -> str:
    """A cell's verdict and where it stands."""
    note = f" ({cell['provisional']})" if cell["provisional"] else ""
    where = f"{cell['probe']}, {cell['coordinate']} = {cell['strength']:g}, {cell['length']} pairs"
    return f"{cell['verdict']}{note}: {where}"


def _read(table: Any) -> pd.DataFrame:
    try:
        return table().verdicts()[COLUMNS].fillna({"provisional": ""})
    except (OffpriorError, KeyError):
        return pd.DataFrame(columns=COLUMNS)
