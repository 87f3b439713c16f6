"""The rows of one cell as arrays, and the estimates made of them; no jax."""

import copy
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from offprior.errors import OffpriorError
from offprior.evaluation.intervals import Ratio, percentiles, ratio, resamples, seed_interval, widened
from offprior.table import ALL, BETWEEN, INSTRUCTED, SPECIALIST

PLACE = ["probe", "coordinate", "strength", "length"]
CELL = [*PLACE, "placement"]
OF_PLACEMENT = ("squared_error", "bayes_gap", "truth_mean", "truth_square")
"""Columns that a table has for the queries between the context's inputs, and so for those beyond them."""
TASKS_LEAST, SHARE_LEAST = 16, 0.005
"""A placement is judged where this many tasks have a query there, and this share of the queries lies there."""


class Sample(NamedTuple):
    """What an estimate is the ratio of means of, task by task."""

    top: Float[np.ndarray, "seeds tasks"]
    bottom: Float[np.ndarray, " tasks"]
    """The same for every seed."""


class Estimate:
    """A number of a cell: its value a training seed, and how uncertain their mean is.

    Most are ratios of means over tasks (`sample`). Others are known by a bootstrap over tasks alone.
    """

    def __init__(
        self,
        values: Float[np.ndarray, " seeds"],
        replicates: Float[np.ndarray, " resamples"] | Callable[[], Float[np.ndarray, " resamples"]],
        sample: Sample | None = None,
        is_root: bool = False,
    ):
        self.values, self._replicates, self.sample, self.is_root = values, replicates, sample, is_root

    @classmethod
    def of(cls, sample: Sample) -> "Estimate":
        """The mean of the top over that of the bottom."""
        with np.errstate(divide="ignore", invalid="ignore"):
            values = sample.top.mean(1) / sample.bottom.mean()

        def replicates() -> np.ndarray:
            weights = resamples(len(sample.bottom))
            with np.errstate(divide="ignore", invalid="ignore"):
                return (weights @ sample.top.mean(0)) / (weights @ sample.bottom)

        return cls(values, replicates, sample)

    @property
    def value(self) -> float:
        """The mean over seeds."""
        return float(np.mean(self.values))

    @functools.cached_property
    def replicates(self) -> Float[np.ndarray, " resamples"]:
        """Bootstrap replicates, over tasks, of the mean over seeds."""
        return self._replicates() if callable(self._replicates) else self._replicates

    @functools.cached_property
    def ratio(self) -> Ratio | None:
        """The moments that its interval and its tests are made of; None where there is no sample."""
        return None if self.sample is None else ratio(*self.sample)

    def minus(self, other: "Estimate") -> "Estimate":
        """A paired difference."""
        one, two = self.sample, other.sample
        if one is not None and two is not None and not (self.is_root or other.is_root) and _same(one, two):
            return Estimate.of(Sample(one.top - two.top, one.bottom))
        return Estimate(self.values - other.values, lambda: self.replicates - other.replicates)

    def over(self, other: "Estimate") -> "Estimate":
        """A paired quotient."""
        one, two = self.sample, other.sample
        if one is not None and two is not None and len(two.top) == 1 and _same(one, two):
            return Estimate.of(Sample(one.top, two.top[0]))
        with np.errstate(divide="ignore", invalid="ignore"):
            return Estimate(self.values / other.values, lambda: self.replicates / other.replicates)

    def for_seeds(self, seeds: int) -> "Estimate":
        """With a value for each of `seeds` training seeds, all the same where it depends on none."""
        if len(self.values) == seeds:
            return self
        sample = self.sample and Sample(
            np.broadcast_to(self.sample.top, (seeds, self.sample.top.shape[1])), self.sample.bottom
        )
        return Estimate(np.broadcast_to(self.values, seeds), lambda: self.replicates, sample, self.is_root)

    def root(self) -> "Estimate":
        """The square root of a number that is at least 0."""
        return Estimate(np.sqrt(self.values), lambda: np.sqrt(self.replicates), self.sample, True)

    def interval(self) -> tuple[float, float]:
        """95%, over tasks, and over training seeds too where there are several."""
        if self.ratio is not None:
            return self.ends(*(float(end) for end in self.ratio.interval()))
        over_tasks = self.over_tasks()
        if len(self.values) == 1 or np.ptp(self.values) == 0:
            return over_tasks
        return widened(self.value, over_tasks, seed_interval(self.values))

    def ends(self, low: float, high: float) -> tuple[float, float]:
        """An interval of the ratio as one of the estimate."""
        return (float(np.sqrt(max(low, 0.0))), float(np.sqrt(max(high, 0.0)))) if self.is_root else (low, high)

    def over_tasks(self) -> tuple[float, float]:
        """Over tasks alone, of the mean over the seeds that there are."""
        if self.sample is None:
            return percentiles(self.replicates)
        alone = ratio(self.sample.top.mean(0, keepdims=True), self.sample.bottom)
        return self.ends(*(float(end) for end in alone.interval()))


def _same(one: Sample, two: Sample) -> bool:
    return one.bottom is two.bottom or np.array_equal(one.bottom, two.bottom)


