"""TabPFN's regressor: `tabpfn:VERSION` or `tabpfn:FILE`, with settings in brackets (tested with tabpfn 9.2.0)."""

# pyright: reportMissingImports=false

import os
from pathlib import Path
from typing import Any

import numpy as np

from offprior.adapters.bar_distribution import BarDistribution
from offprior.adapters.declared import Declared
from offprior.adapters.tabular import DEFAULT, fitted_once, made, parsed, rising, wrapped_regressor
from offprior.adapters.weights import load_weights
from offprior.adapters.wrapped import LEVELS, Wrapped
from offprior.errors import Problem, SettingError

CAPTION = "TabPFN's regressor by version (default, v2, …) or by a file of its weights; settings in brackets"
EXAMPLE = "tabpfn:v2(n_estimators=4)"
NEEDS = ("tabpfn", "torch")
INSTALL = "pip install 'offprior[tabpfn]'"

QUIET = {"TABPFN_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TABPFN_NO_BROWSER": "1"}
"""No reports to anybody, which 9.2.0 makes none of itself, and no browser window for its licence."""
KEPT = {"TABPFN_MODEL_CACHE_SIZE": "1"}
"""The weights are built once, not for every prompt."""
REMEDY = (
    "accept the licence and fit TabPFNRegressor once in Python, where there is a network, or set TABPFN_TOKEN, "
    "or give a file of its weights, tabpfn:FILE.ckpt"
)


def load(rest: str, declared: Declared) -> Wrapped:
    """Returns TabPFN's regressor, fitted to every context: its mean, its quantiles, its bar distribution's variance.

    Args:
        rest: `default`, a version as v2 or v3.5, or a file of weights; then settings of `TabPFNRegressor` in brackets.
        declared: what the user says about it; it is `trained` unless that says otherwise.

    Raises:
        SettingError: there is no such version or file, or the settings are refused.
        OffpriorError: the weights cannot be downloaded or read.
    """
    for name, value in {**QUIET, **KEPT}.items():
        os.environ.setdefault(name, value)
    from tabpfn import TabPFNRegressor
    from tabpfn.constants import ModelVersion

    what, settings = parsed(rest, EXAMPLE)
    versions: dict[str, Any] = {str(version.value): version for version in ModelVersion}
    address = f"tabpfn:{rest}"
    if Path(what).is_file():
        load_weights(what, trust=declared.trust)  # refuses code; TabPFN leaves that to PyTorch's default
        regressor = made(address, TabPFNRegressor, {**settings, "model_path": str(what)})
    elif what in versions:
        regressor = made(
            address, lambda **given: TabPFNRegressor.create_default_for_version(versions[what], **given), settings
        )
    elif what == DEFAULT:
        regressor = made(address, TabPFNRegressor, settings)
    else:
        known = ", ".join([DEFAULT, *versions])
        raise SettingError(Problem("", f"{address}: {what} is neither a file nor a version ({known})"))
    fitted_once(address, regressor, REMEDY)

    def ask(x: np.ndarray, y: np.ndarray, queries: np.ndarray) -> dict[str, np.ndarray]:
        full = regressor.fit(x, y).predict(queries, output_type="full", quantiles=list(LEVELS))
        bars = BarDistribution(full["criterion"].borders.detach().cpu().double().numpy(), full_support=True)
        _, variance = bars.moments(full["logits"].detach().cpu().double().numpy())
        quantiles = np.stack(full["quantiles"], axis=1)
        return {"mean": full["mean"], "variance": variance, "quantiles": rising(quantiles)}

    return wrapped_regressor(ask, "TabPFN", what, settings, declared, LEVELS)
