"""Objects of your own modules: `python:package.module:object`. This runs the module's code."""

import importlib
import sys
from pathlib import Path
from typing import Any

from offprior.adapters.declared import Declared
from offprior.adapters.wrapped import Wrapped, wrap
from offprior.errors import Problem, SettingError, in_a_line
from offprior.predictors.predictor import Predictor

CAPTION = "an object of a module of yours, as `op.wrap` takes it; this runs the module's code"
EXAMPLE = "python:my_models:predict"
NEEDS: tuple[str, ...] = ()
INSTALL = ""


def load(rest: str, declared: Declared) -> Predictor:
    """Imports a module, from the working folder too, and returns its object as a predictor.

    A class is called without arguments. A predictor of offprior is returned as it is; of what is declared, only
    `strict` holds for it, if `op.wrap` made it.

    Raises:
        SettingError: the module fails to import, has no such object, or the object answers no prompts.
    """
    found: Any = found_at(rest, EXAMPLE)
    if isinstance(found, Wrapped):
        found.is_strict = found.is_strict or declared.strict
    if isinstance(found, Predictor):
        return found
    return wrap(
        found, rest.partition(":")[2], strict=declared.strict, trained=bool(declared.trained), seed=declared.seed
    )


def found_at(rest: str, example: str) -> Any:
    """Imports a module and returns the object at `MODULE:OBJECT`; a class is called without arguments.

    Raises:
        SettingError: the module fails to import, or has no such object; or the class cannot be called.
    """
    scheme = example.partition(":")[0]
    module_name, colon, name = rest.partition(":")
    if not colon or not module_name or not name:
        raise SettingError(Problem("", f"{scheme}:{rest}: write {scheme}:MODULE:OBJECT, as in {example}"))
    found: Any = _module(module_name)
    for part in name.split("."):
        if not hasattr(found, part):
            raise SettingError(Problem("", f"{scheme}:{rest}: {module_name} has no {name}"))
        found = getattr(found, part)
    if not isinstance(found, type):
        return found
    try:
        return found()
    except Exception as error:
        raise SettingError(Problem("", f"{scheme}:{rest}: {in_a_line(error)}")) from error


def _module(name: str) -> Any:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise SettingError(Problem("", f"{name}: cannot be imported: {in_a_line(error)}")) from error
    finally:
        sys.path.remove(here)
