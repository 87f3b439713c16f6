"""The rows of one cell as arrays, and the estimates made from them; no jax."""

import copy
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from offprior.analysis.blocks import Block, blocks
from offprior.analysis.estimate import Estimate, Sample
from offprior.analysis.intervals import resamples
from offprior.columns import (
    ALL,
    BETWEEN,
    FAILURE,
    INSTRUCTED,
    OF_CLASSES,
    SMOOTHER,
    SPECIALIST,
    is_reference,
)
from offprior.errors import OffpriorError

PLACE = ["probe", "coordinate", "strength", "length"]
CELL = [*PLACE, "placement"]
OF_PLACEMENT = ("squared_error", "bayes_gap", "truth_mean", "truth_square")
"""Columns that a table also has for the queries between the context's inputs alone, hence also for those beyond."""
LEAST_TASKS = 2
"""A cell of fewer answered tasks has no metrics."""
TASKS_LEAST, SHARE_LEAST = 16, 0.005
"""A placement is judged if this many tasks have a query there, and this share of all queries lies there."""


class Cell:
    """The rows of one cell (a probe's coordinate, a context length), as arrays [seeds, tasks] of each predictor."""

    def __init__(self, of_predictors: Mapping[str, Block], predictor: str, failed: int = 0):
        self.predictor = predictor
        self.failed = failed
        self.placement = ALL
        self._blocks = of_predictors
        own = of_predictors[predictor]
        self.seeds, self.tasks = np.unique(own["seed"]), np.unique(own["task"])
        self.shapes = {name: _shape(block, self.tasks, name) for name, block in of_predictors.items()}
        self.weights = resamples(len(self.tasks))
        self.family = own["family"][: len(self.tasks)]
        self.share = np.ones(len(self.tasks))
        self._set_truth()

    def _set_truth(self) -> None:
        self.truth_mean = self.column(self.predictor, "truth_mean")[0]
        self.truth_square = self.column(self.predictor, "truth_square")[0]
        self.of_variance = _of_variance(self.truth_mean, self.truth_square, self.share)
        self.variance = float(self.of_variance.mean() / self.share.mean()) if self.share.mean() else np.nan

    def placed(self, placement: str) -> "Cell | None":
        """Returns the cell restricted to queries of one placement; None if that is unknown or has too few queries."""
        if placement == ALL:
            return self
        if not self.knows("between"):
            return None
        between = self.column(self.predictor, "between")[0]
        share = between if placement == BETWEEN else 1 - between
        share = np.where(share < 1e-9, 0.0, share)
        if not np.isfinite(share).all() or (share > 0).sum() < TASKS_LEAST or share.mean() < SHARE_LEAST:
            return None
        found = copy.copy(self)
        found.placement, found.share = placement, share
        found._set_truth()
        return found if found.variance > 0 else None

    def has(self, predictor: str) -> bool:
        """Whether this predictor was evaluated here."""
        return predictor in self._blocks

    def knows(self, name: str) -> bool:
        """Whether the table has this column."""
        return name in self._blocks[self.predictor].columns

    def label(self, name: str) -> str | None:
        """Returns a column of text that is the same in all rows, or None if the table lacks it."""
        found = self._blocks[self.predictor][name][0] if self.knows(name) else None
        return found if isinstance(found, str) else None

    @property
    def trained(self) -> int:
        """The number of training seeds; 0 for a predictor that is not trained."""
        return int((self.seeds >= 0).sum())

    @property
    def names(self) -> list[str]:
        """The table's columns."""
        return self._blocks[self.predictor].columns.names

    @property
    def fits(self) -> list[str]:
        """The best fits inside single classes."""
        return [name for name in self._blocks if name.startswith("best fit: ")]

    @property
    def class_names(self) -> list[str]:
        """The mixture's families whose own posterior means are in the rows."""
        return [name.removeprefix(OF_CLASSES[0]) for name in self._blocks if name.startswith(OF_CLASSES[0])]

    @property
    def panel(self) -> list[str]:
        """The untrained predictors other than the judged one that know neither the truth nor the whole mixture."""
        return [
            name
            for name, block in self._blocks.items()
            if name != self.predictor
            and (name == SMOOTHER or not is_reference(name))
            and not name.startswith((SPECIALIST, INSTRUCTED))
            and (block["seed"] < 0).all()
        ]

    @property
    def specialists(self) -> list[str]:
        """The families for which a specialist was evaluated."""
        return [name.removeprefix(SPECIALIST) for name in self._blocks if name.startswith(SPECIALIST)]

    @property
    def instructed(self) -> list[str]:
        """The judged model's answers when it is given the family as an instruction."""
        return [name for name in self._blocks if name.startswith(INSTRUCTED)]

    @property
    def classes(self) -> int:
        """The number of class posterior means whose sums are in the rows."""
        return sum(1 for name in self.names if name.startswith("moment "))

    def column(self, predictor: str, name: str) -> Float[np.ndarray, "seeds tasks"]:
        """Returns a column of a predictor's rows; for errors and truth, the part in this cell's placement."""
        if self.placement == ALL or name not in OF_PLACEMENT:
            return self._read(predictor, name)
        between = self._read(predictor, f"{name}_between")
        return between if self.placement == BETWEEN else self._read(predictor, name) - between

    def _read(self, predictor: str, name: str) -> Float[np.ndarray, "seeds tasks"]:
        return self._blocks[predictor][name].astype(float).reshape(self.shapes[predictor])

    def mean(self, values: Float[np.ndarray, "any tasks"]) -> Estimate:
        """Returns the mean over tasks; values that are the same for every training seed have one row."""
        return Estimate.of(Sample(values, self.ones))

    def over_variance(self, values: Float[np.ndarray, "any tasks"]) -> Estimate:
        """Returns the mean over tasks, over the variance of the truth pooled over the same tasks and queries."""
        return Estimate.of(Sample(values, self.of_variance))

    @functools.cached_property
    def ones(self) -> Float[np.ndarray, " tasks"]:
        """A vector of ones, one per task."""
        return np.ones(len(self.tasks))

    def nmse(self, predictor: str, name: str = "squared_error") -> Estimate:
        """Returns a column over the truth's variance, with one row per seed, or one row for untrained predictors."""
        values = self.column(predictor, name)
        return self.over_variance(values if len(values) == len(self.seeds) else values.mean(0, keepdims=True))

    def gap_of(self, family: str) -> Estimate | None:
        """Returns M1 of one family: (p − B)² over the variance of its own prompts; None without such prompts."""
        return self.of_family(family, self.predictor, "bayes_gap")

    def of_family(self, family: str, predictor: str, name: str) -> Estimate | None:
        """Returns a column of one family's prompts over their own variance; None without such prompts."""
        of: Any = self.family == family
        if of.sum() < 2:
            return None
        bottom = _of_variance(self.truth_mean[of], self.truth_square[of], self.share[of])
        values = self.column(predictor, name)
        values = values if len(values) == len(self.seeds) else values.mean(0, keepdims=True)
        return Estimate.of(Sample(values[:, of], bottom)) if bottom.mean() > 0 else None

    def every_seed(self, values: Float[np.ndarray, "any tasks"]) -> Float[np.ndarray, "seeds tasks"]:
        """Returns one row per training seed of the judged predictor; untrained predictors repeat theirs."""
        if len(values) == len(self.seeds):
            return values
        return np.broadcast_to(values[:1], (len(self.seeds), values.shape[1]))


