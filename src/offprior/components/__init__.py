"""Weighted Gaussian linear models: the single form in which every family states its exact prior."""

from offprior.components.boxes import Locate
from offprior.components.components import (
    FIXED_GRID,
    Columns,
    Components,
    NoClosedForm,
    Subsets,
    approximations,
    distinct,
    equal,
    merged,
)

__all__ = [
    "FIXED_GRID",
    "Columns",
    "Components",
    "Locate",
    "NoClosedForm",
    "Subsets",
    "approximations",
    "distinct",
    "equal",
    "merged",
]
