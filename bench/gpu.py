"""What the engine does on an accelerator; at toy size on a processor, so that the script itself is known to run.

    python bench/gpu.py [--parts utilisation,rivals,population,large,train] [--out FOLDER] [--toy]

- utilisation: arithmetic of the matrix products over the measured bfloat16 peak, at paper size (12/256/8) and small.
- rivals: `bench/training.py` in bfloat16 at 3/64/2 and 12/256/8.
- population: 32 models of 4/128/4 in one program, against one model with 32 times the batch: equally many tokens.
- large: 200 steps of the recipe deepmind-2023-124m.
- train: `offprior run deepmind-2023` to its report.

Each part runs in a process of its own and writes FOLDER/PART.json as soon as it is done.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import training
from contenders.contender import Job, Process

PARTS = ("utilisation", "rivals", "population", "large", "train")
PEAK_SIZE = 8192
"""Of the square matrices whose product is an accelerator's peak."""
LEARNS_FASTER = ("training.optimiser=muon", "training.learning_rate=2e-3", "training.schedule=cosine")
"""In place of Garg et al.'s Adam at 1e-4, which takes 500,000 steps."""


def utilisation(toy: bool) -> dict[str, Any]:
    """Share of the measured peak, by size and batch."""
    found: dict[str, Any] = {}
    for size, batch in [((2, 32, 2), 8)] if toy else [((12, 256, 8), 64), ((12, 256, 8), 512), ((12, 256, 8), 2048)]:
        layers, width, heads = size
        job = Job(layers, width, heads, batch, 40, precision="bfloat16", dispatch=5 if toy else 50)
        process = Process("offprior_engine")
        _, first = process.ask("begin", job)
        peaks, seconds = [], []
        for _ in range(5):
            peaks.append(process.ask("peak", 256 if toy else PEAK_SIZE, 20)[0])
            steps, spent = process.ask("steps", job.dispatch)
            seconds.append(spent / steps)
        process.end()
        peak, step = statistics.median(peaks), statistics.median(seconds)
        key = f"{layers}/{width}/{heads}, batch {batch}"
        share = training.products(job) / step / peak
        found[key] = {"first": first, "step": [step, min(seconds), max(seconds)], "peak": peak, "share of peak": share}
        print(
            f"{key}: {1 / step:.1f} steps/s, {share:.1%} of {peak / 1e12:.2f} TFLOP/s, first {first:.1f} s", flush=True
        )
    return found


def rivals(toy: bool, out: Path) -> dict[str, Any]:
    """Steps beside PyTorch and plain JAX."""
    file = out / "rivals-table.json"
    sizes = (
        ["--sizes", "1/16/2", "--batch", "8", "--repeats", "2", "--steps", "5"]
        if toy
        else ["--sizes", "3/64/2,12/256/8"]
    )
    training.main([*sizes, "--precision", "bfloat16", "--dispatch", "5" if toy else "50", "--out", str(file)])
    return json.loads(file.read_text())


def population(toy: bool) -> dict[str, Any]:
    """Time of a population over that of one model with as many tokens."""
    import jax
    import numpy as np

    from offprior.mixture import Mixture
    from offprior.models.transformer import Transformer
    from offprior.pretraining.gradient import sharing
    from offprior.pretraining.population import stacked_settings, stacked_states
    from offprior.pretraining.program import program
    from offprior.pretraining.step import initial_state, setting
    from offprior.pretraining.training import Training

    members, batch = (4, 4) if toy else (32, 64)
    model = Transformer(layers=1, heads=2, width=16) if toy else Transformer(layers=4, heads=4, width=128)
    mixture, until = Mixture(), np.asarray(10**9, np.int32)
    seconds: dict[str, list[float]] = {"population": [], "one": []}
    runs: dict[str, Any] = {}
    for name, count, each in (("population", members, batch), ("one", 1, members * batch)):
        wanted = Training(steps=10**9, batch=each, points=40, optimiser="adam", steps_per_dispatch=5 if toy else 50)
        settings = [setting(mixture, wanted, seed) for seed in range(count)]
        states = [initial_state(model, one) for one in settings]
        shared = sharing(wanted, states[0].network)
        both = (stacked_states(states), stacked_settings(settings)) if count > 1 else (states[0], settings[0])
        state, fixed = shared.replicated(both)
        runs[name] = [program(fixed, shared, state, until, count), fixed, state]
    for _ in range(6):
        for name, (compiled, fixed, state) in runs.items():
            begun = time.perf_counter()
            runs[name][2], _ = compiled(fixed, state, until)
            jax.block_until_ready(runs[name][2].step)
            seconds[name].append(time.perf_counter() - begun)
    medians = {name: statistics.median(turns[1:]) for name, turns in seconds.items()}
    ratio = medians["population"] / medians["one"]
    print(f"{members} members at once: {ratio:.2f} times one model with as many tokens", flush=True)
    return {"members": members, "batch": batch, "seconds": seconds, "ratio": ratio}


