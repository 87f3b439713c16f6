"""PFNs: `pfn:CHECKPOINT`, a file that `train` of automl/PFNs writes (package pfns, version 0.4.2).

The file is a dictionary with `config`, the plain dictionary of a `MainConfig`, and `model_state_dict`. Of the first
only `model` is read, as data: that package's own `from_dict` imports and calls whatever the file names. The package is
not needed.
"""

# pyright: reportMissingImports=false

from pathlib import Path
from typing import Any

import numpy as np

from offprior.adapters.bar_distribution import BarDistribution
from offprior.adapters.declared import Declared
from offprior.adapters.weights import load_weights, state_dict
from offprior.adapters.wrapped import LEVELS, Wrapped, wrap
from offprior.errors import Problem, SettingError, in_a_line

CAPTION = "a PFN that automl/PFNs (pfns 0.4.2) trained: its checkpoint, with a bar distribution"
EXAMPLE = "pfn:checkpoint.pt"
NEEDS = ("torch",)
INSTALL = "pip install 'offprior[pfn]'"

COMPILED = "_orig_mod."
"""What `torch.compile` puts before the names of a state dict."""


def load(rest: str, declared: Declared) -> Wrapped:
    """Returns the PFN in a checkpoint; it answers with means, variances and quantiles of its bar distribution.

    The variance is that of y, with its noise, as PFNs predict it.

    Raises:
        SettingError: there is no such checkpoint, or its architecture is not read; the reason is said.
    """
    path = Path(rest)
    checkpoint = load_weights(path, trust=declared.trust)
    model = _model(checkpoint, path)
    state = {name.removeprefix(COMPILED): value for name, value in state_dict(checkpoint, path).items()}
    predict = _predict(model, state, path)
    dimension = None if model["attention_between_features"] else model["features_per_group"]
    try:
        x = np.arange(3.0)[:, None] * np.ones(model["features_per_group"])
        predict(x[:2], np.arange(2.0), x[2:])
    except (KeyError, StopIteration, RuntimeError, ValueError, TypeError) as error:
        message = f"its weights are not those of its configuration: {in_a_line(error)[:200]}"
        raise SettingError(Problem("", message, str(path))) from None
    trained = declared.trained if declared.trained is not None else True
    settings: dict[str, Any] = {"strict": declared.strict, "trained": trained, "seed": declared.seed}
    return wrap(predict, path.stem, dimension=dimension, thread_safe=True, **settings)


def _model(checkpoint: Any, path: Path) -> dict[str, Any]:
    from offprior.adapters.pfn_network import unread

    config = checkpoint.get("config") if isinstance(checkpoint, dict) else None
    if not isinstance(config, dict) or not isinstance(config.get("model"), dict):
        message = "has no config of a MainConfig (model, priors, …): not a checkpoint of automl/PFNs from 0.4 on"
        raise SettingError(Problem("", message, str(path)))
    model = config["model"]
    try:
        reason = unread(model)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        reason = f"its configuration is incomplete ({error})"
    if reason:
        raise SettingError(Problem("", f"this PFN is not read: {reason}", str(path)))
    return model


def _predict(model: dict[str, Any], state: dict[str, Any], path: Path) -> Any:
    import torch

    from offprior.adapters.pfn_network import logits

    criterion = model["criterion"]
    borders = state.get("criterion.borders", criterion["borders"])
    bars = BarDistribution(np.asarray(borders, float), bool(criterion.get("full_support")))
    state = {name: value.float() for name, value in state.items()}

    def predict(x: np.ndarray, y: np.ndarray, queries: np.ndarray) -> dict[str, np.ndarray]:
        with torch.inference_mode():
            tensors = [torch.as_tensor(each, dtype=torch.float32) for each in (x, y, queries)]
            found = logits(state, model, *tensors).double().numpy()
        mean, variance = bars.moments(found)
        return {"mean": mean, "variance": variance, "quantiles": bars.quantiles(found, LEVELS)}

    return predict
