"""TabICL's regressor: `tabicl:CHECKPOINT` or `tabicl:FILE`, with settings in brackets (tested with tabicl 2.2.0)."""

# pyright: reportMissingImports=false

import os
from pathlib import Path

import numpy as np

from offprior.adapters.declared import Declared
from offprior.adapters.tabular import DEFAULT, fitted_once, made, parsed, rising, wrapped_regressor
from offprior.adapters.weights import load_weights
from offprior.adapters.wrapped import LEVELS, Wrapped
from offprior.errors import Problem, SettingError

CAPTION = "TabICL's regressor by checkpoint (default, or its name) or by a file of its weights; settings in brackets"
EXAMPLE = "tabicl:default(n_estimators=4)"
NEEDS = ("tabicl", "torch")
INSTALL = "pip install 'offprior[tabicl]'"

MIDPOINTS = (np.arange(200) + 0.5) / 200
"""Levels of quantiles, each as likely as the other, whose spread is the variance (1% too small for a normal law)."""
REMEDY = "fit TabICLRegressor once in Python, where there is a network, or give a file of its weights, tabicl:FILE.ckpt"


def load(rest: str, declared: Declared) -> Wrapped:
    """Returns TabICL's regressor, fitted to every context: its mean and quantiles.

    The variance is that of its quantiles. `predict(output_type="variance")` of tabicl 2.2.0 is not used: it scales a
    variance back to the units of y as if it were a value.

    Args:
        rest: `default`, the name of a checkpoint, or a file of weights; then settings of `TabICLRegressor` in brackets.
        declared: what the user says about it; it is `trained` unless that says otherwise.

    Raises:
        SettingError: there is no such file, or the settings are refused.
        OffpriorError: the weights cannot be downloaded or read.
    """
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from tabicl import TabICLRegressor

    what, settings = parsed(rest, EXAMPLE)
    address, further = f"tabicl:{rest}", {}
    if Path(what).is_file():
        load_weights(what, trust=declared.trust)
        further = {"model_path": str(what), "allow_auto_download": False}
    elif what.startswith("tabicl-regressor"):
        further = {"checkpoint_version": what}
    elif what != DEFAULT:
        names = f"a checkpoint (tabicl-regressor-….ckpt) nor {DEFAULT!r}"
        raise SettingError(Problem("", f"{address}: {what} is neither a file nor the name of {names}"))
    regressor = made(address, TabICLRegressor, {**settings, **further})
    fitted_once(address, regressor, REMEDY)
    if hasattr(regressor, "_load_model"):
        regressor._load_model = lambda: None  # every fit would read the weights again
    levels = [*LEVELS, *MIDPOINTS]

    def ask(x: np.ndarray, y: np.ndarray, queries: np.ndarray) -> dict[str, np.ndarray]:
        found = regressor.fit(x, y).predict(queries, output_type=["mean", "quantiles"], alphas=levels)
        quantiles = np.asarray(found["quantiles"], float)
        return {
            "mean": found["mean"],
            "variance": quantiles[:, len(LEVELS) :].var(axis=1),
            "quantiles": rising(quantiles[:, : len(LEVELS)]),
        }

    return wrapped_regressor(ask, "TabICL", what, settings, declared, LEVELS)
