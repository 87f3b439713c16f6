"""95% intervals: over training seeds where there are several, over tasks where there is one."""

import functools

import numpy as np
from jaxtyping import Float
from scipy import stats

LEVEL = 0.95
RESAMPLES = 1000


def seed_interval(values: Float[np.ndarray, " seeds"]) -> tuple[float, float]:
    """Student's t-interval of the mean of one value a training seed; unknown for a single one."""
    values = np.asarray(values, dtype=float)
    if values.size < 2 or not np.isfinite(values).all():
        return float("nan"), float("nan")
    half = stats.t.ppf(0.5 + LEVEL / 2, values.size - 1) * values.std(ddof=1) / values.size**0.5
    return float(values.mean() - half), float(values.mean() + half)


@functools.lru_cache(maxsize=16)
def resamples(tasks: int) -> Float[np.ndarray, "resamples tasks"]:
    """Weights of a bootstrap over tasks, each row summing to one; the same for every cell, metric and predictor.

    One set of weights for all makes differences paired, and a table's intervals a function of the table alone.
    """
    drawn = np.random.default_rng(0).multinomial(tasks, np.full(tasks, 1 / tasks), size=RESAMPLES)
    weights = drawn / tasks
    weights.setflags(write=False)
    return weights


def percentiles(replicates: Float[np.ndarray, " resamples"]) -> tuple[float, float]:
    """The interval that holds the middle 95% of a bootstrap's replicates; unknown where too few are numbers."""
    finite = replicates[np.isfinite(replicates)]
    if finite.size < 0.9 * replicates.size:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    return float(low), float(high)
