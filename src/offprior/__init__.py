"""What does an in-context learner do when the prompt lies outside everything it was pretrained on?

Names resolve on first use, so that importing `offprior`, or asking the command line for help, imports no jax.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

MODULE_OF = {
    "Mixture": "mixture",
    "Fixed": "laws",
    "Uniform": "laws",
    "Normal": "laws",
    "LogUniform": "laws",
    "Rayleigh": "laws",
    "Evenly": "laws",
    "Affine": "input_laws",
    "Skewed": "input_laws",
    "Subspace": "input_laws",
    "FirstCoordinates": "input_laws",
    "OrthogonalQueries": "input_laws",
    "OppositeOrthants": "input_laws",
    "Ordered": "input_laws",
    "Evened": "input_laws",
    "Mixed": "input_laws",
    "SubInterval": "interval_laws",
    "OneSided": "interval_laws",
    "pretrain": "pretraining.loop",
    "pretrain_population": "pretraining.loop",
    "Member": "pretraining.population",
    "Training": "pretraining.training",
    "evaluate": "evaluation.evaluate",
    "panel": "evaluation.panel",
    "Table": "table",
    "Recipe": "recipe",
    "read_recipe": "recipe",
    "Run": "api",
    "run": "api",
    "OffpriorError": "errors",
    "SettingError": "errors",
}
"""Names that are no parts; a part (`op.Linear`, `op.Transformer`, `op.Bayes`) is found by its file."""

PARTS_AT_THE_TOP = ("families", "models", "predictors")
FOLDERS_AT_THE_TOP = ("families", "models", "predictors", "probes", "figures")


def __getattr__(name: str) -> Any:
    if name in FOLDERS_AT_THE_TOP:
        return importlib.import_module(f"offprior.{name}")
    found = getattr(importlib.import_module(f"offprior.{MODULE_OF[name]}"), name) if name in MODULE_OF else _part(name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    catalog = importlib.import_module("offprior.catalog")
    classes = [catalog.class_name(part) for folder in PARTS_AT_THE_TOP for part in catalog.names(folder)]
    return sorted({*globals(), *MODULE_OF, *FOLDERS_AT_THE_TOP, *classes})


def _part(name: str) -> Any:
    # Words in lower case are asked for by `from offprior import catalog` too, before modules are looked for.
    if name[:1].isupper():
        catalog = importlib.import_module("offprior.catalog")
        for folder in PARTS_AT_THE_TOP:
            for part in catalog.names(folder):
                if catalog.class_name(part).lower() == name.lower():
                    return catalog.find(folder, part)
    raise AttributeError(f"module 'offprior' has no attribute {name!r}")
