"""The checker of types and shapes that conftest.py lays over every function of offprior.

jaxtyping's own decorator binds the arguments by name, checks them before the call and again after it, and makes its
checks anew whenever a nested function is defined: up to 40% of the time of all tests. This one checks the same once.
"""

import dataclasses
import functools
import inspect
import types
import typing

import jaxtyping
from beartype import BeartypeConf, beartype
from jaxtyping import TypeCheckError
from jaxtyping._storage import pop_shape_memo, push_shape_memo, shape_str

# An int is a float here, as it is for type checkers and in recipes (PEP 484).
check = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=TypeCheckError))

_jaxtyped = jaxtyping.jaxtyped
_of_nested: dict[types.CodeType, tuple[dict, typing.Any]] = {}
"""For each nested function, its annotations and what checks them."""


def install(package: str):
    """Checks every function and dataclass of a package that is imported from here on."""
    jaxtyping.jaxtyped = _checked
    return jaxtyping.install_import_hook(package, "strict_types.check")


def _checked(thing=None, *, typechecker):
    """In place of `jaxtyping.jaxtyped`, to which it leaves everything but functions and dataclasses of the package."""
    if thing is None:
        return functools.partial(_checked, typechecker=typechecker)
    if dataclasses.is_dataclass(thing) and isinstance(thing, type):
        if not hasattr(thing.__init__, "has_checked_types"):
            thing.__init__ = _checked_function(thing.__init__)
            thing.__init__.has_checked_types = True
        return thing
    if inspect.isfunction(thing) and _is_plain(thing):
        return _checked_function(thing)
    return _jaxtyped(thing, typechecker=typechecker)


def _is_plain(function) -> bool:
    """Whether its annotations are types, of which none needs the arguments' values, and it returns when it is done."""
    lazy = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    return not lazy and not any(isinstance(each, str) or "{" in str(each) for each in function.__annotations__.values())


def _checked_function(function):
    annotations = function.__annotations__
    known = _of_nested.get(function.__code__)
    if known is not None and known[0] == annotations:
        checked = _same_checks(known[1], function)
    else:
        checked = check(function)
        if "<locals>" in function.__qualname__ and "__beartype_func" in (checked.__kwdefaults__ or {}):
            _of_nested[function.__code__] = (annotations, checked)
    return _with_shapes(checked) if any(map(_has_shape, annotations.values())) else checked


def _same_checks(checked, function):
    """The checks that beartype has made for one function, of another with the same code and the same annotations."""
    same = types.FunctionType(checked.__code__, checked.__globals__, checked.__name__)
    same.__kwdefaults__ = {**checked.__kwdefaults__, "__beartype_func": function}
    return functools.update_wrapper(same, function)


def _has_shape(annotation) -> bool:
    return getattr(annotation, "__module__", "").startswith("jaxtyping") or any(
        map(_has_shape, typing.get_args(annotation))
    )


def _with_shapes(checked):
    """One length for each name of an axis, among the arguments and the result of one call."""

    @functools.wraps(checked)
    def function(*args, **kwargs):
        __tracebackhide__ = True
        lengths = push_shape_memo({})
        try:
            return checked(*args, **kwargs)
        except TypeCheckError as error:
            error.add_note(shape_str(lengths))
            raise
        finally:
            pop_shape_memo()

    return function
