"""Models of PyTorch in your own file: `torch:FILE.py:make_model`. This runs the file's code."""

# pyright: reportMissingImports=false

import hashlib
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

from offprior.adapters.declared import Declared
from offprior.adapters.weights import load_weights, state_dict
from offprior.adapters.wrapped import Wrapped, wrap
from offprior.errors import Problem, SettingError, in_a_line
from offprior.predictors.predictor import Predictor

CAPTION = "a PyTorch module that a function of your file returns, with weights after an @; this runs the file's code"
EXAMPLE = "torch:my_model.py:make_model@weights.pt"
NEEDS = ("torch",)
INSTALL = "pip install 'offprior[torch]'"


def load(rest: str, declared: Declared) -> Predictor:
    """Runs a file, calls its function or class without arguments, and returns the result as a predictor.

    The result is a module or a callable of tensors x [n, d], y [n] and queries [m, d], in single precision, and answers
    with a tensor of means [m], or in another form of `op.wrap`. A predictor of offprior is returned as it is.

    Raises:
        SettingError: the file, its function or the weights are missing or fail; the weights hold code.
    """
    import torch

    parsed = re.fullmatch(r"(?P<file>.+?\.py):(?P<name>[A-Za-z_]\w*)(?:@(?P<weights>.+))?", rest)
    if parsed is None:
        raise SettingError(Problem("", f"torch:{rest}: write torch:FILE.py:FUNCTION[@WEIGHTS], as in {EXAMPLE}"))
    name, weights = parsed["name"], parsed["weights"]
    module = _run(Path(parsed["file"]))
    if not callable(getattr(module, name, None)):
        raise SettingError(Problem("", f"torch:{rest}: {parsed['file']} has no function or class {name}"))
    made = getattr(module, name)
    if not isinstance(made, torch.nn.Module):
        made = _tried(f"torch:{rest}: {name}() failed", made)
    if weights is not None:
        if not isinstance(made, torch.nn.Module):
            kind = type(made).__name__
            raise SettingError(
                Problem("", f"torch:{rest}: weights are for a torch.nn.Module, but {name}() is a {kind}")
            )
        found = state_dict(load_weights(weights, trust=declared.trust), weights)
        _tried(f"{weights}: not the weights of {name}()", lambda: made.load_state_dict(found))
    if isinstance(made, Wrapped):
        made.is_strict = made.is_strict or declared.strict
    if isinstance(made, Predictor):
        return made
    if not callable(made):
        raise SettingError(Problem("", f"torch:{rest}: {name}() is a {type(made).__name__}, which cannot be called"))
    from offprior.adapters.tensors import asking_tensors

    trained = declared.trained if declared.trained is not None else True
    return wrap(asking_tensors(made), name, strict=declared.strict, trained=trained, seed=declared.seed)


def _run(path: Path) -> Any:
    """Runs a file as a module; it may import its neighbours."""
    if not path.is_file():
        raise SettingError(Problem("", "no such file", str(path)))
    name = f"_offprior_{path.stem}_{hashlib.blake2b(str(path.resolve()).encode(), digest_size=4).hexdigest()}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    run = spec.loader.exec_module
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        _tried(f"{path}: fails when it runs", lambda: run(module))
    finally:
        sys.path.remove(folder)
    return module


def _tried(what: str, do: Any) -> Any:
    try:
        return do()
    except Exception as error:
        raise SettingError(Problem("", f"{what}: {in_a_line(error)[:300]}")) from error
