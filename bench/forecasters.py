"""A forecaster beside B, C and S on a regular grid: the tables of docs/fracast.md.

    python bench/forecasters.py [forecast:fracast] [--lengths 64 256 1024] [--tasks 64] [--out results/fracast]

Contexts are even steps, queries the 48 steps after them (the mixture of the recipe forecast-grid). The forecaster is
asked for convex combinations of a line and a sinusoid, and for sinusoids of frequencies inside and outside the
mixture's range. B knows the mixture, which is not the forecaster's prior; C knows the combinations too.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd
from rich.console import Console

import offprior as op
from offprior.adapters.addresses import predictor_at
from offprior.console.progress import progress_report
from offprior.storage.run_folder import write_text

LENGTHS = (64, 256, 1024)
HORIZON = 48
PLACES = 5, 6
"""Weights a of the line, and frequencies."""
ERRORS = {"fracast": "M2", "B": "bayes_nmse", "C": "combined_nmse", "S": "smoother_nmse"}
GAINS = ("M3", "M4", "M19")
COLUMNS = ["probe", "coordinate", "strength", "length", "inside", "tasks", "failed", "variance"]
COLUMNS += [f"{name}{end}" for name in (*ERRORS.values(), *GAINS) for end in ("", "_low", "_high")]


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    mixture = op.read_recipe("forecast-grid").mixture
    probes = [op.probes.Convex(count=PLACES[0]), op.probes.Frequency(count=PLACES[1])]
    forecaster = predictor_at(options.address)
    found = []
    for length in options.lengths:
        table = op.evaluate(
            forecaster, probes, [length], mixture=mixture, tasks=options.tasks, queries=HORIZON,
            progress=progress_report(),
        )  # fmt: skip
        found.append(table.metrics())
        metrics = pd.concat(found)
        metrics = metrics[[column for column in COLUMNS if column in metrics]].sort_values(
            ["probe", "strength", "length"]
        )
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
            write_text(options.out / "metrics.csv", metrics.to_csv(index=False, float_format="%.6g"))
    Console().print(metrics[["probe", "strength", "length", *ERRORS.values()]].to_string(index=False), soft_wrap=True)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="forecasters.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("address", nargs="?", default="forecast:fracast", help="a forecaster's address")
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS, help="context lengths")
    parser.add_argument("--tasks", type=int, default=64, help="prompts per cell")
    parser.add_argument("--out", type=Path, help="a folder for metrics.csv")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
