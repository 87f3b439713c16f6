"""The number that a study reads at a place: an estimate of one cell of its rows; no jax."""

import numpy as np
import pandas as pd

from offprior.analysis.cells import Cell, cells
from offprior.analysis.estimate import Estimate, Measured
from offprior.analysis.identification import distance
from offprior.analysis.metrics import by_probe, gate_of, measured
from offprior.columns import MODEL
from offprior.errors import OffpriorError
from offprior.recipe.study import Measure


def estimate(rows: pd.DataFrame, measure: Measure, length: int) -> Estimate | None:
    """Returns the measure at a context length, from the rows of one place; None if it is unknown or was not evaluated.

    Raises:
        OffpriorError: the measure names a predictor that was not evaluated.
    """
    here = rows[rows["length"] == length]
    own = here["probe"] == measure.probe
    if measure.strength is not None:
        own &= np.isclose(here["strength"], measure.strength, rtol=0, atol=1e-9)
    found = cells(here[own], MODEL)
    if not found:
        return None
    key, cell = next(iter(found.items()))
    gates = by_probe(cells(here, MODEL))
    parts = [
        _of_cell(name, key, cell, gate_of(key, cell, gates))
        for name in (measure.name, measure.minus)
        if name is not None
    ]
    if any(part is None for part in parts):
        return None
    first, *taken = [part for part in parts if part is not None]
    # Values that depend on no training seed are repeated for all.
    return (first.minus(taken[0]) if taken else first).for_seeds(len(cell.seeds))


def _of_cell(name: str, key: tuple, cell: Cell, trained: Cell | None) -> Estimate | None:
    sort, _, predictor = name.partition(": ")
    if sort in ("nmse", "distance") and predictor:
        if not cell.has(predictor):
            raise OffpriorError(f"study.measure: {name}: no rows of {predictor!r} at {key[0]}")
        return cell.nmse(predictor) if sort == "nmse" else distance(cell, predictor)
    found = measured(key, cell, trained).get(name)
    if not isinstance(found, Measured) or found.estimate is None:
        return None
    return found.estimate
