"""The content of the screen as a few bounded numbers and words, and its form as the query of an address."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from offprior.errors import OffpriorError, Problem, SettingError, choose_from

PRESETS = ("line", "sinusoid", "combination", "frequency × 2", "step")
OWN = "own points"
FAMILY = "family: "
"""The prefix of presets that draw a task of one of the mixture's families."""
CELL = "cell of the verdicts"
"""The preset of a probe's function at a place on its path."""
MOST_POINTS = 60
LARGEST = 1e6
"""The largest absolute value of a coordinate."""
LONGEST_QUERY = 8192
"""The most characters of an address."""
LONGEST_NUMBER = 40
"""The most characters of a number in an address."""
LARGEST_FILE = 1 << 16
"""The most bytes of a file of points."""


@dataclasses.dataclass(frozen=True)
class State:
    """A prompt, and the settings of the function that it was drawn from."""

    points: tuple[tuple[float, float], ...] = ()
    preset: str = "combination"
    weight: float = 0.5
    frequency: float = 1.0
    amplitude: float = 1.0
    slope: float = 1.0
    noise: float = 0.1
    length: int = 20
    task: int = 0
    model: int = 0
    step: int = 0
    """The training step whose weights are used; 0 for the last."""
    probe: str = ""
    """Label of the probe of a cell."""
    strength: float = 0.0
    """The cell's place on the probe's path."""
    run: int = 0
    """The run that the cell belongs to: 0 for the first, 1 for the second."""
    query: float = 0.0
    """The input at which the model's inside is shown."""
    layer: int = 0
    """The layer whose attention is drawn; 0 draws the mean of all layers."""
    head: int = 0
    shown: tuple[str, ...] = ("model", "B", "C", "S", "truth")


BOUNDS = {
    "weight": (0.0, 1.0),
    "frequency": (0.1, 8.0),
    "amplitude": (0.0, 4.0),
    "slope": (-4.0, 4.0),
    "noise": (0.0, 1.0),
    "length": (1, MOST_POINTS),
    "task": (0, 9999),
    "model": (0, 99),
    "step": (0, 10**9),
    "run": (0, 1),
    "strength": (-LARGEST, LARGEST),
    "query": (-LARGEST, LARGEST),
    "layer": (0, 999),
    "head": (0, 999),
}
"""The smallest and largest value of every number."""


def to_query(state: State) -> str:
    """Returns the state as the query of an address: settings other than the defaults, and the user's own points."""
    changed = {
        field.name: getattr(state, field.name)
        for field in dataclasses.fields(State)
        if field.name != "points" and getattr(state, field.name) != field.default
    }
    if "shown" in changed:
        changed["shown"] = ",".join(state.shown)
    if state.preset == OWN:
        changed["points"] = ";".join(f"{x:.6g},{y:.6g}" for x, y in state.points)
    return urlencode(changed)


def from_query(
    arguments: Mapping[str, str],
    families: tuple[str, ...] = (),
    known: tuple[str, ...] = (),
    probes: tuple[str, ...] = (),
) -> State:
    """Returns the state that an address names; every part of the address is checked.

    Args:
        arguments: the parts of the address.
        families: the names of the mixture's families.
        known: the curves that may be shown; any if empty.
        probes: the probes with cells.

    Raises:
        SettingError: the address has mistakes; the message lists all of them.
    """
    size = sum(len(name) + len(value) for name, value in arguments.items())
    if size > LONGEST_QUERY:
        raise SettingError(
            Problem("address", f"it has {size} characters; at most {LONGEST_QUERY} are read", "the address")
        )
    fields = {field.name for field in dataclasses.fields(State)}
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in arguments.items():
        try:
            if name not in fields:
                raise ValueError(f"unknown setting; {choose_from(name, sorted(fields))}")
            if name == "points":
                found[name] = read_points(value)
            elif name == "shown":
                found[name] = tuple(label for label in value.split(",") if not known or label in known)
            elif name == "preset":
                found[name] = one_of(
                    value, (*PRESETS, *(FAMILY + family for family in families), OWN, *([CELL] if probes else []))
                )
            elif name == "probe":
                found[name] = one_of(value, probes)
            else:
                found[name] = number_of(name, value)
        except ValueError as error:
            problems.append(Problem(name, str(error), "the address"))
    if found.get("preset") == CELL and "probe" not in found and not problems:
        problems.append(Problem("probe", "a cell needs a probe; none was given", "the address"))
    if problems:
        raise SettingError(problems)
    if found.get("points"):
        found["preset"] = OWN  # regardless of the preset named: the points were not drawn from it
    return State(**found)


