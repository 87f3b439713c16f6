"""From plain values of a recipe to parts, and back: every mistake is collected, with its key.

Each part's class declares its keys, their types and their bounds with `parameter`.
"""

import dataclasses
import importlib
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from offprior import catalog
from offprior.errors import Problem, SettingError, choose_from
from offprior.parameter import ParameterInfo, fields_of
from offprior.recipe.file import shown

LARGEST_WHOLE = 2**31 - 1
LAW_FOLDERS = ("laws", "input_laws")
"""Folders of laws; a parameter that is a law accepts either kind."""
SHORT: dict[str, Callable[[dict[str, Any]], Any]] = {
    "fixed": lambda settings: settings["value"],
    "uniform": lambda settings: [settings["low"], settings["high"]],
}
"""Laws that a recipe may write without a name: a number, and a pair of ends."""


def part_from(folder: str, raw: Any) -> Any:
    """Builds a part of a folder from `name` or `{name: ..., preset: ..., key: value}`.

    A predictor may also be given by its address, as in `sklearn:KNeighborsRegressor`.

    Raises:
        SettingError: all mistakes in it, with keys relative to the part.
    """
    if isinstance(raw, str):
        is_address = folder == "predictors" and ":" in raw
        raw = {"name": "at-address", "address": raw} if is_address else {"name": raw}
    if not isinstance(raw, Mapping):
        known = ", ".join(catalog.names(folder))
        raise SettingError(
            Problem("", f"expected a name or a mapping with a name, got {shown(raw)}; choose from {known}")
        )
    if "name" not in raw:
        raise SettingError(Problem("name", f"missing; choose from {', '.join(catalog.names(folder))}"))
    if not isinstance(raw["name"], str):
        raise SettingError(Problem("name", f"got {shown(raw['name'])}; choose from {', '.join(catalog.names(folder))}"))
    part = catalog.find(folder, raw["name"])
    reason = why_no_recipe(part)
    if reason:
        raise SettingError(Problem("name", f"{raw['name']!r} cannot be named in a recipe: {reason}"))
    return settings_from(part, {key: value for key, value in raw.items() if key != "name"})


def why_no_recipe(part: type) -> str:
    """Returns why a recipe cannot name a part; empty if it can."""
    declares = "" if dataclasses.is_dataclass(part) else "its class declares no parameters with `parameter`"
    return getattr(part, "outside_recipes", "") or declares


def settings_from(part: type, raw: Any) -> Any:
    """Builds an instance of a class that declares its parameters, from a mapping of them.

    Raises:
        SettingError: all mistakes in it.
    """
    if not isinstance(raw, Mapping):
        raise SettingError(Problem("", f"expected a mapping of settings, got {shown(raw)}"))
    known = {info.name: info for info in fields_of(part)}
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    raw = {**_preset(part, raw, problems), **{key: value for key, value in raw.items() if key != "preset"}}
    for key, value in raw.items():
        if key not in known:
            problems.append(Problem(key, f"unknown key; {choose_from(key, known)}"))
            continue
        try:
            values[key] = value_from(known[key], value)
        except SettingError as error:
            problems.extend(problem.inside(key) for problem in error.problems)
    if problems:
        raise SettingError(problems)
    return _built(part, values)


def law_from(raw: Any) -> Any:
    """Builds a law of a real number from `2.0`, `[low, high]` or `{name: normal, mean: 0, sd: 1}`."""
    known = [name for folder in LAW_FOLDERS for name in catalog.names(folder)]
    if isinstance(raw, Mapping):
        name = raw.get("name")
        if not isinstance(name, str) or name not in known:
            reason = "missing" if name is None else f"unknown law {shown(name)}"
            raise SettingError(Problem("name", f"{reason}; {choose_from(name, known)}"))
        folder = next(folder for folder in LAW_FOLDERS if name in catalog.names(folder))
        return part_from(folder, raw)
    law = importlib.import_module("offprior.laws.law").law
    if isinstance(raw, list) and len(raw) == 2:
        return _built(law, {"value": tuple(_number(end) for end in raw)})
    if isinstance(raw, list | str | bool):
        message = f"{shown(raw)} is not a law; write a number, [low, high] or {{name: ...}} with {', '.join(known)}"
        raise SettingError(Problem("", message))
    return _built(law, {"value": _number(raw)})


def value_from(info: ParameterInfo, raw: Any) -> Any:
    """Converts the value of a parameter.

    Raises:
        SettingError: the value is of another type, or out of bounds.
    """
    if raw is None and (info.default is None or types.NoneType in info.alternatives):
        return None
    value = _converted(info.annotation, raw)
    complaint = info.complaint(value)
    if complaint is not None:
        raise SettingError(Problem("", complaint))
    return value


