"""Recipes that train in a second, and runs of them."""

import copy

import pytest

from offprior import api, recipe_file

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
    """Such a recipe, run; its report takes longer than all the rest, and is left out unless asked for."""
    path = write(folder, name, changes, **sections)
    with pytest.MonkeyPatch.context() as patch:
        if not report:
            patch.setattr(api, "_report", lambda *_: None)
        return api.run(path, out=folder / "runs" / name, seeds=seeds, progress=False)


def weights(run, seed=0):
    """The bytes of a seed's weights."""
    return (run.folder / f"seed-{seed}" / "model.safetensors").read_bytes()
