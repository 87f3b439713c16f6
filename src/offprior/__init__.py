"""What does an in-context learner do when the prompt lies outside everything it was pretrained on?

Names resolve on first use, so that importing `offprior`, or asking the command line for help, imports no jax.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

MODULE_OF = {
    "Mixture": "mixture",
    "pretrain": "pretraining.pretrain",
    "pretrain_population": "pretraining.pretrain",
    "Member": "pretraining.population",
    "Training": "pretraining.training",
    "evaluate": "evaluation.evaluate",
    "audit": "evaluation.audit",
    "panel": "evaluation.comparison_panel",
    "gap": "evaluation.gap",
    "implied_prior": "evaluation.implied_prior",
    "ImpliedPrior": "evaluation.implied_prior",
    "Table": "table",
    "wrap": "adapters.wrapped",
    "read_garg": "adapters.garg",
    "write_garg": "adapters.garg",
    "wrap_forecaster": "adapters.forecast",
    "wrap_text": "adapters.text_predictor",
    "Recipe": "recipe.recipe",
    "read_recipe": "recipe.recipe",
    "Run": "commands.stored_run",
    "run": "commands.run",
    "OffpriorError": "errors",
    "SettingError": "errors",
}
"""Names that are not parts; a part (`op.Linear`, `op.Transformer`, `op.Bayes`) is found by its file."""

PARTS_AT_THE_TOP = ("families", "models", "predictors", "laws", "input_laws")
FOLDERS_AT_THE_TOP = (*PARTS_AT_THE_TOP, "probes", "figures")


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
    # Lower-case names are also looked up by `from offprior import catalog`, before modules are searched.
    if name[:1].isupper():
        catalog = importlib.import_module("offprior.catalog")
        for folder in PARTS_AT_THE_TOP:
            for part in catalog.names(folder):
                if catalog.class_name(part).lower() == name.lower():
                    return catalog.find(folder, part)
    raise AttributeError(f"module 'offprior' has no attribute {name!r}")
