"""Input validation: a user's context and queries as finite numbers, or one line that says why they are invalid."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from offprior.errors import Problem, SettingError

NUMBERS = "biuf"
"""NumPy's kinds of arrays that hold real numbers."""


class OnePrompt(NamedTuple):
    """One context and its queries."""

    x: Float[np.ndarray, "n d"]
    y: Float[np.ndarray, " n"]
    queries: Float[np.ndarray, "m d"]


class ManyPrompts(NamedTuple):
    """Contexts of one length and their queries, and how many pairs of each context to use."""

    x: Float[np.ndarray, "B n d"]
    y: Float[np.ndarray, "B n"]
    queries: Float[np.ndarray, "B m d"]
    lengths: list[int]


def one_prompt(x: Any, y: Any, queries: Any, dimension: int | None = None) -> OnePrompt:
    """Converts one prompt to double precision; an empty list is a context without pairs, or no queries.

    `dimension` is how many numbers an input must have; None allows any.

    Raises:
        SettingError: a number is missing, masked or not finite; the shapes do not fit together.
    """
    x, y, queries = (as_numbers(name, value) for name, value in (("x", x), ("y", y), ("queries", queries)))
    x, queries = _empty_ones_shaped(x, queries, 2, (), dimension)
    if x.ndim != 2 or queries.ndim != 2 or y.shape != x.shape[:1] or x.shape[1] != queries.shape[1]:
        given = f"x {list(x.shape)}, y {list(y.shape)}, queries {list(queries.shape)} were given"
        raise SettingError(f"{given}; expected [n, d], [n], [m, d]; numbers are inputs [n, 1]")
    _check_dimension(x.shape[1], dimension)
    return OnePrompt(x, y, queries)


def many_prompts(x: Any, y: Any, queries: Any, lengths: Any, dimension: int | None = None) -> ManyPrompts:
    """Converts many prompts, as `one_prompt` does; the first k pairs of each are used, for every k in `lengths`.

    Raises:
        SettingError: a number is missing, masked or not finite; the shapes do not fit together; a length is not a whole
            number, or exceeds the number of pairs.
    """
    x, y, queries = (as_numbers(name, value) for name, value in (("x", x), ("y", y), ("queries", queries)))
    x, queries = _empty_ones_shaped(x, queries, 3, y.shape[:1], dimension)
    fit = x.ndim == queries.ndim == 3 and y.shape == x.shape[:2] and len(queries) == len(x)
    if not fit or x.shape[2] != queries.shape[2]:
        given = f"x {list(x.shape)}, y {list(y.shape)}, queries {list(queries.shape)} were given"
        raise SettingError(f"{given}; expected [prompts, n, d], [prompts, n], [prompts, m, d]")
    _check_dimension(x.shape[2], dimension)
    return ManyPrompts(x, y, queries, _lengths(lengths, x.shape[1]))


def many_values(
    queries: Any, truth: Any, dimension: int | None = None
) -> tuple[Float[np.ndarray, "B m d"], Float[np.ndarray, "B m"]]:
    """Converts functions' values at queries to double precision.

    Raises:
        SettingError: a number is missing, masked or not finite; the shapes do not fit together.
    """
    queries, truth = as_numbers("queries", queries), as_numbers("truth", truth)
    if queries.ndim != 3 or truth.shape != queries.shape[:2]:
        given = f"queries {list(queries.shape)}, truth {list(truth.shape)} were given"
        raise SettingError(f"{given}; expected [prompts, m, d], [prompts, m]")
    _check_dimension(queries.shape[2], dimension)
    return queries, truth


