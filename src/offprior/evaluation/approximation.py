"""Collects the warnings of an evaluation about references that are approximate or missing."""

import contextlib
import warnings
from collections.abc import Iterator

from offprior.errors import ApproximationWarning, QuadratureWarning

__all__ = ["ApproximationWarning", "approximations"]


@contextlib.contextmanager
def approximations() -> Iterator[list[str]]:
    """Yields a list that receives the block's approximations when it ends; other warnings are passed on.

    Each approximation is listed once, and quadratures that were not refined far enough are counted together.
    """
    found: list[str] = []
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ApproximationWarning)
            yield found
    finally:  # also if the block fails
        rough: list[QuadratureWarning] = []
        for one in caught:
            if isinstance(one.message, QuadratureWarning):
                rough.append(one.message)
            elif issubclass(one.category, ApproximationWarning):
                found.append(str(one.message))
            else:
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno, source=one.source)
        if rough:
            count, worst = sum(one.count for one in rough), max(one.worst for one in rough)
            found.append(str(QuadratureWarning(count, worst, rough[0].limit)))
        found[:] = dict.fromkeys(found)
