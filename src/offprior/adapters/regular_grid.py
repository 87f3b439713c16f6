"""Prompts on a regular grid, which is all that a forecaster can be asked: even steps, and queries after the context."""

import numpy as np
from jaxtyping import Float, Int

CLOSE = 1e-2
"""How far from its place a point may lie, in steps: inputs are drawn in single precision."""


def steps_ahead(x: Float[np.ndarray, "n d"], queries: Float[np.ndarray, "m d"]) -> Int[np.ndarray, " m"]:
    """Returns how many steps after the last pair of a context each query lies; the pairs may come in any order.

    Raises:
        ValueError: the prompt is off a regular grid: inputs of several numbers, fewer than two pairs, uneven steps, or
            queries that are not whole steps after the context.
    """
    if x.shape[1] != 1:
        raise ValueError(f"off a regular grid: inputs have {x.shape[1]} numbers, and a grid needs one")
    if len(x) < 2:
        raise ValueError("off a regular grid: a step needs at least two pairs")
    line = np.sort(x[:, 0])
    step = (line[-1] - line[0]) / (len(line) - 1)
    if not step > 0:
        raise ValueError("off a regular grid: all inputs are equal")
    uneven = np.abs((line - line[0]) / step - np.arange(len(line))).max()
    if uneven > CLOSE:
        raise ValueError(f"off a regular grid: an input lies {_brief(uneven)} steps from its place")
    ahead = (queries[:, 0] - line[-1]) / step
    whole = np.rint(ahead)
    inside = int((whole < 1).sum())
    if inside:
        raise ValueError(f"off a regular grid: {inside} of {len(queries)} queries do not lie after the context")
    between = np.abs(ahead - whole)
    if (between > CLOSE).any():
        count = int((between > CLOSE).sum())
        raise ValueError(f"off a regular grid: {count} of {len(queries)} queries lie between steps")
    return whole.astype(int)


def _brief(steps: float) -> str:
    return "over 10" if steps > 10 else f"{steps:.1g}"
