"""The checkpoints of one training seed: one file to resume from, others to predict with.

``state-<step>.safetensors`` alone resumes a run: it holds weights, optimiser and step in one file, so that no two files
can disagree. The last two are kept, so that a torn file loses little. ``model.safetensors`` holds only the weights, for
predictions; ``weights-<step>.safetensors`` holds those of a trajectory.
"""

import hashlib
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from offprior.compute import devices
from offprior.compute.precision import single
from offprior.errors import OffpriorError
from offprior.mixture import Mixture
from offprior.models.model import Model, Network
from offprior.predictors.pretrained import Pretrained
from offprior.pretraining.step import State
from offprior.pretraining.training import Training
from offprior.recipe.parts import plain
from offprior.storage.arrays import UnreadableError, read_about, read_arrays, write_arrays

MODEL = "model.safetensors"
KEPT = 2
"""How many states of a seed are kept."""


def seed_folder(folder: Path, seed: int) -> Path:
    """Returns the folder of a training seed's checkpoints in a run's folder."""
    return folder / f"seed-{seed}"


def state_files(folder: Path, seed: int) -> list[Path]:
    """Returns the states of a seed that can be resumed, the newest first."""
    return sorted(seed_folder(folder, seed).glob("state-*.safetensors"), reverse=True)


def state_file(folder: Path, seed: int, step: int) -> Path:
    """Returns the file of a seed's state after `step` steps."""
    return seed_folder(folder, seed) / f"state-{step:09}.safetensors"


def weights_file(folder: Path, seed: int, step: int) -> Path:
    """Returns the file of a seed's weights after `step` steps, in a run that keeps a trajectory."""
    return seed_folder(folder, seed) / f"weights-{step:09}.safetensors"


def save(folder: Path, seed: int, state: State, network: Network, fingerprint: str) -> None:
    """Writes the checkpoint of a seed, each file whole or not at all, and removes old ones.

    `network` holds the weights to predict with.

    Raises:
        OffpriorError: it cannot be written; the last good checkpoint is left as it was.
    """
    about = _about(seed, state, fingerprint)
    write_arrays(state_file(folder, seed, about["step"]), state, about)
    write_arrays(seed_folder(folder, seed) / MODEL, network, about)
    written = state_file(folder, seed, about["step"])
    # Names sort by step. A state of a later step is torn: it was passed over when this run was resumed.
    later = [path for path in state_files(folder, seed) if path.name > written.name]
    for old in [*later, *state_files(folder, seed)[len(later) + KEPT :]]:
        old.unlink(missing_ok=True)


def save_weights(folder: Path, seed: int, state: State, network: Network, fingerprint: str) -> None:
    """Writes only the weights, as a point of a trajectory that is kept."""
    about = _about(seed, state, fingerprint)
    write_arrays(weights_file(folder, seed, about["step"]), network, about)


def check_unused(folder: Path, seed: int) -> None:
    """Checks that a new training of this seed would not overwrite anything.

    Raises:
        OffpriorError: there are checkpoints.
    """
    found = state_files(folder, seed)
    if found:
        raise OffpriorError(
            f"{found[0]}: there is a checkpoint already; continue with resume=True, or choose a new folder"
        )


def load(folder: Path, seed: int, like: State, fingerprint: str, warn: Callable[[str], None]) -> State | None:
    """Returns the last good checkpoint of a seed, or None if there is none yet.

    `warn` receives a line if a checkpoint had to be passed over, or the machine has changed.

    Raises:
        OffpriorError: the checkpoint was made under other settings; there are checkpoints, but none can be read.
    """
    passed_over: list[str] = []
    for path in state_files(folder, seed):
        try:
            about = read_about(path)
            if about["fingerprint"] != fingerprint:
                remedy = "choose another --out, or leave out --resume"
                raise OffpriorError(f"{path}: trained with other settings{_difference(path, like)}; {remedy}")
            state, about = read_arrays(path, like)
        except UnreadableError as error:
            passed_over.append(str(error))
            continue
        if passed_over:
            warn(f"{'; '.join(passed_over)}; using the checkpoint of step {about['step']}")
        here, there = machine(), about["machine"]
        changed = [f"{name} {there.get(name)} -> {here[name]}" for name in here if here[name] != there.get(name)]
        if changed:
            warn(f"{path}: resumed, but not bit for bit: {', '.join(changed)}")
        return state
    if passed_over:
        raise OffpriorError(
            f"{'; '.join(passed_over)}; no readable checkpoint is left; remove {seed_folder(folder, seed)}"
        )
    return None


