"""Laws of a prompt's inputs, one per file; `input_law.py` defines their interface."""

from typing import Any

from offprior import catalog


def __getattr__(name: str) -> Any:
    return catalog.attribute("input_laws", name)
