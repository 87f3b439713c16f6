"""The rows of one cell as arrays, and the estimates made of them; no jax."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from offprior.errors import OffpriorError
from offprior.evaluation.intervals import percentiles, resamples, seed_interval
from offprior.table import INSTRUCTED, SPECIALIST

CELL = ["probe", "coordinate", "strength", "length"]


class Estimate(NamedTuple):
    """A number of a cell: its value a training seed, and a bootstrap over tasks."""

    values: Float[np.ndarray, " seeds"]
    replicates: Float[np.ndarray, " resamples"]
    """Of the mean over seeds."""

    @property
    def value(self) -> float:
        """The mean over seeds."""
        return float(np.mean(self.values))

    def minus(self, other: "Estimate") -> "Estimate":
        """A paired difference."""
        return Estimate(self.values - other.values, self.replicates - other.replicates)

    def over(self, other: "Estimate") -> "Estimate":
        """A paired quotient."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return Estimate(self.values / other.values, self.replicates / other.replicates)

    def interval(self) -> tuple[float, float]:
        """Over seeds where there are several, over tasks where there is one."""
        return seed_interval(self.values) if len(self.values) > 1 else self.over_tasks()

    def over_tasks(self) -> tuple[float, float]:
        """The bootstrap over tasks, however many seeds there are."""
        return percentiles(self.replicates)


class Cell:
    """The rows of one cell (a probe's coordinate, a context length), as arrays [seeds, tasks] of each predictor."""

    def __init__(self, blocks: Mapping[str, pd.DataFrame], predictor: str):
        self.predictor = predictor
        self.seeds = blocks[predictor]["seed"].unique()
        self.tasks = blocks[predictor]["task"].unique()
        self.shapes = {name: _shape(block, self.tasks, name) for name, block in blocks.items()}
        self._blocks = blocks
        self.weights = resamples(len(self.tasks))
        self.family = blocks[predictor]["family"].to_numpy()[: len(self.tasks)]
        self.truth_mean = self.column(predictor, "truth_mean")[0]
        self.truth_square = self.column(predictor, "truth_square")[0]
        self.variance = float(self.truth_square.mean() - self.truth_mean.mean() ** 2)
        self.variances = self.weights @ self.truth_square - (self.weights @ self.truth_mean) ** 2

    def has(self, predictor: str) -> bool:
        """Was this predictor evaluated here?"""
        return predictor in self._blocks

    def knows(self, name: str) -> bool:
        """Does the table have this column?"""
        return name in self._blocks[self.predictor].columns

    @property
    def names(self) -> list[str]:
        """The table's columns."""
        return [str(name) for name in self._blocks[self.predictor].columns]

    @property
    def fits(self) -> list[str]:
        """The best fits inside single classes."""
        return [name for name in self._blocks if name.startswith("best fit: ")]

    @property
    def specialists(self) -> list[str]:
        """The families that a specialist was evaluated of."""
        return [name.removeprefix(SPECIALIST) for name in self._blocks if name.startswith(SPECIALIST)]

    @property
    def instructed(self) -> list[str]:
        """The judged model's answers when it is told the family."""
        return [name for name in self._blocks if name.startswith(INSTRUCTED)]

    @property
    def classes(self) -> int:
        """How many class posterior means the rows have the sums of."""
        return sum(1 for name in self._blocks[self.predictor].columns if name.startswith("moment "))

    def column(self, predictor: str, name: str) -> Float[np.ndarray, "seeds tasks"]:
        """A column of a predictor's rows."""
        return self._blocks[predictor][name].to_numpy(dtype=float).reshape(self.shapes[predictor])

    def mean(self, values: Float[np.ndarray, "any tasks"]) -> Estimate:
        """Means over tasks; what is the same for every training seed has one row."""
        values = self.every_seed(values)
        return Estimate(values.mean(1), self.weights @ values.mean(0))

    def nmse(self, predictor: str, name: str = "squared_error") -> Estimate:
        """A mean over tasks, over the variance of the truth pooled over the same tasks and queries."""
        return self.mean(self.column(predictor, name)).over(
            Estimate(np.full(len(self.seeds), self.variance), self.variances)
        )

    def every_seed(self, values: Float[np.ndarray, "any tasks"]) -> Float[np.ndarray, "seeds tasks"]:
        """A row a training seed of the judged predictor; predictors that are not trained repeat theirs."""
        if len(values) == len(self.seeds):
            return values
        return np.broadcast_to(values[:1], (len(self.seeds), values.shape[1]))


def cells(rows: pd.DataFrame, predictor: str) -> dict[tuple, Cell]:
    """The cells in which `predictor` was evaluated, in the order in which they come.

    Raises:
        OffpriorError: predictors or training seeds of a cell differ in their tasks, so that nothing is paired.
    """
    groups = rows.groupby(CELL, sort=False, observed=True)
    number = groups.ngroup().to_numpy()
    label, names = pd.factorize(rows["predictor"])
    order = np.lexsort((rows["task"].to_numpy(), rows["seed"].to_numpy(), label, number))
    number, label = number[order], label[order]
    ordered = rows.iloc[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(number) != 0) | (np.diff(label) != 0)])
    stops = np.r_[starts[1:], len(rows)]
    blocks: dict[int, dict[str, pd.DataFrame]] = {}
    for start, stop in zip(starts, stops, strict=True):
        blocks.setdefault(int(number[start]), {})[str(names[label[start]])] = ordered.iloc[start:stop]
    found = {}
    for of_cell in blocks.values():
        if predictor in of_cell:
            found[tuple(of_cell[predictor][CELL].iloc[0])] = Cell(of_cell, predictor)
    return found


def _shape(block: pd.DataFrame, tasks: Sequence[int] | np.ndarray, name: str) -> tuple[int, int]:
    """Seeds and tasks of a predictor's rows, which are sorted by both."""
    seeds = block["seed"].unique()
    shape = (len(seeds), len(tasks))
    expected = np.tile(np.asarray(tasks), len(seeds))
    if len(block) != len(expected) or (block["task"].to_numpy() != expected).any():
        place = ", ".join(f"{key} {block[key].iloc[0]}" for key in ("probe", "strength", "length"))
        raise OffpriorError(f"the rows of {name!r} at {place} are not one for each task and seed; nothing is paired")
    return shape
