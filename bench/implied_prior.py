"""The prior that predictors behave as if they had: planted ones first, then a run's models or a predictor's.

    python bench/implied_prior.py
    python bench/implied_prior.py runs/mueller-2023
    python bench/implied_prior.py forecast:fracast --recipe forecast-grid --lengths 16 32 64

prints the tables of docs/your_prior.md. A run is searched on prompts of all frequencies and on its own.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import offprior as op
from offprior.commands.named_predictor import named_predictor
from offprior.predictors.predictor import Predictor
from offprior.recipe.recipe import read
from offprior.storage.run_folder import MANIFEST

GIVEN = op.Mixture(families=[op.Linear(), op.Sinusoid(frequency=(0.5, 1.5))])
PLANTED = [(0.3, (0.6, 1.4)), (0.8, (0.5, 1.2))]
HEAD = "| {} | weight of the first family | lower end | upper end | distance | from the given mixture's B | s |"


def main(what: str | None, recipe: str | None, lengths: Sequence[int]) -> None:
    """Prints one table: of the planted priors if nothing is named."""
    if what is None:
        print(HEAD.format("planted"))
        for weight, frequency in PLANTED:
            families = [op.Linear(), op.Sinusoid(frequency=frequency)]
            planted = op.Bayes(op.Mixture(families=families, weights=[weight, 1 - weight]))
            show(f"{weight}, {frequency[0]} to {frequency[1]}", planted, GIVEN, lengths)
        return
    if (Path(what) / MANIFEST).is_file():
        run = op.Run(what)
        mixture, models = run.recipe.mixture, run.models()
    else:
        mixture = read(recipe or "mueller-2023").mixture
        models = [named_predictor(what, mixture)]
    print(HEAD.format("prompts"))
    for model in models:
        name = f"{model.label}, seed {model.seed}" if model.trained else model.label
        for chosen in dict.fromkeys([tuple(lengths), tuple(lengths[-1:])]):
            for inside in (False, True):
                where = "its own" if inside else "all frequencies"
                show(f"{name}: {where}, {', '.join(map(str, chosen))} pairs", model, mixture, chosen, inside)


def show(name: str, predictor: Predictor, mixture: op.Mixture, lengths: Sequence[int], inside: bool = False) -> None:
    """Prints a row of a table in Markdown."""
    begun = time.perf_counter()
    found = op.implied_prior(predictor, mixture, lengths, inside=inside)
    first = next(iter(found.weights))
    values = [(found.weights[first], found.weight_intervals[first])]
    if found.frequency is not None and found.frequency_intervals is not None:
        values += zip(found.frequency, found.frequency_intervals, strict=True)
    cells = [f"{value:.3g} [{low:.3g}, {high:.3g}]" for value, (low, high) in values]
    away = f"{found.distance:.2g} | {found.reference_distance:.2g}"
    print(f"| {name} | {' | '.join(cells)} | {away} | {time.perf_counter() - begun:.0f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", help="a run's folder, or a predictor's name or address")
    parser.add_argument("--recipe", help="the recipe whose mixture is searched for a predictor")
    parser.add_argument("--lengths", type=int, nargs="+", default=[2, 4, 8], help="context lengths, in pairs")
    given = parser.parse_args()
    main(given.what, given.recipe, given.lengths)
