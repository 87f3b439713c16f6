"""Copies what a paper or a page of the documentation quotes from a run's report into a folder of `results/`.

    python scripts/compact_results.py runs/edelman-2024 results/edelman-2024

Numbers keep six significant digits. A README beside the tables says who trained what, where and when; it is written by
hand.
"""

import sys
from pathlib import Path

import pandas as pd

from offprior.commands.stored_run import Run

TABLES = ("verdicts", "study", "study-seeds", "study-distances", "training-map", "train-test")
MEASURED = ("M1", "M2", "M3", "M4", "M5", "M10", "M19", "M20", "bayes_nmse", "combined_nmse", "smoother_nmse")
"""The metrics that are kept, with the ends of their intervals."""
PLACE = (
    "probe", "coordinate", "strength", "length", "placement", "inside", "prior_low", "prior_high", "seeds", "tasks",
    "interval_over", "unit",
)  # fmt: skip


def main(run: Path, results: Path) -> None:
    """Writes the tables that the run's report has; those of a panel of tokens too."""
    tables = run / "report" / "tables"
    results.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        if (tables / f"{name}.csv").is_file():
            _write(pd.read_csv(tables / f"{name}.csv"), results / f"{name}.csv")
    if (tables / "metrics.csv").is_file():
        _write(_measured(pd.read_csv(tables / "metrics.csv")), results / "metrics.csv")
    stored = Run(run)
    if not (tables / "training-map.csv").is_file():
        for place in stored.places():
            _write(_measured(place.table().metrics()), results / f"{place.folder.name}-metrics.csv")
    if stored.recipe.mixture.vocabulary and not stored.places():
        _write(stored.panels(), results / "panels.csv")


def _measured(rows: pd.DataFrame) -> pd.DataFrame:
    ends = [name + end for name in MEASURED for end in ("", "_low", "_high")]
    kept = [name for name in rows if name in (*PLACE, *ends) or name.startswith("M1: ")]
    return rows[kept]


def _write(rows: pd.DataFrame, file: Path) -> None:
    rows.to_csv(file, index=False, float_format="%.6g")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
