"""Laws of real numbers, one per file; `law.py` defines their interface."""

from typing import Any

from offprior import catalog


def __getattr__(name: str) -> Any:
    return catalog.attribute("laws", name)
