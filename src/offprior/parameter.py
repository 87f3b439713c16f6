"""Parameters of parts, declared once on a class: what a recipe accepts, `describe` prints and the JSON Schema holds."""

import dataclasses
import functools
import numbers
import types
import typing
from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from offprior.errors import Problem, SettingError, choose_from

Scalar = float | Float[Array, ""]
"""A real number that programs may trace, map over and differentiate; in a recipe, a number."""

MARK = "offprior"
CLOSE = 1e-6
"""Relative difference below which two numbers count as equal, as after rounding to single precision."""


@dataclasses.dataclass(frozen=True)
class Bounds:
    """The range that a number has to lie in; None is no bound."""

    above: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    below: float | None = None

    def __str__(self) -> str:
        low = f"above {self.above:g}" if self.above is not None else ""
        low = f"at least {self.minimum:g}" if self.minimum is not None else low
        high = f"below {self.below:g}" if self.below is not None else ""
        high = f"at most {self.maximum:g}" if self.maximum is not None else high
        return " and ".join(side for side in (low, high) if side)

    def hold(self, value: Any) -> bool:
        """Whether `value` lies within the bounds; not-a-number never does."""
        return (
            value == value
            and (self.above is None or value > self.above)
            and (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
            and (self.below is None or value < self.below)
        )


@dataclasses.dataclass(frozen=True)
class ParameterInfo:
    """One parameter of a part."""

    name: str
    annotation: Any
    default: Any
    doc: str
    bounds: Bounds
    added: bool = False
    """Whether the parameter was added after runs were recorded.

    If so, it is not written while it has its default, so that those runs can be resumed.
    """

    @property
    def alternatives(self) -> tuple[Any, ...]:
        """The members of a union, or only the annotation."""
        if typing.get_origin(self.annotation) in (typing.Union, types.UnionType):
            return typing.get_args(self.annotation)
        return (self.annotation,)

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that the value may be, if it is one of a few."""
        literals = [kind for kind in self.alternatives if typing.get_origin(kind) is Literal]
        return tuple(word for kind in literals for word in typing.get_args(kind))

    def complaint(self, value: Any) -> str | None:
        """Says why `value` is not valid, or returns None; tracers, arrays and parts are checked elsewhere."""
        kinds = self.alternatives
        if value is None:
            return None if types.NoneType in kinds else "a value is required"
        if self.choices and set(kinds) <= {types.NoneType, *(k for k in kinds if typing.get_origin(k) is Literal)}:
            return None if value in self.choices else f"unknown value {value!r}; {choose_from(value, self.choices)}"
        if bool in kinds and not isinstance(value, bool) and set(kinds) <= {bool, types.NoneType}:
            return f"{value!r} is not true or false"
        if int in kinds and set(kinds) <= {int, types.NoneType} and not _whole(value):
            return f"{value!r} is not a whole number"
        if float in kinds and isinstance(value, bool | str):
            return f"{value!r} is not a number"
        for number in value if isinstance(value, tuple | list | np.ndarray) and np.ndim(value) == 1 else [value]:
            if isinstance(number, numbers.Real) and not isinstance(number, bool) and not self.bounds.hold(number):
                return f"{number} is out of bounds; it must be {self.bounds}".removesuffix("; it must be ")
        return None


def parameter(
    default: Any,
    doc: str,
    *,
    above: float | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    below: float | None = None,
    static: bool | None = None,
    converter: Callable[[Any], Any] | None = None,
    added: bool = False,
) -> Any:
    """Declares a parameter of a part: an `equinox.field` that knows its description and its bounds.

    A value out of bounds raises `SettingError` when the part is built. `Family`, `Law`, `Model`, `Algorithm` and
    `Probe` are each a `Part`; any other class that declares parameters has to inherit from `Part` itself.

    Args:
        default: the default value.
        doc: a description, for `describe` and the JSON Schema.
        above: the value has to be larger than this.
        minimum: the value has to be at least this.
        maximum: the value has to be at most this.
        below: the value has to be smaller than this.
        static: whether the parameter is part of a program's shape, rather than a leaf or a holder of leaves. By
            default, parameters are static whose default is a bool, an int or a str.
        converter: turns what a user writes into what the part keeps, as `offprior.laws.law` does.
        added: whether the parameter was added to a part with recorded runs; if so, it is not written into recipes while
            it has its default.
    """
    if static is None:
        static = isinstance(default, bool | int | str)
    bounds = Bounds(above, minimum, maximum, below)
    checked = _Checked(converter, is_number=isinstance(default, float))
    return eqx.field(default=default, converter=checked, static=static, metadata={MARK: (doc, bounds, added)})


class Part(eqx.Module):
    """A class that declares its parameters with `parameter`, and checks their values when it is built."""

    def __init_subclass__(cls, **settings: Any):
        super().__init_subclass__(**settings)
        for name, value in vars(cls).items():
            if isinstance(value, dataclasses.Field) and MARK in value.metadata:
                value.metadata["converter"].belongs_to(cls, name)


@functools.cache
def fields_of(part: type) -> tuple[ParameterInfo, ...]:
    """Returns the parameters of a part's class, in the order of their declaration."""
    hints = typing.get_type_hints(part)
    found = []
    for field in dataclasses.fields(part):
        if MARK not in field.metadata:
            continue
        found.append(ParameterInfo(field.name, hints[field.name], field.default, *field.metadata[MARK]))
    return tuple(found)


def alike(one: Any, other: Any) -> bool:
    """Whether two parts, or numbers, are equal up to rounding, whatever kinds of arrays hold their numbers."""
    if jax.tree.structure(one) != jax.tree.structure(other):
        return False
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(_close(first, second) for first, second in pairs)


def _close(one: Any, other: Any) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    close = np.shape(one) == np.shape(other)
    return close and bool(np.allclose(np.asarray(one, np.float64), np.asarray(other, np.float64), rtol=CLOSE, atol=0))


class _Checked:
    """Converts a value and checks it against its parameter's bounds."""

    def __init__(self, converter: Callable[[Any], Any] | None, is_number: bool):
        self._converter, self._is_number = converter, is_number
        self._owner: type | None = None
        self._name = ""

    def belongs_to(self, owner: type, name: str) -> None:
        """Records the class and the name of the parameter."""
        self._owner, self._name = owner, name

    def __call__(self, value: Any) -> Any:
        if self._owner is not None:
            info = next(info for info in fields_of(self._owner) if info.name == self._name)
            complaint = info.complaint(value)
            if complaint is not None:
                raise SettingError(Problem(self._name, complaint))
        if self._converter is not None:
            try:
                return self._converter(value)
            except SettingError as error:
                raise SettingError([problem.inside(self._name) for problem in error.problems]) from None
        if self._is_number and isinstance(value, int | np.number):
            return float(value)
        return value


def _whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