def plain(value: Any) -> Any:
    """Converts a part, a law or a value to its form in a recipe: the inverse of the functions above."""
    kind = type(value)
    folder = catalog.folder_of(kind)
    if folder is not None:
        name, settings = catalog.name_of(kind), _settings_of(value)
        short = SHORT.get(name) if folder == "laws" else None
        return short(settings) if short else {"name": name, **settings}
    if hasattr(kind, "__dataclass_fields__"):
        return _settings_of(value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    array = np.asarray(value)
    if array.dtype.kind == "f":  # as many digits as the precision has: float32's 0.1 is 0.1
        return _shortest(array)
    return array.tolist()


def is_law(kind: Any) -> bool:
    """Whether `kind` is the abstract law, or one of the laws of numbers or of inputs."""
    return isinstance(kind, type) and catalog.folder_of(kind) in LAW_FOLDERS


def is_array(kind: Any) -> bool:
    """Whether `kind` is an array type of jaxtyping."""
    return isinstance(kind, type) and hasattr(kind, "dim_str")


def _settings_of(value: Any) -> dict[str, Any]:
    infos = [info for info in fields_of(type(value)) if not (info.added and getattr(value, info.name) is info.default)]
    return {info.name: plain(getattr(value, info.name)) for info in infos}


def _preset(part: type, raw: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    presets = getattr(part, "presets", {})
    name = raw.get("preset")
    if "preset" not in raw:
        return {}
    if not isinstance(name, str) or name not in presets:
        problems.append(Problem("preset", f"unknown preset {shown(name)}; {choose_from(name, presets)}"))
        return {}
    return dict(presets[name])


def _built(make: Callable[..., Any], values: dict[str, Any]) -> Any:
    try:
        return make(**values)
    except SettingError:
        raise
    except (ValueError, TypeError, ArithmeticError) as error:  # another package's part may raise other errors
        message = " ".join(str(error).split())
        raise SettingError(Problem("", message or type(error).__name__)) from error


def _converted(kind: Any, raw: Any) -> Any:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _first_that_fits([one for one in inner if one is not types.NoneType], raw)
    if origin is Literal:
        if raw not in inner or isinstance(raw, bool):
            raise SettingError(Problem("", f"unknown value {shown(raw)}; {choose_from(raw, inner)}"))
        return raw
    if origin in (tuple, list) or (is_array(kind) and kind.dim_str):
        item = inner[0] if inner else float
        return _items(item, raw, None if len(inner) < 2 or inner[-1] is Ellipsis else len(inner), is_array(kind))
    if is_law(kind):
        return law_from(raw)
    folder = catalog.folder_of(kind) if isinstance(kind, type) else None
    if folder is not None:
        return part_from(folder, raw)
    if kind is float or is_array(kind):
        return _number(raw)
    if kind is int:
        return _whole(raw)
    if kind in (bool, str) and not isinstance(raw, kind):
        expected = "a word" if kind is str else "true or false"
        raise SettingError(Problem("", f"{shown(raw)} is not {expected}"))
    return raw


def _first_that_fits(kinds: list[Any], raw: Any) -> Any:
    if float in kinds:  # `Scalar`: the array is for Python users
        kinds = [kind for kind in kinds if not is_array(kind)]
    failures = []
    for kind in kinds:
        try:
            return _converted(kind, raw)
        except SettingError as error:
            failures.append(error)
    nested = [failure for failure in failures if any(problem.key for problem in failure.problems)]
    raise nested[0] if nested else failures[0]


def _items(kind: Any, raw: Any, count: int | None, array: bool) -> Any:
    if not isinstance(raw, list):
        raise SettingError(Problem("", f"{shown(raw)} is not a list"))
    if count is not None and len(raw) != count:
        raise SettingError(Problem("", f"expected {count} entries, got {len(raw)}"))
    problems: list[Problem] = []
    values = []
    for place, item in enumerate(raw):
        try:
            values.append(_converted(kind, item))
        except SettingError as error:
            problems.extend(problem.inside(str(place)) for problem in error.problems)
    if problems:
        raise SettingError(problems)
    return np.asarray(values, dtype=float) if array else tuple(values)


def _number(raw: Any) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise SettingError(Problem("", f"{shown(raw)} is not a number"))
    if abs(raw) > float(np.finfo(np.float32).max) or not math.isfinite(raw):
        raise SettingError(Problem("", f"{shown(raw)} is not a finite number of single precision"))
    return float(raw)


def _whole(raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise SettingError(Problem("", f"{shown(raw)} is not a whole number"))
    if abs(raw) > LARGEST_WHOLE:
        raise SettingError(Problem("", f"{shown(raw)} is out of range; the largest whole number is {LARGEST_WHOLE}"))
    return raw


def _shortest(array: np.ndarray) -> Any:
    if array.ndim:
        return [_shortest(np.asarray(item)) for item in array]
    return float(str(array))