def large(toy: bool, out: Path) -> dict[str, Any]:
    """GPT-2 small, 200 steps; a narrow layer and two steps of it at toy size."""
    smaller = [
        "model.layers=1", "model.width=32", "model.heads=2", "model.hidden=64", "training.steps=2", "training.batch=2",
        "training.points=8", "training.steps_per_dispatch=1", "evaluation.lengths=[8]",
    ]  # fmt: skip
    changes = smaller if toy else ["training.steps=200", "training.steps_per_dispatch=20"]
    return _offprior("pretrain", "deepmind-2023-124m", out / "deepmind-2023-124m", changes)


def train(toy: bool, out: Path) -> dict[str, Any]:
    """The paper's model to the gate, and its report."""
    smaller = [
        "model.layers=1", "model.width=16", "model.hidden=32", "training.steps=20", "training.batch=4",
        "training.points=6", "training.steps_per_dispatch=5", "evaluation.lengths=[2,6]", "evaluation.tasks=8",
        "probes=[convex]",
    ]  # fmt: skip
    changes = smaller if toy else ["training.steps=20000", "training.batch=256", "training.checkpoint_every=2000"]
    return _offprior("run", "deepmind-2023", out / "deepmind-2023", [*LEARNS_FASTER, *changes])


def _offprior(command: str, recipe: str, folder: Path, changes: list[str]) -> dict[str, Any]:
    arguments = [word for change in changes for word in ("--set", change)]
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "offprior", command, recipe, "--out", str(folder), "--resume", *arguments]
    )
    manifest = json.loads((folder / "manifest.json").read_text()) if (folder / "manifest.json").exists() else {}
    return {
        "exit code": done.returncode,
        "seconds": time.perf_counter() - begun,
        "training seconds": manifest.get("training_seconds"),
        "changes": changes,
    }


def main() -> int:
    """Each part in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--out", type=Path, default=Path("gpu-bench"))
    parser.add_argument("--toy", action="store_true", help="toy size, whatever there is")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [part for part in options.parts.split(",") if part not in PARTS]
    if unknown:
        parser.error(f"--parts: there is no {unknown[0]!r}; choose from {', '.join(PARTS)}")
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.here:
        codes = [_in_a_process(part, options) for part in options.parts.split(",")]
        return next((abs(code) for code in codes if code), 0)
    part = options.parts
    takes_folder = part in ("rivals", "large", "train")
    found = globals()[part](options.toy, *([options.out] if takes_folder else []))
    (options.out / f"{part}.json").write_text(
        json.dumps({"machine": _device(), "toy": options.toy, **found}, indent=1) + "\n"
    )
    return int(found.get("exit code", 0))


def _in_a_process(part: str, options: argparse.Namespace) -> int:
    print(f"— {part}", flush=True)
    toy = ["--toy"] if options.toy else []
    arguments = ["--parts", part, "--out", str(options.out), "--here", *toy]
    return subprocess.run([sys.executable, __file__, *arguments]).returncode


def _device() -> str:
    asked = [sys.executable, "-c", "import jax; print(jax.__version__, [d.device_kind for d in jax.devices()])"]
    return subprocess.run(asked, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
