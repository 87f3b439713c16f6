"""Recipes that train in a second, and runs of them."""

import copy
import hashlib
import json
import shutil

import shared_folder
from filelock import FileLock

from offprior.commands.run import run
from offprior.commands.stored_run import Run
from offprior.recipe import file as recipe_file

BASE = {
    "title": "A small one",
    "mixture": {"families": ["linear", {"name": "fourier", "harmonics": 1}]},
    "model": {"name": "transformer", "layers": 1, "heads": 2, "width": 16, "positions": "none"},
    "training": {"steps": 12, "batch": 4, "points": 8, "optimiser": "adam", "learning_rate": 1e-2,
                 "steps_per_dispatch": 4, "checkpoint_every": 4},
    "evaluation": {"lengths": [4, 8], "tasks": 8, "queries": 8},
    "probes": [{"name": "convex", "count": 3}],
}  # fmt: skip
WEIGHTS = [
    {"at": 0.5, "set": {"mixture.weights": [0.5, 0.5]}},
    {"at": 0.1, "set": {"mixture.weights": [0.1, 0.9]}},
]
MIDDLE = {"probe": "convex", "strength": 0.5, "length": 8}


def write(folder, name="small", changes=None, **sections):
    """A recipe's file, with settings at dotted keys changed."""
    raw = copy.deepcopy(BASE)
    for key, value in (changes or {}).items():
        section, setting = key.split(".")
        raw[section][setting] = value
    path = folder / f"{name}.yaml"
    path.write_text(recipe_file.dump({**raw, **sections}))
    return path


def carried_out(folder, name="small", seeds=1, changes=None, report=False, **sections):
    """Such a recipe, run; its report takes longer than all the rest, and is left out unless asked for.

    Runs are functions of their recipe and seeds: one that another test of the session has asked for is copied. What a
    run prints, and whether two of the same recipe agree, is tested with `run` itself.
    """
    path = write(folder, name, changes, **sections)
    asked = json.dumps([name, path.read_text(), seeds, report])
    kept = shared_folder.of("runs") / hashlib.sha256(asked.encode()).hexdigest()[:16]
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            made = kept.with_suffix(".made") / name
            run(path, out=made, seeds=seeds, report=report, progress=False)
            made.rename(kept)
    shutil.copytree(kept, folder / "runs" / name)
    return Run(folder / "runs" / name)


def weights(of, seed=0):
    """The bytes of a seed's weights."""
    return (of.folder / f"seed-{seed}" / "model.safetensors").read_bytes()