def _of_variance(
    mean: Float[np.ndarray, " tasks"], square: Float[np.ndarray, " tasks"], share: Float[np.ndarray, " tasks"]
) -> Float[np.ndarray, " tasks"]:
    """Splits share times the pooled variance into parts per task.

    The parts' mean is mean(square) − mean(mean)²/mean(share). `mean` and `square` are sums over a placement's queries
    divided by the number of all queries.
    """
    centre = mean.mean() / share.mean() if share.mean() else np.nan
    return square - 2 * centre * mean + centre**2 * share


def cells(rows: pd.DataFrame, predictor: str, placements: Sequence[str] = (ALL,)) -> dict[tuple, Cell]:
    """Returns the cells in which `predictor` was evaluated, in table order, keyed by the columns `CELL`.

    Of each cell, only the `placements` that the table knows are included.

    Raises:
        OffpriorError: predictors or training seeds of a cell differ in their tasks, so that nothing is paired.
    """
    if rows.empty:
        return {}
    found = {}
    for of_cell in blocks(rows, PLACE):
        if predictor not in of_cell:
            continue
        of_cell, failed = _answered(of_cell, predictor)
        if failed and len(np.unique(of_cell[predictor]["task"])) < LEAST_TASKS:
            continue
        place, whole = _place(of_cell[predictor]), Cell(of_cell, predictor, failed)
        for placement in placements:
            cell = whole.placed(placement)
            if cell is not None:
                found[(*place, placement)] = cell
    return found


def _place(block: Block) -> tuple:
    """Returns the values of the columns `PLACE`, as plain Python values."""
    values = (block[name][0] for name in PLACE)
    return tuple(value.item() if isinstance(value, np.generic) else value for value in values)


def _answered(of_predictors: Mapping[str, Block], predictor: str) -> tuple[Mapping[str, Block], int]:
    """Leaves out the tasks that the judged predictor did not answer, for all predictors; also returns their number."""
    own = of_predictors[predictor]
    if FAILURE not in own.columns:
        return of_predictors, 0
    said = own[FAILURE]
    lost = np.unique(own["task"][pd.notna(said) & (said != "")])
    if not len(lost):
        return of_predictors, 0
    return {name: block.without(lost) for name, block in of_predictors.items()}, len(lost)


def _shape(block: Block, tasks: np.ndarray, name: str) -> tuple[int, int]:
    """Returns the numbers of seeds and tasks of a predictor's rows, which are sorted by both."""
    own = block["task"]
    seeds = len(own) // len(tasks)
    is_paired = len(own) == seeds * len(tasks) and bool((own.reshape(seeds, -1) == tasks).all()) and seeds > 0
    if not is_paired or len(np.unique(block["seed"])) != seeds:
        place = ", ".join(f"{key} {block[key][0]}" for key in ("probe", "strength", "length"))
        raise OffpriorError(f"expected one row per task and seed of {name!r} at {place}; rows cannot be paired")
    return seeds, len(tasks)
