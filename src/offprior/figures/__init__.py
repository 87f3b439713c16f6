"""WHAT a reader sees: one figure a file, drawn from stored tables; `figure.py` says what each has to offer."""

from typing import Any

from offprior import catalog


def __getattr__(name: str) -> Any:
    return catalog.attribute("figures", name)
