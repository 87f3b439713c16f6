"""The rows of one predictor in one cell, as slices of a table's columns; no jax.

A table has thousands of such blocks and some tens of columns. A data frame of each block would take most of the time of
computing metrics.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd


class Columns:
    """The columns of a table as arrays, each made when it is first read."""

    def __init__(self, rows: pd.DataFrame, order: np.ndarray):
        self._rows, self._order = rows, order
        self._arrays: dict[str, np.ndarray] = {}
        self.names = [str(name) for name in rows.columns]

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, name: str) -> bool:
        return name in self._rows

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._arrays:
            self._arrays[name] = self._rows[name].to_numpy()[self._order]
        return self._arrays[name]


@dataclasses.dataclass(frozen=True)
class Block:
    """Rows of one predictor in one cell, sorted by training seed and task."""

    columns: Columns
    rows: slice | np.ndarray
    """A slice, or the numbers of the rows."""

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name][self.rows]

    def without(self, tasks: np.ndarray) -> "Block":
        """Returns the block without the rows of some tasks."""
        numbers = np.arange(len(self.columns))[self.rows]
        return Block(self.columns, numbers[~np.isin(self["task"], tasks)])


def blocks(rows: pd.DataFrame, place: Sequence[str]) -> list[Mapping[str, Block]]:
    """Returns the blocks of each cell by predictor; cells and predictors are in the order of the table.

    Args:
        rows: the rows of an evaluation.
        place: the columns that tell cells apart.
    """
    number = rows.groupby(list(place), sort=False, observed=True).ngroup().to_numpy()
    label, names = pd.factorize(rows["predictor"])
    order = np.lexsort((rows["task"].to_numpy(), rows["seed"].to_numpy(), label, number))
    number, label, columns = number[order], label[order], Columns(rows, order)
    starts = np.flatnonzero(np.r_[True, (np.diff(number) != 0) | (np.diff(label) != 0)])
    stops = np.r_[starts[1:], len(rows)]
    found: dict[int, dict[str, Block]] = {}
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        found.setdefault(int(number[start]), {})[str(names[label[start]])] = Block(columns, slice(start, stop))
    return list(found.values())
