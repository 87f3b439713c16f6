"""Where a measure crosses a threshold along a study's places, with an interval, and where to look next; no jax."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from offprior.analysis.intervals import percentiles, seed_interval, widened

NEAREST = 1e-6
"""Neighbouring places are not halved further if they are closer than this share of their size."""

BOTH = "training seeds and tasks"


class Crossing(NamedTuple):
    """The place at which a measure crosses a threshold."""

    at: float
    """The crossing, interpolated linearly between two places; not-a-number if the threshold is not crossed."""
    low: float
    high: float
    interval_over: str
    """`training seeds and tasks`: a t-interval of each seed's own crossing, widened by a bootstrap over the tasks that
    all seeds share; or `tasks`, with one seed, the bootstrap alone.
    """
    bracket: tuple[float, float]
    """The neighbouring places between which the crossing lies."""
    note: str = ""


class Axis(NamedTuple):
    """How to look for a crossing."""

    threshold: float
    rising: bool = True
    """Whether the measure rises above the threshold as places grow, rather than falling below it."""
    log: bool = False
    """Whether to use the coordinate's logarithm; ignored if a place is at or below 0."""

    def scaled(self, x: float) -> float:
        """Transforms a coordinate to the axis's scale."""
        return float(np.log(x)) if self.log else float(x)

    def unscaled(self, x: float) -> float:
        """Inverts `scaled`."""
        return float(np.exp(x)) if self.log else float(x)

    def between(self, left: float, right: float) -> "Axis":
        """Returns the axis with a scale that is defined at both neighbours."""
        return self if min(left, right) > 0 else self._replace(log=False)


def crossing(
    x: Float[np.ndarray, " places"],
    of_seeds: Float[np.ndarray, "places seeds"],
    of_resamples: Float[np.ndarray, "places resamples"],
    axis: Axis,
) -> Crossing:
    """Finds the first crossing of the mean curve.

    With several training seeds, `at` is the mean of each seed's own crossing, on the axis's scale. Its interval adds
    the squared half-widths of their t-interval and of a bootstrap over tasks of the mean curve; it is unknown if a seed
    has no crossing. With one seed, the interval is over tasks alone.

    Args:
        x: the places, ascending.
        of_seeds: the measure of each training seed; values may be unknown at some places.
        of_resamples: bootstrap replicates over tasks of the mean over seeds.
        axis: how to look for the crossing.
    """
    if not of_seeds.shape[1]:
        return _nowhere("no training seed was measured at every place")
    mean = of_seeds.mean(1)
    held = bracket(x, mean, axis)
    if held is None:
        passes = _passes(mean[np.isfinite(mean)], axis)
        note = "every place is past the threshold" if len(passes) and passes.all() else "the threshold is not crossed"
        return _nowhere(note)
    if of_seeds.shape[1] == 1:
        replicates = np.asarray([crossed_at(x, values, axis) for values in of_resamples.T])
        low, high = percentiles(replicates)
        return Crossing(crossed_at(x, mean, axis), low, high, "tasks", held)
    single = np.asarray([crossed_at(x, values, axis) for values in of_seeds.T])
    if not np.isfinite(single).all():
        note = f"{int(np.isfinite(single).sum())} of {len(single)} training seeds cross it"
        return Crossing(crossed_at(x, mean, axis), np.nan, np.nan, BOTH, held, note)
    # Seeds may also cross at a place of 0, which has no logarithm.
    scale = axis if (single > 0).all() else axis._replace(log=False)
    scaled = np.asarray([scale.scaled(at) for at in single])
    middle = float(scaled.mean())
    low, high = widened(middle, seed_interval(scaled), _over_tasks(x, of_resamples, axis, scale, middle))
    at, low, high = (scale.unscaled(end) for end in (middle, low, high))
    return Crossing(at, low, high, BOTH, held)


def _over_tasks(
    x: Float[np.ndarray, " places"],
    of_resamples: Float[np.ndarray, "places resamples"],
    axis: Axis,
    scale: Axis,
    middle: float,
) -> tuple[float, float]:
    """Returns an interval around `middle` of the mean curve's crossing over resampled tasks; `middle` if unknown."""
    found = np.asarray([crossed_at(x, values, axis) for values in of_resamples.T])
    found = np.where(found > 0, found, np.nan) if scale.log else found
    found = np.asarray([scale.scaled(at) for at in found])
    low, high = percentiles(found)
    if not np.isfinite(low):
        return middle, middle
    centre = float(np.nanmedian(found))
    return middle + low - centre, middle + high - centre


def crossed_at(x: Float[np.ndarray, " places"], values: Float[np.ndarray, " places"], axis: Axis) -> float:
    """Returns the first crossing of one curve, by a straight line between neighbours on the axis's scale."""
    held = bracket(x, values, axis)
    if held is None:
        return np.nan
    left, right = held
    before, after = (float(values[np.flatnonzero(x == end)[0]]) for end in held)
    scale = axis.between(left, right)
    start, stop = scale.scaled(left), scale.scaled(right)
    return scale.unscaled(start + (stop - start) * (axis.threshold - before) / (after - before))


def bracket(
    x: Float[np.ndarray, " places"], values: Float[np.ndarray, " places"], axis: Axis
) -> tuple[float, float] | None:
    """Returns the first two neighbouring places of which only the second is past the threshold."""
    known = np.isfinite(values)
    x, passes = x[known], _passes(values[known], axis)
    steps = np.flatnonzero(~passes[:-1] & passes[1:])
    return (float(x[steps[0]]), float(x[steps[0] + 1])) if len(steps) else None


def next_place(
    x: Float[np.ndarray, " places"], values: Float[np.ndarray, " places"], axis: Axis, whole: bool = False
) -> float | int | None:
    """Returns the middle of the bracket of the crossing on the axis's scale, or None if there is no such place.

    With `whole`, it is a whole number. Each place found and measured halves the interval: n of them leave 2⁻ⁿ of it.
    """
    held = bracket(x, values, axis)
    if held is None:
        return None
    left, right = held
    scale = axis.between(left, right)
    middle = scale.unscaled((scale.scaled(left) + scale.scaled(right)) / 2)
    if whole:
        found = round(middle)
        return found if left < found < right else None
    return middle if right - left > NEAREST * max(abs(left), abs(right)) else None


def _nowhere(note: str) -> Crossing:
    return Crossing(np.nan, np.nan, np.nan, "", (np.nan, np.nan), note)


def _passes(values: Float[np.ndarray, " places"], axis: Axis) -> np.ndarray:
    return values > axis.threshold if axis.rising else values < axis.threshold
