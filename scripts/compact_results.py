"""Copies what a paper or a page of the documentation quotes from a run's report into a folder of `results/`.

    python scripts/compact_results.py runs/edelman-2024 results/edelman-2024
    python scripts/compact_results.py runs/atlas-sklearn-Ridge results/atlas-ridge

Numbers keep six significant digits. A README beside the tables says who trained what, where and when; it is written by
hand.
"""

import json
import sys
from pathlib import Path

import pandas as pd

from offprior.analysis.metrics import metrics
from offprior.commands.stored_run import Run
from offprior.table import Table

TABLES = ("verdicts", "study", "study-seeds", "study-distances", "training-map", "train-test")
OF_UNKNOWN_PRIOR = ("class_distance", "blend_distance", "panel_gap")
"""Further metrics of a predictor whose prior is unknown."""
MEASURED = ("M1", "M2", "M3", "M4", "M5", "M10", "M19", "M20", "bayes_nmse", "combined_nmse", "smoother_nmse")
"""The metrics that are kept, with the ends of their intervals."""
PLACE = (
    "probe", "coordinate", "strength", "length", "placement", "inside", "prior_low", "prior_high", "seeds", "tasks",
    "interval_over", "unit", "verdict", "verdict_fdr", "nearest_class", "nearest", "panel_best", "panel_nmse",
)  # fmt: skip


def main(run: Path, results: Path) -> None:
    """Writes the tables that the run's report has, those of a panel of tokens too, or those of an atlas."""
    if (run / "breaks.csv").is_file():
        of_atlas(run, results)
    else:
        of_run(run, results)


def of_atlas(folder: Path, results: Path) -> None:
    """Writes an atlas's metrics, and where its predictor breaks first."""
    results.mkdir(parents=True, exist_ok=True)
    about = json.loads((folder / "about.json").read_text())
    rows = Table.load(folder / "evaluation.parquet").to_pandas()
    rows["predictor"] = rows["predictor"].replace({about["predictor"]: "model"})
    _write(_measured(metrics(rows, prior_known=about["prior_known"])), results / "metrics.csv")
    _write(pd.read_csv(folder / "breaks.csv"), results / "breaks.csv")


def of_run(run: Path, results: Path) -> None:
    """Writes the tables of a run."""
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
    ends = [name + end for name in (*MEASURED, *OF_UNKNOWN_PRIOR) for end in ("", "_low", "_high")]
    kept = [name for name in rows if name in (*PLACE, *ends) or name.startswith("M1: ")]
    return rows[kept]


def _write(rows: pd.DataFrame, file: Path) -> None:
    rows.to_csv(file, index=False, float_format="%.6g")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