def mend(folder: Path, seed: int, state: State, network: Network, fingerprint: str) -> None:
    """Rewrites a seed's weights for predictions if they are missing, torn or of a step other than that of `state`."""
    path, about = seed_folder(folder, seed) / MODEL, _about(seed, state, fingerprint)
    try:
        if read_about(path)["step"] == about["step"]:
            read_arrays(path, network)
            return
    except OffpriorError:
        pass
    write_arrays(path, network, about)


def steps_done(folder: Path, seed: int) -> int:
    """Returns how many steps the weights of a seed have been trained for.

    Raises:
        OffpriorError: the checkpoint is missing or torn.
    """
    return int(read_about(seed_folder(folder, seed) / MODEL)["step"])


def machine() -> dict[str, str]:
    """Returns everything about the machine that bit-for-bit resumption depends on."""
    return {
        "jax": jax.__version__,
        "device": jax.devices()[0].device_kind,
        "devices": str(len(jax.devices())),
        "processes": str(jax.process_count()),
        "processor": platform.machine(),
        "threads": str(devices.cores()),
        "flags": os.environ.get("XLA_FLAGS", ""),
    }


def fingerprint(model: Model, mixture: Mixture, training: Training) -> str:
    """Returns a hash of all settings that a training run depends on, numbers included."""
    settings = json.dumps([plain(model), plain(mixture), plain(training)], sort_keys=True)
    return hashlib.sha256(settings.encode()).hexdigest()[:16]


@single()
def read_pretrained(folder: Path, seed: int, model: Model, mixture: Mixture, training: Training) -> Pretrained:
    """Reads the predictor in a seed's last checkpoint.

    Raises:
        OffpriorError: the checkpoint is missing, torn, or of another model.
    """
    like = model.skeleton(dimension=mixture.dimension, points=training.points)
    network, _ = read_arrays(seed_folder(folder, seed) / MODEL, like)
    limit = model.longest(training.points)
    return Pretrained(network, mixture, trained_to=training.points, limit=limit, seed=seed)


def steps_kept(folder: Path, seed: int) -> list[int]:
    """Returns the steps after which a seed's weights were kept; empty if the run keeps no trajectory."""
    names = (path.stem.removeprefix("weights-") for path in seed_folder(folder, seed).glob("weights-*.safetensors"))
    return sorted(int(name) for name in names if name.isdecimal())


@single()
def at_step(folder: Path, model: Pretrained, step: int, label: str) -> Pretrained:
    """Reads the model after a step whose weights were kept.

    Raises:
        OffpriorError: the weights are missing, torn, or of another model.
    """
    network, _ = read_arrays(weights_file(folder, model.seed, step), model.network)
    settings = {"trained_to": model.trained_to, "limit": model.longest, "seed": model.seed}
    return Pretrained(network, model.mixture, **settings, label=label)


def _about(seed: int, state: State, fingerprint: str) -> dict[str, Any]:
    return {"seed": seed, "step": int(state.step), "fingerprint": fingerprint, "machine": machine()}


def _difference(path: Path, like: State) -> str:
    """Describes the first parameter whose shape differs, if any."""
    try:
        read_arrays(path, like)
    except UnreadableError:
        return ""
    except OffpriorError as error:
        return f" ({str(error).removeprefix(f'{path}: ')})"
    return ""
