"""Validation of a mixture's settings: its families, and their shares, which are normalised."""

import warnings
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from offprior.errors import Problem, SettingError
from offprior.families.family import TaskFamily
from offprior.families.token_process import TokenProcess

MOST_SHOWN = 16
"""The largest array whose numbers a mixture's `repr` shows."""

EXACT = 1e-6
"""How far the sum of weights may be from 1 because of floating-point rounding."""
ROUNDED = 0.0100001
"""How far the sum of weights may be from 1 because of rounding to two written decimals."""


def normalised(weights: Any, count: int) -> Float[Array | np.ndarray, " families"]:
    """Returns shares that sum to 1, from the weights given for `count` families; equal shares if None.

    Raises:
        SettingError: the number of weights is not `count`, a weight is negative or not finite, or they do not sum to 1.
    """
    if count == 0:
        raise SettingError(Problem("families", "it must not be empty; give at least one family"))
    if isinstance(weights, Tracer):
        return weights / weights.sum()
    given = np.full(count, 1 / count) if weights is None else np.asarray(weights, np.float64)
    if given.shape != (count,):
        message = f"got {given.size} weights for {count} families; give one for each family"
        raise SettingError(Problem("weights", message, about=("families",)))
    if not np.isfinite(given).all() or (given < 0).any():
        raise SettingError(Problem("weights", f"must be finite and at least 0, got {given.tolist()}", about=()))
    if given.sum() == 0:
        raise SettingError(Problem("weights", "they sum to 0; at least one must be above 0", about=()))
    total = float(given.sum())
    shares = given / total
    if abs(total - 1) > ROUNDED:
        normal = _written(_rounded(shares))
        message = f"must sum to 1, but {_written(given)} sum to {total:.6g}; normalised, they are {normal}"
        raise SettingError(Problem("weights", message, about=()))
    # Shares read back from a recipe sum to 1 up to rounding, and another division would change their last digits.
    if abs(total - 1) < EXACT:
        return np.asarray(given, np.float32)
    message = f"weights: {_written(given)} sum to {total:.6g}; they are replaced by {_written(_rounded(shares))}"
    warnings.warn(message, stacklevel=3)
    return np.asarray(shares, np.float32)


def _rounded(shares: Float[np.ndarray, " families"]) -> Float[np.ndarray, " families"]:
    """Rounds shares to six decimals so that they still sum to 1 when written and read back."""
    found = shares.round(6)
    found[shares.argmax()] += 1 - found.sum()
    return found.round(6)


def _written(numbers: Any) -> str:
    return f"[{', '.join(f'{number:.6g}' for number in np.asarray(numbers))}]"


def check_families(families: Sequence[TaskFamily]) -> None:
    """Checks that families can be mixed.

    Raises:
        SettingError: some have functions and others tokens, or they differ in dimension or vocabulary.
    """
    first = families[0]
    for place, family in enumerate(families):
        if isinstance(family, TokenProcess) != isinstance(first, TokenProcess):
            message = "a mixture has either families of functions or token processes, not both"
            raise SettingError(Problem(f"families.{place}", message, about=("families.",)))
        if family.dimension != first.dimension:
            name = "vocabulary" if isinstance(family, TokenProcess) else "dimension"
            message = f"it must be {first.dimension}, as for the first family; got {family.dimension}"
            about = (f"families.{place}.", "families.0.")
            raise SettingError(Problem(f"families.{place}.{name}", message, about=about))


def check_unset(**is_unset: bool) -> None:
    """Checks that settings of functions are left alone in a mixture of token processes.

    Raises:
        SettingError: one of them is set.
    """
    message = "token processes have no inputs and no noise; leave it out"
    problems = [Problem(name, message, about=("families.",)) for name, unset in is_unset.items() if not unset]
    if problems:
        raise SettingError(problems)


def shown(leaf: Any) -> Any:
    """Returns a small array of known numbers as plain Python numbers, and anything else unchanged."""
    is_array = isinstance(leaf, np.ndarray | jax.Array) and not isinstance(leaf, Tracer)
    if not is_array or leaf.dtype.kind != "f" or leaf.size > MOST_SHOWN:
        return leaf
    return float(str(np.asarray(leaf))) if leaf.ndim == 0 else [shown(np.asarray(one)) for one in np.asarray(leaf)]