class Cell:
    """The rows of one cell (a probe's coordinate, a context length), as arrays [seeds, tasks] of each predictor."""

    def __init__(self, blocks: Mapping[str, pd.DataFrame], predictor: str):
        self.predictor = predictor
        self.placement = ALL
        self.seeds = blocks[predictor]["seed"].unique()
        self.tasks = blocks[predictor]["task"].unique()
        self.shapes = {name: _shape(block, self.tasks, name) for name, block in blocks.items()}
        self._blocks = blocks
        self.weights = resamples(len(self.tasks))
        self.family = blocks[predictor]["family"].to_numpy()[: len(self.tasks)]
        self.share = np.ones(len(self.tasks))
        self._set_truth()

    def _set_truth(self) -> None:
        self.truth_mean = self.column(self.predictor, "truth_mean")[0]
        self.truth_square = self.column(self.predictor, "truth_square")[0]
        self.of_variance = _of_variance(self.truth_mean, self.truth_square, self.share)
        self.variance = float(self.of_variance.mean() / self.share.mean()) if self.share.mean() else np.nan

    def placed(self, placement: str) -> "Cell | None":
        """The same cell, its errors over queries of one placement; None where that is unknown or too few lie there."""
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
        """Was this predictor evaluated here?"""
        return predictor in self._blocks

    def knows(self, name: str) -> bool:
        """Does the table have this column?"""
        return name in self._blocks[self.predictor].columns

    def label(self, name: str) -> str | None:
        """A column of words that is the same in all rows; None where the table does not know it."""
        found = self._blocks[self.predictor][name].iloc[0] if self.knows(name) else None
        return found if isinstance(found, str) else None

    @property
    def trained(self) -> int:
        """How many training seeds there are; 0 for a predictor that is not trained."""
        return int((self.seeds >= 0).sum())

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
        """A column of a predictor's rows; of errors and truth the part of this cell's placement."""
        if self.placement == ALL or name not in OF_PLACEMENT:
            return self._read(predictor, name)
        between = self._read(predictor, f"{name}_between")
        return between if self.placement == BETWEEN else self._read(predictor, name) - between

    def _read(self, predictor: str, name: str) -> Float[np.ndarray, "seeds tasks"]:
        return self._blocks[predictor][name].to_numpy(dtype=float).reshape(self.shapes[predictor])

    def mean(self, values: Float[np.ndarray, "any tasks"]) -> Estimate:
        """The mean over tasks; what is the same for every training seed has one row."""
        return Estimate.of(Sample(values, self.ones))

    def over_variance(self, values: Float[np.ndarray, "any tasks"]) -> Estimate:
        """The mean over tasks, over the variance of the truth pooled over the same tasks and queries."""
        return Estimate.of(Sample(values, self.of_variance))

    @functools.cached_property
    def ones(self) -> Float[np.ndarray, " tasks"]:
        """A one for each task."""
        return np.ones(len(self.tasks))

    def nmse(self, predictor: str, name: str = "squared_error") -> Estimate:
        """A column over the truth's variance. Predictors that are not trained have one row, others one a seed."""
        values = self.column(predictor, name)
        return self.over_variance(values if len(values) == len(self.seeds) else values.mean(0, keepdims=True))

    def gap_of(self, family: str) -> Estimate | None:
        """M1 of one family: (p − B)² over the variance of the same family's own prompts; None without such prompts."""
        of: Any = self.family == family
        if of.sum() < 2:
            return None
        bottom = _of_variance(self.truth_mean[of], self.truth_square[of], self.share[of])
        gap = self.column(self.predictor, "bayes_gap")[:, of]
        return Estimate.of(Sample(gap, bottom)) if bottom.mean() > 0 else None

    def every_seed(self, values: Float[np.ndarray, "any tasks"]) -> Float[np.ndarray, "seeds tasks"]:
        """A row a training seed of the judged predictor; predictors that are not trained repeat theirs."""
        if len(values) == len(self.seeds):
            return values
        return np.broadcast_to(values[:1], (len(self.seeds), values.shape[1]))


def _of_variance(
    mean: Float[np.ndarray, " tasks"], square: Float[np.ndarray, " tasks"], share: Float[np.ndarray, " tasks"]
) -> Float[np.ndarray, " tasks"]:
    """Parts, task by task, of share times the pooled variance: their mean is mean(square) − mean(mean)²/mean(share).

    `mean` and `square` are sums over a placement's queries divided by the number of all queries.
    """
    centre = mean.mean() / share.mean() if share.mean() else np.nan
    return square - 2 * centre * mean + centre**2 * share


def cells(rows: pd.DataFrame, predictor: str, placements: Sequence[str] = (ALL,)) -> dict[tuple, Cell]:
    """The cells in which `predictor` was evaluated, in the order in which they come, by the columns `CELL`.

    Of each cell those of the `placements` that the table knows.

    Raises:
        OffpriorError: predictors or training seeds of a cell differ in their tasks, so that nothing is paired.
    """
    if rows.empty:
        return {}
    groups = rows.groupby(PLACE, sort=False, observed=True)
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
        if predictor not in of_cell:
            continue
        place, whole = tuple(of_cell[predictor][PLACE].iloc[0]), Cell(of_cell, predictor)
        for placement in placements:
            cell = whole.placed(placement)
            if cell is not None:
                found[(*place, placement)] = cell
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
