"""WHAT is learned: one function class per file; `family.py` defines their interface."""

from typing import Any

from offprior import catalog


def __getattr__(name: str) -> Any:
    return catalog.attribute("families", name)
