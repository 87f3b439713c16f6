"""95% intervals over training seeds and tasks, which are crossed: every seed answers the same tasks; no jax.

Errors are ratios of means over tasks, such as mean squared error over mean variance. A ratio's interval holds the
values θ at which the mean of top − θ·bottom is not distinguishable from 0 (Fieller 1954). No task is divided by its own
variance, so a flat task does no harm.

*One seed.* The mean of T tasks has an error of s/√T. If errors have a heavy tail, a sample without large ones has both
a small mean and a small s, and a t-interval misses on that side. The end on the side of the tail is therefore moved
out: instead of z standard errors it is (exp(κz) − 1)/κ of them, κ = 0.9·min(1, 3ρ)^(7/3), where ρ is the sample's
skewness over √T. The form is the inverse of a variance-stabilising logarithm, as in Hall (1992, J. Roy. Statist. Soc. B
54, 221–228); the two constants and the exponent are fitted to the coverage over simulated populations, which
`bench/coverage.py` prints. The other end is that of Student's t.

*Several seeds.* The variance has a part from the seeds and a part from the tasks (two-way random effects). Half-widths
are a weighted mean of two rules. One third comes from the modified large-sample rule, the root of the sum of both
parts' squared half-widths (Burdick and Graybill 1992), which is wide. Two thirds come from Satterthwaite's degrees of
freedom (1946) for the sum, which is somewhat narrow for few seeds. The weights are also fitted to that coverage.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit

LEVEL = 0.95
RESAMPLES = 1000
STRETCH, SKEW_MOST, EXPONENT = 0.9, 1 / 3, 7 / 3
"""How far the end on the side of a tail is moved out, and the skewness over √T beyond which it moves no further."""
HALVINGS = 14
"""How often the range that contains a ratio's end is halved."""
MOST = 2.0
"""The ends of a ratio are at most this many times as far away as linearised at the estimate, hence never infinite."""
SMALLEST_P = 1e-9

Array = Float[np.ndarray, "*batch"]


