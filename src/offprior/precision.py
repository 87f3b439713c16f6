"""Double precision where it is needed, whatever the process is set to."""

import contextlib
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jaxtyping import Float


@contextlib.contextmanager
def double() -> Iterator[None]:
    """Inside, JAX computes in double precision; outside, everything is as it was."""
    with jax.enable_x64(True):
        yield


def as_double(array: Any) -> Float[np.ndarray, "..."]:
    """The array on the host, in double precision."""
    return np.asarray(array, np.float64)
