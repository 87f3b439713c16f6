"""Figures of a run, one per file, drawn from its stored tables; `figure.py` defines the base class."""

from typing import Any

from offprior import catalog


def __getattr__(name: str) -> Any:
    return catalog.attribute("figures", name)
