"""S beside a model, B and C on the demo's mixture, between the context's points and beyond them.

    python bench/smoother.py [--run runs/mueller-2023] [--tasks 256]

Convex combinations of the demo's lines and sinusoids with inputs as trained, and with a context in [−5, 1] and queries
in [1, 5]: NMSE of the run's models, of B, of C, which knows the combinations, and of S, which knows no family.
Without a run there is no model. How long S takes is in `offprior bench inference`.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

import offprior as op
from offprior.console.progress import Silence
from offprior.input_laws.one_sided import OneSided
from offprior.recipe.recipe import read

DEMO = "mueller-2023"
LENGTHS = (10, 20, 40)
CELLS = [("convex", 10, 0.3), ("convex", 20, 0.3), ("convex", 40, 0.2)]
CELLS += [("convex, one-sided 0.6", length, a) for length, a in ((20, 0.2), (20, 0.5), (40, 0.0))]
"""Those of the table in docs/smoother.md: a probe, a context length, the weight a of the line."""


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    console = Console()
    mixture = read(DEMO).mixture
    models = op.Run(options.run).models() if options.run else []
    probes = [op.probes.Convex(0, 0.5, count=6, inputs=law) for law in (None, OneSided(mixture.inputs, share=0.6))]
    rows = op.evaluate(models, probes, LENGTHS, mixture=mixture, tasks=options.tasks, progress=Silence()).to_pandas()
    console.print(
        "| probe | pairs | a | between | model | B | C | S |\n|---|---|---|---|---|---|---|---|", markup=False
    )
    for probe, length, strength in CELLS:
        cell = rows[(rows["probe"] == probe) & (rows["length"] == length) & np.isclose(rows["strength"], strength)]
        errors = [_nmse(cell[cell["predictor"] == name]) for name in ("model", "B", "C", "S")]
        between = cell["between"].mean()
        numbers = " | ".join(f"{error:.3f}" for error in errors)
        console.print(
            f"| {probe} | {length} | {strength:g} | {between:.2f} | {numbers} |", highlight=False, soft_wrap=True
        )
    return 0


def _nmse(rows: pd.DataFrame) -> float:
    variance = rows["truth_square"].mean() - rows["truth_mean"].mean() ** 2
    return float(rows["squared_error"].mean() / variance) if len(rows) else float("nan")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="smoother.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="a pretrained run's folder")
    parser.add_argument("--tasks", type=int, default=256, help="prompts per cell")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
