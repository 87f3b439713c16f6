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
"""Relative difference of two numbers that are taken for one: those of single precision are."""


@dataclasses.dataclass(frozen=True)
class Bounds:
    """Between what a number has to lie; None is no bound."""

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
        """Does `value` lie between them? Not-a-number never does."""
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
    """Did it come after runs were recorded? It is not written while it has its default, so that they can be resumed."""

    @property
    def alternatives(self) -> tuple[Any, ...]:
        """The members of a union, or the annotation alone."""
        if typing.get_origin(self.annotation) in (typing.Union, types.UnionType):
            return typing.get_args(self.annotation)
        return (self.annotation,)

    @property
    def choices(self) -> tuple[str, ...]:
        """The words it may be, where it is one of a few."""
        literals = [kind for kind in self.alternatives if typing.get_origin(kind) is Literal]
        return tuple(word for kind in literals for word in typing.get_args(kind))

    def complaint(self, value: Any) -> str | None:
        """Why `value` is no good, or None; tracers, arrays and parts are left to those who know them."""
        kinds = self.alternatives
        if value is None:
            return None if types.NoneType in kinds else "nothing was given"
        if self.choices and set(kinds) <= {types.NoneType, *(k for k in kinds if typing.get_origin(k) is Literal)}:
            return None if value in self.choices else f"{value!r} is no choice; {choose_from(value, self.choices)}"
        if bool in kinds and not isinstance(value, bool) and set(kinds) <= {bool, types.NoneType}:
            return f"{value!r} is not true or false"
        if int in kinds and set(kinds) <= {int, types.NoneType} and not _whole(value):
            return f"{value!r} is not a whole number"
        if float in kinds and isinstance(value, bool | str):
            return f"{value!r} is not a number"
        for number in value if isinstance(value, tuple | list | np.ndarray) and np.ndim(value) == 1 else [value]:
            if isinstance(number, numbers.Real) and not isinstance(number, bool) and not self.bounds.hold(number):
                return f"{number} is out of bounds; it has to be {self.bounds}".removesuffix("; it has to be ")
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
    """Declare a parameter of a part: an `equinox.field` that knows its sentence and its bounds.

    A default that is a bool, an int or a str makes it static (part of a program's shape); anything else is a leaf or
    holds leaves. `converter` turns what a user writes into what the part keeps, as `offprior.laws.law` does. One that
    was `added` to a part of which there are recorded runs is not written into recipes while it has its default.

    A value out of its bounds raises `SettingError` when the part is built.
    """
    if static is None:
        static = isinstance(default, bool | int | str)
    bounds = Bounds(above, minimum, maximum, below)
    checked = _Checked(converter, is_number=isinstance(default, float))
    field = eqx.field(default=default, converter=checked, static=static, metadata={MARK: (doc, bounds, added)})
    field.__class__ = _Field
    return field


@functools.cache
def fields_of(part: type) -> tuple[ParameterInfo, ...]:
    """The parameters of a part's class, in the order of their declaration."""
    hints = typing.get_type_hints(part)
    found = []
    for field in dataclasses.fields(part):
        if MARK not in field.metadata:
            continue
        found.append(ParameterInfo(field.name, hints[field.name], field.default, *field.metadata[MARK]))
    return tuple(found)


def alike(one: Any, other: Any) -> bool:
    """Are two parts, or numbers, the same but for rounding? Whatever kinds of arrays their numbers are held in."""
    if jax.tree.structure(one) != jax.tree.structure(other):
        return False
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(_close(first, second) for first, second in pairs)


def _close(one: Any, other: Any) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    close = np.shape(one) == np.shape(other)
    return close and bool(np.allclose(np.asarray(one, np.float64), np.asarray(other, np.float64), rtol=CLOSE, atol=0))


class _Field(dataclasses.Field):
    """A field that tells its converter its own name, which the messages need."""

    __slots__ = ()

    def __set_name__(self, owner: type, name: str) -> None:
        self.metadata["converter"].belongs_to(owner, name)


class _Checked:
    """Converts a value and holds it against its parameter's bounds."""

    def __init__(self, converter: Callable[[Any], Any] | None, is_number: bool):
        self._converter, self._is_number = converter, is_number
        self._owner: type | None = None
        self._name = ""

    def belongs_to(self, owner: type, name: str) -> None:
        """Where it was declared."""
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
