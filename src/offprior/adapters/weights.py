"""Reads weights from files of PyTorch and safetensors, without running code that such a file may hold."""

# pyright: reportMissingImports=false

import pickle
import re
import warnings
from pathlib import Path
from typing import Any

from offprior.errors import Problem, SettingError, in_a_line

SAFE_FROM = (2, 6)
"""The version of PyTorch from which ``weights_only=True`` holds what it says."""


def load_weights(path: str | Path, *, trust: bool = False) -> Any:
    """Returns what a file of weights holds, with its tensors in main memory.

    A file of `torch.save` is a pickle, which can call any function when it is read. It is read with
    ``weights_only=True``, which accepts tensors, numbers, texts and containers and refuses everything else.

    Args:
        path: a file of `torch.save`, or a .safetensors file.
        trust: whether a pickle that names functions or classes is read all the same, which runs them.

    Raises:
        SettingError: there is no such file, it is torn, or it needs `trust`; PyTorch is too old to read it safely.
    """
    import torch

    path = Path(path)
    if not path.is_file():
        raise SettingError(Problem("", "no such file of weights", str(path)))
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise SettingError(Problem("", f"not a readable file of weights: {in_a_line(error)}", str(path))) from None
    if not trust and _version(torch.__version__) < SAFE_FROM:
        message = (
            f"PyTorch {torch.__version__} can run code even with weights_only (CVE-2025-32434); install 2.6 or newer"
        )
        raise SettingError(Problem("", message, str(path)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a pickle that is not of torch.save is warned of before it is refused
            # Where this argument is given, no environment variable of PyTorch overrides it.
            return torch.load(path, map_location="cpu", weights_only=not trust)
    except pickle.UnpicklingError as error:
        raise SettingError(Problem("", _refusal(str(error)), str(path))) from None
    except Exception as error:
        raise SettingError(
            Problem("", f"not a readable file of weights: {in_a_line(error)[:200]}", str(path))
        ) from None


def state_dict(given: Any, path: str | Path) -> dict[str, Any]:
    """Returns the tensors of a module by name, from a state dict or from a checkpoint that holds one.

    Raises:
        SettingError: there is none.
    """
    import torch

    found = given
    for key in ("model_state_dict", "state_dict", "model"):
        if isinstance(given, dict) and isinstance(given.get(key), dict):
            found = given[key]
            break
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        keys = ", ".join(map(str, list(given)[:6])) if isinstance(given, dict) else type(given).__name__
        raise SettingError(Problem("", f"holds no state dict (tensors by name), but {keys}", str(path)))
    return found


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2])


def _refusal(said: str) -> str:
    """Says why a pickle was refused, with the name of what it would have called."""
    named = re.search(r"GLOBAL ([\w.]+)", said)
    holds = f"{named[1]}, which" if named else "more than tensors, which"
    return (
        f"refused: a pickle that names {holds} runs as code when the file is read; save a state dict "
        "(torch.save(model.state_dict(), …)) or safetensors, or add --trust if you trust its source"
    )
