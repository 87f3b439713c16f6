"""WHAT is learned: one file per function class; `family.py` says what each has to offer."""

from typing import Any

from offprior import catalog


def __getattr__(name: str) -> Any:
    return catalog.attribute("families", name)