def one_of(value: str, choices: tuple[str, ...]) -> str:
    """Returns the value if it is one of the choices.

    Raises:
        ValueError: it is none of them.
    """
    if value not in choices:
        raise ValueError(f"unknown value {value[:80]!r}; {choose_from(value, choices)}")
    return value


def number_of(name: str, text: str, bounds: Mapping[str, tuple[float, float]] = BOUNDS) -> float | int:
    """Returns a number that is checked against its bounds.

    Raises:
        ValueError: the text is not a number, or the number lies outside its bounds.
    """
    low, high = bounds[name]
    kind = int if isinstance(low, int) else float
    if len(text) > LONGEST_NUMBER:
        raise ValueError(f"{text[:LONGEST_NUMBER]!r}… is too long for a number")
    try:
        value = kind(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a {'whole ' if kind is int else ''}number") from None
    if not low <= value <= high:
        raise ValueError(f"{value:g} is not between {low:g} and {high:g}")
    return value


def read_points(text: str) -> tuple[tuple[float, float], ...]:
    """Reads points written as x,y;x,y.

    Raises:
        ValueError: a part is not a point, or there are too many points.
    """
    parts = [part for part in text.split(";") if part]
    if len(parts) > MOST_POINTS:
        raise ValueError(f"got {len(parts)} points; at most {MOST_POINTS} are allowed")
    return tuple(point_of(part.split(","), part) for part in parts)


def point_of(numbers: list[str], text: str) -> tuple[float, float]:
    """Returns a point from the texts of its two numbers.

    Raises:
        ValueError: there are not two numbers, or one is not finite or too large.
    """
    if len(numbers) != 2:
        raise ValueError(f"{text[:40]!r} is not two numbers x,y")
    x, y = (_number(number) for number in numbers)
    if x is None or y is None:
        raise ValueError(f"{text[:40]!r} is not two numbers x,y")
    if not all(math.isfinite(number) and abs(number) <= LARGEST for number in (x, y)):
        raise ValueError(f"{text[:40]!r} is not finite, or beyond {LARGEST:g}")
    return x, y


def _number(text: str) -> float | None:
    """Returns the number, or None if the text is not one; 1_000 is a number only in Python."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def read_csv(content: bytes) -> tuple[tuple[float, float], ...]:
    """Reads points from a file of two columns, with or without a line of names.

    Raises:
        OffpriorError: the file is too large or not text, or rows of it are not points; the message lists the rows.
    """
    if len(content) > LARGEST_FILE:
        raise OffpriorError(f"the file has {len(content)} bytes; at most {LARGEST_FILE} are allowed")
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise OffpriorError("the file is not UTF-8 text") from None
    rows = [(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()]
    found, bad = [], []
    for place, (number, line) in enumerate(rows):
        cells = [cell.strip() for cell in line.replace(";", ",").replace("\t", ",").split(",")]
        try:
            found.append(point_of(cells, line))
        except ValueError as error:
            if place > 0 or any(_number(cell) is not None for cell in cells):  # otherwise a line of names
                bad.append(f"row {number}: {error}")
    if bad:
        more = f"; and {len(bad) - 3} more" if len(bad) > 3 else ""
        raise OffpriorError("; ".join(bad[:3]) + more)
    if not found:
        raise OffpriorError("the file has no points; write two columns, x and y")
    if len(found) > MOST_POINTS:
        raise OffpriorError(f"the file has {len(found)} points; at most {MOST_POINTS} are allowed")
    return tuple(found)
