"""WHO answers: one predictor a file; `predictor.py` says what each has to offer."""

from typing import Any

from offprior import catalog


def __getattr__(name: str) -> Any:
    return catalog.attribute("predictors", name)