def as_numbers(name: str, value: Any) -> Float[np.ndarray, "..."]:
    """Converts the user's value of `name` to double precision; lists, tables and integers are accepted.

    Raises:
        SettingError: the value is not made of finite numbers; the message names the first wrong place.
    """
    if value is None:
        raise SettingError(f"{name} is None; give numbers")
    if isinstance(value, list | tuple) and any(np.ma.isMaskedArray(row) for row in value):
        value = np.ma.array(value)
    if np.ma.isMaskedArray(value):
        _check_all(name, ~np.ma.getmaskarray(value), "is masked; leave such pairs out")
        value = np.ma.getdata(value)
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise SettingError(f"{name} is not an array of numbers: {' '.join(str(error).split())}") from None
    if array.dtype.kind == "O":
        array = _from_objects(name, array)
    elif array.dtype.kind not in NUMBERS:
        where = _place(name, np.zeros(array.ndim, int)) if array.size else name
        raise SettingError(f"{where} is of type {array.dtype}, not a number")
    with np.errstate(over="ignore"):
        array = array.astype(np.float64)
    _check_all(name, np.asarray(np.isfinite(array)), "is not finite")
    return array


def as_single(name: str, array: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Converts numbers to single precision, as networks need them.

    Raises:
        SettingError: a number is too large for single precision.
    """
    with np.errstate(over="ignore"):
        small = np.asarray(array, np.float32)
    _check_all(
        name, np.asarray(np.isfinite(small)), "is too large for the network's single precision; rescale the data"
    )
    return small


def _from_objects(name: str, array: np.ndarray) -> Float[np.ndarray, "..."]:
    found = np.empty(array.shape, np.float64)
    for place, item in np.ndenumerate(array):
        where = _place(name, place)
        if item is None or isinstance(item, str | bytes):
            raise SettingError(f"{where} is {item!r}, not a number")
        if isinstance(item, list | tuple):
            raise SettingError(f"{name} is not an array of numbers: its rows are of different lengths")
        try:
            found[place] = float(item)
        except OverflowError:
            raise SettingError(f"{where} is not finite") from None
        except (TypeError, ValueError):
            raise SettingError(f"{where} is {item!r}, not a number") from None
    return found


def _empty_ones_shaped(
    x: np.ndarray, queries: np.ndarray, rank: int, prompts: tuple[int, ...], dimension: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Shapes an empty list like the other side: a context without pairs, or no queries, of the same dimension."""
    width = next((side.shape[-1] for side in (x, queries) if side.ndim == rank), dimension or 1)
    nothing = np.zeros((*prompts, 0, width))
    return tuple(nothing if side.size == 0 and side.ndim < rank else side for side in (x, queries))  # type: ignore[return-value]


def _check_dimension(given: int, dimension: int | None) -> None:
    if dimension is not None and given != dimension:
        width = "1 number" if given == 1 else f"{given} numbers"
        raise SettingError(f"inputs have {width}, but the mixture's inputs have {dimension}")


def context_lengths(lengths: Any) -> list[int]:
    """Validates context lengths, in pairs.

    Raises:
        SettingError: a length is not a whole number of pairs, or `lengths` is not a list.
    """
    if isinstance(lengths, str) or not isinstance(lengths, Iterable):
        raise SettingError(Problem("lengths", f"{lengths!r} is not a list of context lengths; write [{lengths}]"))
    found = list(lengths)
    for place, length in enumerate(found):
        if not _is_whole(length, least=0):
            raise SettingError(
                Problem(f"lengths.{place}", f"{length!r} is not a number of pairs; write a whole number, 0 or more")
            )
    return [int(length) for length in found]


def check_count(key: str, value: Any, least: int) -> None:
    """Checks that `value` is a whole number of at least `least`.

    Raises:
        SettingError: it is not.
    """
    if not _is_whole(value, least):
        raise SettingError(Problem(key, f"got {value!r}; write a whole number, {least} or more"))


def _is_whole(value: Any, least: int) -> bool:
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return is_number and float(value).is_integer() and float(value) >= least


def _lengths(lengths: Any, pairs: int) -> list[int]:
    found = context_lengths(lengths)
    for place, length in enumerate(found):
        if length > pairs:
            raise SettingError(Problem(f"lengths.{place}", f"got {length}, but the contexts have only {pairs} pairs"))
    return found


def _check_all(name: str, good: np.ndarray, complaint: str) -> None:
    if not good.all():
        raise SettingError(f"{_place(name, np.argwhere(~good)[0])} {complaint}")


def _place(name: str, place: Sequence[int] | np.ndarray) -> str:
    return f"{name}[{', '.join(str(number) for number in place)}]" if len(place) else name
