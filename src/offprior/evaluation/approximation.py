"""What an evaluation says of its references: that one is approximate, or missing."""

import contextlib
import warnings
from collections.abc import Iterator


class ApproximationWarning(UserWarning):
    """A reference of an evaluation is approximate, or there is none."""


@contextlib.contextmanager
def approximations() -> Iterator[list[str]]:
    """The list that approximations are added to when the block ends; every other warning is given as it would be."""
    found: list[str] = []
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ApproximationWarning)
            yield found
    finally:  # a block that fails has given its warnings too
        for one in caught:
            if issubclass(one.category, ApproximationWarning):
                found.append(str(one.message))
            else:
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno, source=one.source)
