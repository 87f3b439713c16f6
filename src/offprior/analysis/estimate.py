"""An estimate over tasks and training seeds, with the sample that gives its interval; no jax."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from offprior.analysis.intervals import Ratio, percentiles, ratio, resamples, seed_interval, stacked, widened


class Sample(NamedTuple):
    """The numbers per task of which an estimate is a ratio of means."""

    top: Float[np.ndarray, "seeds tasks"]
    bottom: Float[np.ndarray, " tasks"]
    """The denominators, the same for every seed."""


class Measured(NamedTuple):
    """A metric of a cell: its estimate, or None if it is unknown."""

    estimate: "Estimate | None"


class Estimate:
    """A number of a cell: its value per training seed, and the uncertainty of their mean.

    Most estimates are ratios of means over tasks (`sample`). Others are known only by a bootstrap over tasks.
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
        """Returns the mean of `sample.top` over the mean of `sample.bottom`."""
        with np.errstate(divide="ignore", invalid="ignore"):
            values = sample.top.mean(1) / sample.bottom.mean()
        return cls(values, functools.partial(_replicates, sample), sample)

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
        """The moments behind the interval and the tests; None without a sample."""
        return None if self.sample is None else ratio(*self.sample)

    def minus(self, other: "Estimate") -> "Estimate":
        """Returns the paired difference."""
        one, two = self.sample, other.sample
        if one is not None and two is not None and not (self.is_root or other.is_root) and _same(one, two):
            return Estimate.of(Sample(one.top - two.top, one.bottom))
        return Estimate(self.values - other.values, lambda: self.replicates - other.replicates)

    def over(self, other: "Estimate") -> "Estimate":
        """Returns the paired quotient."""
        one, two = self.sample, other.sample
        if one is not None and two is not None and len(two.top) == 1 and _same(one, two):
            return Estimate.of(Sample(one.top, two.top[0]))
        with np.errstate(divide="ignore", invalid="ignore"):
            return Estimate(self.values / other.values, lambda: self.replicates / other.replicates)

    def for_seeds(self, seeds: int) -> "Estimate":
        """Returns the estimate with one value per training seed, repeating a value that depends on no seed."""
        if len(self.values) == seeds:
            return self
        sample = self.sample and Sample(
            np.broadcast_to(self.sample.top, (seeds, self.sample.top.shape[1])), self.sample.bottom
        )
        return Estimate(np.broadcast_to(self.values, seeds), lambda: self.replicates, sample, self.is_root)

    def root(self) -> "Estimate":
        """Returns the square root of an estimate that is at least 0."""
        return Estimate(np.sqrt(self.values), lambda: np.sqrt(self.replicates), self.sample, True)

    def interval(self) -> tuple[float, float]:
        """Returns the 95% interval over tasks, and also over training seeds if there are several."""
        if self.ratio is not None:
            return self.ends(*(float(end) for end in self.ratio.interval()))
        over_tasks = self.over_tasks()
        if len(self.values) == 1 or np.ptp(self.values) == 0:
            return over_tasks
        return widened(self.value, over_tasks, seed_interval(self.values))

    def ends(self, low: float, high: float) -> tuple[float, float]:
        """Converts an interval of the ratio to one of the estimate."""
        return (float(np.sqrt(max(low, 0.0))), float(np.sqrt(max(high, 0.0)))) if self.is_root else (low, high)

    def over_tasks(self) -> tuple[float, float]:
        """Returns the interval over tasks alone, of the mean over the given seeds."""
        if self.sample is None:
            return percentiles(self.replicates)
        alone = ratio(self.sample.top.mean(0, keepdims=True), self.sample.bottom)
        return self.ends(*(float(end) for end in alone.interval()))


def intervals(estimates: Sequence[Estimate]) -> list[tuple[float, float]]:
    """Returns the interval of each estimate; those of as many seeds and tasks are computed together."""
    found: list[tuple[float, float] | None] = [None] * len(estimates)
    waiting: dict[tuple[int, int], list[tuple[int, Ratio]]] = {}
    for number, estimate in enumerate(estimates):
        if estimate.ratio is None:
            found[number] = estimate.interval()
        else:
            waiting.setdefault((estimate.ratio.seeds, estimate.ratio.tasks), []).append((number, estimate.ratio))
    for group in waiting.values():
        ends = stacked([of_number for _, of_number in group]).interval()
        for (number, _), low, high in zip(group, *ends, strict=True):
            found[number] = estimates[number].ends(float(low), float(high))
    return [each for each in found if each is not None]


def _replicates(sample: Sample) -> Float[np.ndarray, " resamples"]:
    weights = resamples(len(sample.bottom))
    with np.errstate(divide="ignore", invalid="ignore"):
        return (weights @ sample.top.mean(0)) / (weights @ sample.bottom)


def _same(one: Sample, two: Sample) -> bool:
    return one.bottom is two.bottom or np.array_equal(one.bottom, two.bottom)
