"""Time to the gate: how soon a recipe's model is within .01 of the Bayes predictor (M1), by optimiser, schedule, batch.

    python bench/learning.py RECIPE [--variants muon,adamw …] [--every 50] [--out FILE]

M1 is measured on fixed prompts at the recipe's longest context. Steps to the gate do not depend on the machine; seconds
are steps times the median of the variant's own dispatches, evaluation and compilation left out. A variant ends at the
gate, or with its training; `--to-the-end` has all of them end with it.
"""

import argparse
import dataclasses
import json
import statistics
import time
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from offprior.compute.devices import use_one_device_per_core
from offprior.compute.randomness import key_for
from offprior.mixture import draw_prompts
from offprior.predictors.bayes import Bayes
from offprior.predictors.pretrained import Pretrained
from offprior.pretraining.gradient import sharing
from offprior.pretraining.optimiser import predicting
from offprior.pretraining.program import program
from offprior.pretraining.step import initial_state, setting
from offprior.pretraining.training import Training
from offprior.recipe.recipe import Recipe, read

GATE = 0.01
PROMPTS, QUERIES = 256, 64

VARIANTS: dict[str, dict[str, Any]] = {
    "the recipe": {},
    "linear": {"schedule": "linear"},
    "constant": {"schedule": "constant"},
    "half the rate": {"learning_rate": 0.5},
    "twice the rate": {"learning_rate": 2.0},
    "half the batch": {"batch": 0.5, "steps": 2.0},
    "twice the batch": {"batch": 2.0, "steps": 0.5},
    "curriculum of 3": {"curriculum": 3},
    "half the steps": {"steps": 0.5},
    "bfloat16": {"precision": "bfloat16"},
    "adamw at 1e-3": {"optimiser": "adamw", "learning_rate": 1e-3},
    "adamw at 3e-3": {"optimiser": "adamw", "learning_rate": 3e-3},
    "schedule-free at 3e-3": {"optimiser": "schedule-free", "schedule": "constant", "learning_rate": 3e-3},
    "schedule-free at 1e-2": {"optimiser": "schedule-free", "schedule": "constant", "learning_rate": 1e-2},
    "muon at 2e-3": {"optimiser": "muon", "learning_rate": 2e-3},
    "muon at 4e-3": {"optimiser": "muon", "learning_rate": 4e-3},
}
"""What each changes in the recipe; fractions multiply what the recipe has, of a variant that names no optimiser."""


class Gate:
    """M1 on fixed prompts: the mean of (p − B)² over the variance of the truth."""

    def __init__(self, recipe: Recipe):
        self.mixture, self.points = recipe.mixture, recipe.training.points
        prompts = draw_prompts(self.mixture, key_for(1, "gate"), PROMPTS, self.points, QUERIES)
        self.x, self.y, self.queries = (np.asarray(a) for a in (prompts.x, prompts.y, prompts.queries))
        self.family = np.asarray(prompts.family)
        self.truth = np.asarray(prompts.truth, np.float64)
        self.bayes = Bayes(self.mixture).predict_batch(self.x, self.y, self.queries, [self.points]).mean[:, 0]

    def __call__(self, network: Any) -> list[float]:
        """M1, and that of each family's prompts alone."""
        model = Pretrained(network, self.mixture, trained_to=self.points)
        gap = np.square(model.predict_batch(self.x, self.y, self.queries, [self.points]).mean[:, 0] - self.bayes)
        parts = [np.ones_like(self.family, bool), *(self.family == k for k in np.unique(self.family))]
        return [float(gap[part].mean() / self.truth[part].var()) for part in parts]


def changed(training: Training, changes: dict[str, Any]) -> Training:
    """The recipe's training with a variant's changes."""
    values = {field.name: getattr(training, field.name) for field in dataclasses.fields(training)}
    for name, value in changes.items():
        relative = name in ("steps", "batch") or (name == "learning_rate" and "optimiser" not in changes)
        values[name] = type(values[name])(values[name] * value) if relative else value
    return Training(**{**values, "steps_per_dispatch": 25})


def measure(
    recipe: Recipe, training: Training, gate: Gate, every: int, seed: int, to_the_end: bool, console: Console
) -> dict[str, Any]:
    """Train to the gate, or to the end."""
    settings = setting(recipe.mixture, training, seed)
    state = initial_state(recipe.model, settings)
    shared = sharing(training, state.network, training.points_at(0))
    state, settings = shared.replicated((state, settings))
    step, course = 0, []
    spent: dict[int, list[float]] = {}
    while step < training.steps:
        if shared.points != training.points_at(step):
            shared = sharing(training, state.network, training.points_at(step))
        border = min(until for until, _ in training.stages() if until > step)
        end = min(step + training.steps_per_dispatch, border)
        until = jnp.asarray(end, jnp.int32)
        run = program(settings, shared, state, until)
        begun = time.perf_counter()
        state, report = run(settings, state, until)
        jax.block_until_ready(report)
        spent.setdefault(shared.points, []).append((time.perf_counter() - begun) / (end - step))
        step = end
        if step % every == 0 or step == training.steps:
            network, moments = jax.tree.map(
                lambda leaf: np.array(leaf) if eqx.is_array(leaf) else leaf, (state.network, state.optimiser)
            )
            found = gate(jax.tree.map(jnp.asarray, predicting(training, network, moments)))
            course.append([step, *found])
            console.print(
                f"  {step}/{training.steps}: M1 {', '.join(f'{part:.4f}' for part in found)}", highlight=False
            )
            if found[0] <= GATE and not to_the_end:
                break
    # Dispatches of one context length take the same time but for what else the machine does.
    seconds = step * sum(len(each) * statistics.median(each) for each in spent.values()) / sum(map(len, spent.values()))
    reached = next((row[0] for row in course if row[1] <= GATE), None)
    return {"reached": reached, "milliseconds": 1e3 * seconds / step, "course": course, "final": course[-1][1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="names, apart by commas")
    parser.add_argument("--set", action="append", default=[], help="as in offprior run")
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--to-the-end", action="store_true", help="train on beyond the gate")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    use_one_device_per_core()
    recipe, console = read(options.recipe, options.set), Console()
    gate = Gate(recipe)
    names = [name.strip() for name in options.variants.split(",")]
    found: dict[str, Any] = {}
    table = Table(title=f"{recipe.name}: steps and seconds to M1 ≤ {GATE}")
    for column in ("variant", "steps to the gate", "ms a step", "seconds", "last M1"):
        table.add_column(column)
    for name in names:
        for seed in range(options.seeds):
            console.print(f"{name}, seed {seed}", highlight=False)
            training = changed(recipe.training, VARIANTS[name])
            one = measure(recipe, training, gate, options.every, seed, options.to_the_end, console)
            found[f"{name}, seed {seed}"] = one
            steps, each = one["reached"], one["milliseconds"]
            reached = (str(steps), f"{each:.0f}", f"{steps * each / 1e3:.0f}") if steps else ("—", f"{each:.0f}", "—")
            table.add_row(f"{name}, seed {seed}", *reached, f"{one['final']:.4f}")
            if options.out is not None:
                options.out.write_text(json.dumps(found, indent=1) + "\n")
    console.print(table)


if __name__ == "__main__":
    main()
