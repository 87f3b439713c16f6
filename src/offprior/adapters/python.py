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
    module_name, colon, name = rest.partition(":")
    if not colon or not module_name or not name:
        raise SettingError(Problem("", f"python:{rest}: write python:MODULE:OBJECT, as in {EXAMPLE}"))
    found: Any = _module(module_name)
    for part in name.split("."):
        if not hasattr(found, part):
            raise SettingError(Problem("", f"python:{rest}: {module_name} has no {name}"))
        found = getattr(found, part)
    if isinstance(found, type):
        try:
            found = found()
        except Exception as error:
            raise SettingError(Problem("", f"python:{rest}: {in_a_line(error)}")) from error
    if isinstance(found, Wrapped):
        found.is_strict = found.is_strict or declared.strict
    if isinstance(found, Predictor):
        return found
    return wrap(found, name, strict=declared.strict, trained=bool(declared.trained), seed=declared.seed)


def _module(name: str) -> Any:
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise SettingError(Problem("", f"python:{name}: cannot be imported: {in_a_line(error)}")) from error
    finally:
        sys.path.remove(here)
