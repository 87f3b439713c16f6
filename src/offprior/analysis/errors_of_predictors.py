"""The normalised error of every predictor in every cell, for mixtures without a B to judge by; no jax."""

import pandas as pd

from offprior.analysis.cells import CELL, cells
from offprior.columns import is_reference

ERRORS = [*CELL, "predictor", "value", "low", "high"]


def errors(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns one row per cell and predictor, without references: NMSE against the truth, with its 95% interval.

    The interval is over tasks, and also over training seeds if there are several.
    """
    found = []
    for predictor in rows["predictor"].unique():
        if is_reference(str(predictor)):
            continue
        for key, cell in cells(rows, str(predictor)).items():
            error = cell.nmse(str(predictor))
            low, high = error.interval()
            found.append((*key, str(predictor), error.value, low, high))
    return pd.DataFrame(found, columns=ERRORS)
