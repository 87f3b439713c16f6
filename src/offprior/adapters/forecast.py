"""Time-series forecasters: `forecast:fracast`, and functions of your own that continue a series.

A forecaster sees values at even steps and continues them. It can be asked only on a regular grid, at steps after the
context (`grid-then-horizon` among the input laws); other prompts are failures that say so.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from offprior.adapters.bracketed import without_brackets
from offprior.adapters.declared import Declared
from offprior.adapters.one_thread import torch_on_one_thread
from offprior.adapters.python import found_at
from offprior.adapters.regular_grid import steps_ahead
from offprior.adapters.wrapped import LEVELS, Wrapped, wrap
from offprior.errors import Problem, SettingError, in_a_line

CAPTION = "a forecaster, on regular grids: fracast, or MODULE:OBJECT of yours (which runs the module's code)"
EXAMPLE = "forecast:fracast"
NEEDS = ("fracast", "torch")
INSTALL = "pip install 'offprior[forecast]'"

FRACAST_SHORTEST = 8
"""The fewest values that fracast takes."""


def load(rest: str, declared: Declared) -> Wrapped:
    """Returns a forecaster: `fracast`, with `weights='w8'` or `'fp32'` in brackets, or an object of a module.

    Raises:
        SettingError: there is no such object, or a setting is mistaken.
    """
    if ":" in rest:
        forecaster = found_at(rest, "forecast:MODULE:OBJECT")
        shortest = int(getattr(forecaster, "shortest", 2))
        longest, levels = getattr(forecaster, "longest", None), getattr(forecaster, "levels", LEVELS)
        name, trained = rest.rpartition(":")[2], bool(declared.trained)
    else:
        kind, settings = without_brackets(rest, ("weights",), EXAMPLE)
        if kind != "fracast":
            said = f"unknown forecaster {kind!r}; write forecast:fracast or forecast:MODULE:OBJECT"
            raise SettingError(Problem("", said))
        model = _fracast(settings.get("weights", "w8"))
        forecaster, name, shortest, longest = model.forecast, rest, FRACAST_SHORTEST, int(model.context_length)
        levels, trained = model.quantiles, declared.trained is not False
    return wrap_forecaster(
        forecaster,
        name,
        levels=levels,
        longest=longest,
        shortest=shortest,
        trained=trained,
        seed=declared.seed,
        strict=declared.strict,
    )


def wrap_forecaster(
    forecast: Any,
    name: str | None = None,
    *,
    levels: Sequence[float] = LEVELS,
    longest: int | None = None,
    shortest: int = 2,
    deterministic: bool = True,
    trained: bool = False,
    seed: int = 0,
    strict: bool = False,
) -> Wrapped:
    """Makes a predictor of something that continues a series of values at even steps.

    Args:
        forecast: a function of a series [n] and `horizon=h`, or an object with such a method `forecast`. It returns the
            next h values, [h], or their quantiles, [h, q].
        name: its name in tables and figures; that of its class or function if None.
        levels: the levels of its quantiles. The mean is the quantile of level 1/2 as it is given; quantiles that cross,
            as those of networks do, are sorted for the variance (Chernozhukov et al. 2010).
        longest: the longest series that it takes.
        shortest: the shortest series that it takes; shorter ones are answered by 0.
        deterministic: whether the same series has the same forecast.
        trained: whether it was pretrained, so that verdicts depend on its training seeds.
        seed: its training seed.
        strict: whether its first failure ends the evaluation.

    Raises:
        SettingError: it continues no series, or a limit is mistaken.
    """
    continues = getattr(forecast, "forecast", forecast)
    if not callable(continues) or isinstance(forecast, type):
        said = f"got {type(forecast).__name__}; give a function of a series and a horizon, or an object with `forecast`"
        raise SettingError(Problem("forecast", said))
    return wrap(
        _asking(continues, levels),
        name or getattr(forecast, "__name__", type(forecast).__name__),
        longest=longest,
        shortest=max(shortest, 2),
        dimension=1,
        deterministic=deterministic,
        regular_grid=True,
        levels=levels,
        trained=trained,
        seed=seed,
        strict=strict,
    )


def _asking(
    continues: Callable[..., Any], levels: Sequence[float]
) -> Callable[[np.ndarray, np.ndarray, np.ndarray], Any]:
    def forecast_at(x: np.ndarray, y: np.ndarray, queries: np.ndarray) -> Any:
        ahead = steps_ahead(x, queries)
        horizon = int(ahead.max())
        given = np.asarray(continues(y, horizon=horizon), float)
        if given.shape == (horizon,):
            return given[ahead - 1]
        if given.shape != (horizon, len(levels)):
            wanted = f"[{horizon}] or [{horizon}, {len(levels)}]"
            raise ValueError(f"got a forecast of shape {list(given.shape)}, expected {wanted}")
        asked = given[ahead - 1]
        median = [float(np.interp(0.5, levels, row)) for row in asked]
        return {"mean": median, "quantiles": np.sort(asked, axis=1)}

    return forecast_at


def _fracast(weights: Any) -> Any:
    found: Any = importlib.import_module("fracast").FracastModel
    try:
        model = found.from_pretrained(weights=weights)
    except Exception as error:
        raise SettingError(Problem("", f"fracast: {in_a_line(error)}")) from None
    alone = model.forecast

    def forecast(series: np.ndarray, *, horizon: int) -> Any:
        with torch_on_one_thread():
            return alone(series, horizon=horizon)

    model.forecast = forecast
    return model