class Ratio(NamedTuple):
    """The mean of `top` over the mean of `bottom`, as moments over tasks and seeds; leading axes are a batch."""

    seeds: int
    tasks: int
    top: Array
    bottom: Array
    squares: Array
    """Variances and covariance of the means over tasks: top, top with bottom, bottom [3, …]."""
    cubes: Array
    """Third central moments over tasks of top³, top²·bottom, top·bottom², bottom³ [4, …]."""
    of_seeds: Array
    """Variance of the top's mean estimated from the seeds' means alone; 0 for one seed."""
    of_rest: Array
    """The part of `of_seeds` that comes from seeds differing task by task."""

    @property
    def value(self) -> Any:
        """The ratio of the means."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.top / self.bottom

    def interval(self, level: float = LEVEL) -> tuple[Any, Any]:
        """Returns the two ends; not-a-number if the bottom is not above 0."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            bottom = np.where(self.bottom > 0, self.bottom, np.nan)
            sides = np.asarray([-1.0, 1.0]).reshape(2, *(1,) * np.ndim(self.top))
            first = self._half_width(np.stack([self.value, self.value]), sides, 1 - level) / bottom
            near, far = np.zeros_like(first), MOST * first
            for _ in range(HALVINGS):
                middle = (near + far) / 2
                reached = self._half_width(self.value + sides * middle, sides, 1 - level) / bottom
                near, far = np.where(reached > middle, middle, near), np.where(reached > middle, far, middle)
            # Exact if the bottom does not vary.
            reached = self._half_width(self.value + sides * far, sides, 1 - level) / bottom
            ends = self.value + sides * np.minimum(reached, MOST * first)
        return ends[0], ends[1]

    def p_value(self, at: float) -> Any:
        """Returns the two-sided p-value of the value `at`, at least `SMALLEST_P`.

        It is one minus the level of the interval that ends at `at`.
        """
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            off = self.top - at * self.bottom
            side = -np.sign(off)
            low, high = np.full(np.shape(off), np.log(SMALLEST_P)), np.zeros(np.shape(off))
            for _ in range(40):
                middle = (low + high) / 2
                is_outside = np.abs(off) > self._half_width(at, side, np.exp(middle))
                low, high = np.where(is_outside, low, middle), np.where(is_outside, middle, high)
            found = np.exp(high)
        return np.where(np.isfinite(off), found, np.nan)

    def carried_by(self, top: Float[np.ndarray, "*batch tasks"], bottom: Float[np.ndarray, "*batch tasks"]) -> Any:
        """Returns how many tasks the error of the estimate depends on: (Σc²)²/Σc⁴ of their deviations c."""
        deviation = top - np.asarray(self.value)[..., None] * bottom
        deviation = deviation - deviation.mean(-1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.square(deviation).sum(-1) ** 2 / (deviation**4).sum(-1)

    def _skewness(self, third: Any, of_tasks: Any) -> Any:
        """Returns the skewness of the mean: the sample's over the root of its size, in (−1, 1)."""
        return np.where(of_tasks > 0, third / (self.tasks**2 * np.maximum(of_tasks, 1e-300) ** 1.5), 0.0)

    def _half_width(self, at: Any, side: Any, alpha: Any) -> Any:
        """Returns the half-width on one side of the interval of the mean of top − at·bottom, at level 1 − alpha."""
        squares, cubes, tasks = self.squares, self.cubes, self.tasks
        of_tasks = np.maximum(squares[0] - 2 * at * squares[1] + at * at * squares[2], 0.0)
        third = cubes[0] - 3 * at * cubes[1] + 3 * at * at * cubes[2] - at**3 * cubes[3]
        # Large errors missing from a sample show earlier in the top's own tail than in the difference's.
        towards = np.maximum(
            side * self._skewness(third, of_tasks), side * self._skewness(cubes[0], np.maximum(of_tasks, squares[0]))
        )
        upper = 1 - np.asarray(alpha) / 2
        z = stdtrit(tasks - 1, upper)
        alone = _moved(z, towards) * np.sqrt(of_tasks)
        if self.seeds == 1:
            return alone
        t = stdtrit(self.seeds - 1, upper)
        both = np.sqrt(np.square(t) * np.maximum(self.of_seeds - self.of_rest, 0.0) + np.square(alone))
        total = np.maximum(np.maximum(self.of_seeds + of_tasks - self.of_rest, of_tasks), self.of_seeds)
        total = np.maximum(total, 1e-300)
        freedom = total**2 / (self.of_seeds**2 / (self.seeds - 1) + of_tasks**2 / (tasks - 1) + 1e-300)
        quantile = stdtrit(np.maximum(freedom, 1.0), upper)
        pooled = _moved(quantile, towards * (of_tasks / total) ** 1.5) * np.sqrt(total)
        return (both + 2 * pooled) / 3


def stacked(ratios: Sequence[Ratio]) -> Ratio:
    """Stacks ratios with equal numbers of seeds and tasks into a batch."""
    first = ratios[0]
    fields = (
        np.stack([np.asarray(part) for part in parts], axis=-1) for parts in zip(*(r[2:] for r in ratios), strict=True)
    )
    return Ratio(first.seeds, first.tasks, *fields)


def ratio(top: Float[np.ndarray, "*batch seeds tasks"], bottom: Float[np.ndarray, "*batch tasks"]) -> Ratio:
    """Returns the ratio of the means of `top` and `bottom`, which has one number per task, the same for every seed."""
    seeds, tasks = top.shape[-2:]
    columns, rows = top.mean(-2), top.mean(-1)
    mean, below = columns.mean(-1), bottom.mean(-1)
    a, b = columns - mean[..., None], bottom - below[..., None]
    freedom = tasks * max(tasks - 1, 1)
    squares = np.stack([(a * a).sum(-1), (a * b).sum(-1), (b * b).sum(-1)]) / freedom
    cubes = np.stack([(a * a * a).mean(-1), (a * a * b).mean(-1), (a * b * b).mean(-1), (b * b * b).mean(-1)])
    of_seeds = of_rest = np.zeros_like(mean)
    if seeds > 1:
        of_seeds = rows.var(-1, ddof=1) / seeds
        rest = top - rows[..., :, None] - columns[..., None, :] + mean[..., None, None]
        of_rest = np.square(rest).sum((-2, -1)) / ((seeds - 1) * max(tasks - 1, 1) * seeds * tasks)
    return Ratio(seeds, tasks, mean, below, squares, cubes, of_seeds, of_rest)


def _moved(z: Any, towards: Any) -> Any:
    """Returns z standard errors, moved out if the tail lies on this side."""
    kappa = STRETCH * np.clip(towards / SKEW_MOST, 0.0, 1.0) ** EXPONENT
    small = kappa * z < 1e-6
    return np.where(small, z, np.expm1(kappa * z) / np.where(small, 1.0, kappa))


def benjamini_hochberg(p: Float[np.ndarray, " cells"], rate: float = 1 - LEVEL) -> np.ndarray:
    """Says which known hypotheses are rejected at a false-discovery rate (Benjamini and Hochberg 1995)."""
    p = np.asarray(p, float)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    passes = np.flatnonzero(p[order] <= rate * np.arange(1, len(order) + 1) / max(len(order), 1))
    found = np.zeros(len(p), bool)
    found[order[: passes[-1] + 1 if len(passes) else 0]] = True
    return found


def seed_interval(values: Float[np.ndarray, " seeds"]) -> tuple[float, float]:
    """Returns Student's t-interval of the mean of one value per training seed; unknown for a single seed."""
    values = np.asarray(values, dtype=float)
    if values.size < 2 or not np.isfinite(values).all():
        return float("nan"), float("nan")
    half = stdtrit(values.size - 1, 0.5 + LEVEL / 2) * values.std(ddof=1) / values.size**0.5
    return float(values.mean() - half), float(values.mean() + half)


def widened(at: float, *intervals: tuple[float, float]) -> tuple[float, float]:
    """Widens an interval around `at` by independent sources: half-widths add in squares, separately on each side."""
    low, high = (np.sqrt(sum((end[side] - at) ** 2 for end in intervals)) for side in (0, 1))
    return float(at - low), float(at + high)


@functools.lru_cache(maxsize=16)
def resamples(tasks: int) -> Float[np.ndarray, "resamples tasks"]:
    """Returns the weights of a bootstrap over tasks, each row summing to one.

    The weights are the same for every cell, metric and predictor, which makes differences paired and a table's
    intervals a function of the table alone.
    """
    drawn = np.random.default_rng(0).multinomial(tasks, np.full(tasks, 1 / tasks), size=RESAMPLES)
    weights = drawn / tasks
    weights.setflags(write=False)
    return weights


def percentiles(replicates: Float[np.ndarray, " resamples"]) -> tuple[float, float]:
    """Returns the interval of the middle 95% of a bootstrap's replicates; unknown if too few are finite."""
    finite = replicates[np.isfinite(replicates)]
    if finite.size < 0.9 * replicates.size:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    return float(low), float(high)
