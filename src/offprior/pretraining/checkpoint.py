"""The checkpoints of one training seed: what resumes it, and what answers with it.

``state.safetensors`` alone resumes a run: weights, optimiser and step in one file, so that no two files can disagree.
``model.safetensors`` holds the weights for whoever only wants to predict.
"""

import hashlib
import json
import os
import platform
from pathlib import Path
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Int

from offprior.errors import OffpriorError
from offprior.mixture import Mixture
from offprior.models.model import Model, Network
from offprior.networks.weights import read_about, read_arrays, write_arrays
from offprior.predictors.pretrained import Pretrained
from offprior.pretraining.training import Training
from offprior.recipe_parts import plain

STATE = "state.safetensors"
MODEL = "model.safetensors"


class State(NamedTuple):
    """Everything that training changes."""

    network: Network
    optimiser: Any
    step: Int[Array, ""]
    drawn: Int[Array, " families"]
    """Training prompts drawn of each family so far."""


def seed_folder(folder: Path, seed: int) -> Path:
    """Where the checkpoints of a training seed lie in a run's folder."""
    return folder / f"seed-{seed}"


def save(folder: Path, seed: int, state: State, fingerprint: str) -> None:
    """Write the checkpoints of a seed; each file appears whole or not at all."""
    about = {"seed": seed, "step": int(state.step), "fingerprint": fingerprint, "machine": machine()}
    here = seed_folder(folder, seed)
    write_arrays(here / STATE, state, about)
    write_arrays(here / MODEL, state.network, about)


def load(folder: Path, seed: int, like: State, fingerprint: str) -> tuple[State, str | None]:
    """The last checkpoint of a seed, and a line to show where bit-for-bit equality no longer holds.

    Raises:
        OffpriorError: it was made under other settings, or cannot be read.
    """
    path = seed_folder(folder, seed) / STATE
    about = read_about(path)
    if about["fingerprint"] != fingerprint:
        raise OffpriorError(f"{path}: it was trained under other settings; choose another --out, or leave out --resume")
    state, about = read_arrays(path, like)
    here, there = machine(), about["machine"]
    changed = [f"{name} {there.get(name)} -> {here[name]}" for name in here if here[name] != there.get(name)]
    if changed:
        return state, f"{path}: resumed, but not bit for bit: {', '.join(changed)}"
    return state, None


def steps_done(folder: Path, seed: int) -> int:
    """How many steps the weights of a seed have been trained.

    Raises:
        OffpriorError: the checkpoint is missing or torn.
    """
    return int(read_about(seed_folder(folder, seed) / MODEL)["step"])


def machine() -> dict[str, str]:
    """What bit-for-bit resumption depends on."""
    return {
        "jax": jax.__version__,
        "device": jax.devices()[0].device_kind,
        "processor": platform.machine(),
        "threads": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "flags": os.environ.get("XLA_FLAGS", ""),
    }


def fingerprint(model: Model, mixture: Mixture, training: Training) -> str:
    """A hash of all the settings that a training run depends on, its numbers included."""
    settings = json.dumps([plain(model), plain(mixture), plain(training)], sort_keys=True)
    return hashlib.sha256(settings.encode()).hexdigest()[:16]


def read_pretrained(folder: Path, seed: int, model: Model, mixture: Mixture, training: Training) -> Pretrained:
    """The predictor that a seed's last checkpoint holds.

    Raises:
        OffpriorError: the checkpoint is missing, torn, or of another model.
    """
    like = model.skeleton(dimension=mixture.dimension, points=training.points)
    network, _ = read_arrays(seed_folder(folder, seed) / MODEL, like)
    limit = model.longest(training.points)
    return Pretrained(network, mixture, trained_to=training.points, limit=limit, seed=seed)
