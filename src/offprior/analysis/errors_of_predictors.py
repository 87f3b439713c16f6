"""The normalised error of every predictor in every cell, for mixtures without a B to judge by; no jax."""

import pandas as pd

from offprior.analysis.cells import CELL, cells
from offprior.analysis.estimate import intervals
from offprior.columns import is_reference

ERRORS = [*CELL, "predictor", "value", "low", "high"]


def errors(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns one row per cell and predictor, without references: NMSE against the truth, with its 95% interval.

    The interval is over tasks, and also over training seeds if there are several.
    """
    found, estimates = [], []
    for predictor, own in rows.groupby("predictor", sort=False, observed=True):
        if is_reference(str(predictor)):
            continue
        for key, cell in cells(own, str(predictor)).items():
            estimates.append(cell.nmse(str(predictor)))
            found.append((*key, str(predictor), estimates[-1].value))
    found = [(*row, *ends) for row, ends in zip(found, intervals(estimates), strict=True)]
    return pd.DataFrame(found, columns=ERRORS)
