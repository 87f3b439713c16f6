"""A predictor's distance from Bayes on the prompts of its own prior (M1), by context length and family; no jax."""

import numpy as np
import pandas as pd

from offprior.analysis.cells import Cell, cells
from offprior.analysis.estimate import Estimate
from offprior.analysis.verdict import M1_GATE, provisional
from offprior.columns import FAILURE, IN_DISTRIBUTION
from offprior.errors import OffpriorError

COLUMNS = (
    *("predictor", "length", "family", "M1", "M1_low", "M1_high", "passes", "error", "error_low", "error_high"),
    *("bayes_error", "tasks", "failed", "seeds", "interval_over", "provisional", "unit"),
)
"""Columns of the result; `error` and `bayes_error` are those of the predictor and of B, as NMSE or in `unit`."""


def own_prior(rows: pd.DataFrame, predictor: str) -> pd.DataFrame:
    """Returns one row per context length and family of the mixture's own prompts.

    M1 of a family is the mean of (p − B)² over the variance of the family's own prompts, its interval is over tasks,
    and over training seeds if there are several (`offprior.analysis.intervals`). `passes` says whether the estimate
    is at most the gate of verdicts. Numbers of a family with fewer than two prompts are unknown.

    Args:
        rows: an evaluation table.
        predictor: the predictor's label.

    Raises:
        OffpriorError: the table has no in-distribution rows of the predictor, or the mixture has no exact posterior.
    """
    own = cells(rows[rows["probe"] == IN_DISTRIBUTION], predictor)
    if not own:
        raise OffpriorError(f"{predictor}: the table has no answers of it to the mixture's own prompts")
    if not any(np.isfinite(cell.column("B", "squared_error")).all() for cell in own.values() if cell.has("B")):
        raise OffpriorError("mixture: it has no exact posterior, so that there is no B to measure a gap from")
    found = [_row(cell, int(key[3]), family) for key, cell in own.items() for family in sorted(set(cell.family))]
    return pd.DataFrame(found, columns=list(COLUMNS)).sort_values(["length", "family"], ignore_index=True)


def _row(cell: Cell, length: int, family: str) -> dict[str, object]:
    gap, error, bayes = (
        cell.of_family(family, *of)
        for of in ((cell.predictor, "bayes_gap"), (cell.predictor, "squared_error"), ("B", "squared_error"))
    )
    return {
        "predictor": cell.predictor,
        "length": length,
        "family": family,
        **_numbers("M1", gap),
        "passes": gap is not None and bool(gap.value <= M1_GATE),
        **_numbers("error", error),
        "bayes_error": np.nan if bayes is None else bayes.value,
        "tasks": int((cell.family == family).sum()),
        "failed": cell.failed if cell.knows(FAILURE) else 0,
        "seeds": cell.trained,
        "interval_over": "training seeds and tasks" if len(cell.seeds) > 1 else "tasks",
        "provisional": provisional(cell.trained),
        "unit": cell.label("unit") or "",
    }


def _numbers(name: str, estimate: Estimate | None) -> dict[str, float]:
    low, high = (np.nan, np.nan) if estimate is None else estimate.interval()
    return {name: np.nan if estimate is None else estimate.value, f"{name}_low": low, f"{name}_high": high}
