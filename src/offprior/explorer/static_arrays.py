"""Arrays as text in a page: their bytes, in little-endian order, as base64."""

import base64
import math
from typing import Any

import numpy as np
from jaxtyping import Float

TYPES = {"f4": "<f4", "f8": "<f8"}
"""Single and double precision, by their names in the page."""


def packed(array: Any, kind: str = "f8") -> dict[str, Any]:
    """Returns an array of real numbers as its shape, its type and its bytes."""
    numbers = np.asarray(array, TYPES[kind])
    data = base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode("ascii")
    return {"shape": list(numbers.shape), "type": kind, "data": data}


def unpacked(stored: dict[str, Any]) -> Float[np.ndarray, "..."]:
    """Returns the array that `packed` was given.

    Raises:
        ValueError: the number of bytes does not match the shape.
    """
    shape = tuple(stored["shape"])
    numbers = np.frombuffer(base64.b64decode(stored["data"]), TYPES[stored["type"]])
    if len(numbers) != math.prod(shape):
        raise ValueError(f"got {len(numbers)} numbers for the shape {list(shape)}")
    return numbers.reshape(shape)
