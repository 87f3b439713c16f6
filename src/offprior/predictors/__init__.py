"""WHO answers: one predictor per file; `predictor.py` defines their interface."""

from typing import Any

from offprior import catalog


def __getattr__(name: str) -> Any:
    return catalog.attribute("predictors", name)
