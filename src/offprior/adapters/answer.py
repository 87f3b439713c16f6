"""What a wrapped predictor may answer, and the mean and variance in it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float


class Answer(NamedTuple):
    """What a wrapped predictor answered: m means and variances, and quantiles if it has them."""

    mean: Float[np.ndarray, " m"]
    variance: Float[np.ndarray, " m"]
    quantiles: Any = None


def moments(given: Any, queries: int, levels: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Returns means and variances [m] from an answer in any of the forms of `wrap`.

    Quantiles give the variance of a normal law with the same distance between the outermost ones, and the mean if there
    is none: their median.

    Raises:
        ValueError: shapes do not fit, or a number is not finite. Variances may all be not-a-number: unknown.
    """
    mean, variance, quantiles = parts_of(given)
    if quantiles is not None:
        quantiles = _shaped("quantiles", quantiles, (queries, len(levels)))
        if not np.isfinite(quantiles).all():
            raise ValueError(f"{int((~np.isfinite(quantiles)).sum())} of {quantiles.size} quantiles are not finite")
        if (np.diff(quantiles, axis=1) < 0).any():
            raise ValueError("quantiles must not fall from one level to the next")
        mean = _at_level(quantiles, levels, 0.5) if mean is None else mean
        if variance is None:
            from scipy.special import ndtri

            width = float(ndtri(levels[-1]) - ndtri(levels[0]))
            variance = np.square((quantiles[:, -1] - quantiles[:, 0]) / width)
    if mean is None:
        raise ValueError("the answer has no mean")
    mean = _shaped("means", mean, (queries,))
    if not np.isfinite(mean).all():
        raise ValueError(f"{int((~np.isfinite(mean)).sum())} of {queries} means are not finite")
    if variance is None:
        return mean, np.full(queries, np.nan)
    variance = _shaped("variances", variance, (queries,))
    if (variance < 0).any():
        raise ValueError("a variance is negative")
    if not np.isfinite(variance).all() and not np.isnan(variance).all():  # all of them may be unknown
        raise ValueError(f"{int((~np.isfinite(variance)).sum())} of {queries} variances are not finite")
    return mean, variance


def parts_of(given: Any) -> tuple[Any, Any, Any]:
    """Returns the mean, the variance and the quantiles of an answer, each None if it has none.

    Raises:
        ValueError: it has other parts.
    """
    if isinstance(given, Mapping):
        unknown = set(given) - {"mean", "variance", "quantiles"}
        if unknown:
            raise ValueError(f"unknown parts of an answer: {', '.join(sorted(map(str, unknown)))}")
        return given.get("mean"), given.get("variance"), given.get("quantiles")
    if isinstance(given, tuple) and len(given) == 2:
        return given[0], None, given[1]
    return given, None, None


def _shaped(what: str, given: Any, shape: tuple[int, ...]) -> np.ndarray:
    found = np.asarray(given, float)
    if found.shape == (*shape, 1):
        found = found[..., 0]
    if found.shape != shape:
        raise ValueError(f"got {what} of shape {list(found.shape)}, expected {list(shape)}")
    return found


def _at_level(quantiles: np.ndarray, levels: Sequence[float], level: float) -> np.ndarray:
    return np.asarray([np.interp(level, levels, row) for row in quantiles])
