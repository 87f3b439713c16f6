"""What the adapters of pretrained tabular regressors share: their addresses, their first fit, their answers."""

import ast
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from offprior.adapters.declared import Declared
from offprior.adapters.wrapped import Wrapped, wrap
from offprior.errors import OffpriorError, Problem, SettingError, in_a_line

DEFAULT = "default"
"""The word for the weights that a package takes by itself."""


def parsed(rest: str, example: str) -> tuple[str, dict[str, Any]]:
    """Returns what stands before the brackets, and the settings in them, which are plain values: nothing is evaluated.

    Raises:
        SettingError: the brackets hold something else.
    """
    found = re.fullmatch(r"(?P<what>[^()]+)(?:\((?P<settings>.*)\))?", rest.strip())
    try:
        call: Any = ast.parse(f"settings({found['settings'] or ''})", mode="eval").body if found else None
        if found and not call.args and all(each.arg for each in call.keywords):
            return found["what"], {each.arg: ast.literal_eval(each.value) for each in call.keywords}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    raise SettingError(Problem("", f"{rest[:80]!r} is not a version or a file with settings, as in {example}"))


def made(address: str, make: Callable[..., Any], settings: dict[str, Any]) -> Any:
    """Returns a regressor with settings.

    Raises:
        SettingError: it refuses them.
    """
    try:
        return make(**settings)
    except Exception as error:
        raise SettingError(Problem("", f"{address}: {in_a_line(error)[:300]}")) from None


def fitted_once(address: str, regressor: Any, remedy: str) -> None:
    """Fits a regressor to five pairs, which reads or downloads its weights.

    Raises:
        OffpriorError: that fails; the line ends with the remedy.
    """
    x = np.linspace(-1.0, 1.0, 5)
    try:
        regressor.fit(x[:, None], np.sin(3 * x))
    except Exception as error:
        raise OffpriorError(f"{address}: cannot be made ready: {in_a_line(error)[:240]}; {remedy}") from None


def wrapped_regressor(
    ask: Callable[[np.ndarray, np.ndarray, np.ndarray], Any],
    kind: str,
    what: str,
    settings: dict[str, Any],
    declared: Declared,
    levels: Sequence[float],
) -> Wrapped:
    """Wraps a pretrained regressor, which takes contexts of at least two pairs."""
    named = Path(what).stem if Path(what).is_file() else what
    inside = ",".join(f"{name}={value!r}" for name, value in settings.items())
    label = kind + ("" if named == DEFAULT else f" {named}") + (f" ({inside})" if inside else "")
    trained = declared.trained if declared.trained is not None else True
    return wrap(ask, label, shortest=2, levels=levels, strict=declared.strict, trained=trained, seed=declared.seed)


def rising(quantiles: Any) -> np.ndarray:
    """Returns quantiles [m, q] that never fall, as rounding in single precision lets neighbours do."""
    return np.maximum.accumulate(np.asarray(quantiles, float), axis=1)
