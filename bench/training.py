"""Training steps of offprior beside what its users would write instead, in turns, in one run.

    offprior bench [--sizes 3/64/2,6/128/4,12/256/8] [--against eager,compiled,jit] [--repeats 5] [--gate]

Every program trains the same decoder (layers/width/heads; Garg et al. 2022) on the same number of fresh prompts of the
demo's mixture with Adam at the same rate. Each runs in a process of its own and waits while another has its turn. A
ratio is void where offprior's error after equally many steps is more than a tenth above the other's.

`--gate` instead measures the time until a model is within .01 of the Bayes predictor (M1, at 40 pairs) on the demo's
mixture: offprior with its recipe `mueller-2023`, the others with a decoder of 4/128/4.

Posteriors, predictions and the atlas: `offprior bench inference --help`.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import platform
import statistics
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from contenders.contender import Job, Process, drawn_on_the_host
from rich.console import Console
from rich.table import Table

CONTENDERS = {
    "offprior": "offprior_engine",
    "eager": "torch_eager",
    "compiled": "torch_compiled",
    "jit": "jax_one_dispatch",
}
WHAT = {
    "offprior": "offprior",
    "eager": "(a) PyTorch eager, host data, .item()",
    "compiled": "(b) PyTorch compiled, device data",
    "jit": "(c) JAX jit, a step a dispatch",
}
NEEDS_TORCH = ("eager", "compiled")
RESERVE = 1.1
"""How much larger offprior's error may be for a ratio to count."""
GATE = 0.01
LENGTHS = (10, 20, 40)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    options = _options(arguments)
    console = Console(width=None if sys.stdout.isatty() else 140)
    names = ["offprior", *(name for name in options.against.split(",") if name)]
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
        left_out = [WHAT[name] for name in names if name in NEEDS_TORCH]
        names = [name for name in names if name not in NEEDS_TORCH]
        if left_out:
            console.print(f"left out, for want of pip install 'offprior[bench]': {'; '.join(left_out)}")
    found: dict[str, Any] = {"date": str(date.today()), "machine": _machine(), "arguments": sys.argv[1:]}
    try:
        if options.gate:
            found["gate"] = time_to_the_gate(names, options, console)
        else:
            found["sizes"] = {size: measure(size, names, options, console) for size in options.sizes.split(",") if size}
    except KeyboardInterrupt:
        console.print("interrupted")
        return 130
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n")
    return 0


def measure(size: str, names: list[str], options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """All contenders at one size: first step, median step, ratios, errors."""
    layers, width, heads = (int(part) for part in size.split("/"))
    job = Job(layers, width, heads, options.batch, options.points, options.rate, precision=options.precision)
    job = job._replace(dispatch=options.dispatch)
    found: dict[str, dict[str, Any]] = {}
    with _processes(names) as processes:
        for name in list(processes):
            with _reported(name, processes, console):
                parameters, first = processes[name].ask("begin", job)
                found[name] = {"parameters": parameters, "first": first, "steps": 1, "turns": []}
                found[name]["about"] = processes[name].ask("about")[0]
        _, seconds = processes["offprior"].ask("steps", job.dispatch)
        found["offprior"]["steps"] += job.dispatch
        count = options.steps or job.dispatch * max(1, round(options.seconds / seconds))
        peaks = []
        for repeat in range(options.repeats):
            if options.peak:
                peaks.append(processes["offprior"].ask("peak")[0])
            for name in list(processes):
                with _reported(name, processes, console):
                    steps, seconds = processes[name].ask("steps", count)
                    found[name]["steps"] += steps
                    found[name]["turns"].append(seconds / steps)
            console.print(f"{size}: turn {repeat + 1} of {options.repeats}, {count} steps each", highlight=False)
        most = max(entry["steps"] for entry in found.values())
        for name in list(processes):
            with _reported(name, processes, console):
                if found[name]["steps"] < most:
                    found[name]["steps"] += processes[name].ask("steps", most - found[name]["steps"])[0]
                found[name]["error"] = _error(processes[name], job)
    result = summary(found, job, peaks)
    _print(size, result, job, console)
    return result


def summary(found: dict[str, dict[str, Any]], job: Job, peaks: list[float]) -> dict[str, Any]:
    """Medians, ranges, ratios turn by turn, and which of them count."""
    ours = found["offprior"]
    peak = statistics.median(peaks) if peaks else None
    result: dict[str, Any] = {"batch": job.batch, "points": job.points, "peak": peak, "contenders": {}}
    for name, entry in found.items():
        if "error" not in entry:
            continue
        turns = entry["turns"]
        step = statistics.median(turns)
        ratios = [theirs / mine for theirs, mine in zip(turns, ours["turns"], strict=True)]
        result["contenders"][name] = {
            "what": WHAT[name],
            "about": entry["about"],
            "parameters": entry["parameters"],
            "steps": entry["steps"],
            "first": entry["first"],
            "step": [step, min(turns), max(turns)],
            "ratio": [statistics.median(ratios), min(ratios), max(ratios)],
            "to 1,000": entry["first"] + 999 * step,
            "to 50,000": entry["first"] + 49_999 * step,
            "error": entry["error"],
            "counts": counts(ours["error"], entry["error"]),
            "share of peak": [products(job) / seconds / peak for seconds in (step, max(turns), min(turns))]
            if peak
            else None,
        }
    return result


def counts(ours: float, theirs: float) -> bool:
    """Is a ratio of times one of equal work? Not where offprior has learnt less by more than a tenth."""
    return ours <= RESERVE * theirs


def products(job: Job) -> float:
    """Floating-point operations of offprior's matrix products in a step: forward, and twice that backward.

    Its last block reads keys and values of every token, and the rest only where a prediction is made: at every x.
    """
    tokens, read, width = 2 * job.pairs, job.pairs, job.width
    block = 2 * tokens * 12 * width * width + 4 * tokens * tokens * width
    last = 2 * (tokens * 2 + read * 10) * width * width + 4 * read * tokens * width
    return 3.0 * job.batch * ((job.layers - 1) * block + last + 2 * read * width)


def time_to_the_gate(names: list[str], options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Seconds of training until M1 ≤ .01 on the demo's mixture, compilation included, evaluation left out."""
    decoder = Job(4, 128, 4, options.batch, 40, options.rate, precision=options.precision)
    x, y = drawn_on_the_host(np.random.default_rng(1), decoder._replace(batch=2048, noise=0.1))
    variance = float((y[:, 40].astype(np.float64)).var() - decoder.noise**2)
    found: dict[str, Any] = {}
    limit = float("inf")
    for name in names:
        with _processes([name]) as processes, _reported(name, processes, console):
            job = decoder._replace(recipe="mueller-2023") if name == "offprior" else decoder
            _, spent = processes[name].ask("begin", job)
            if name == "offprior":
                bayes, _ = processes[name].ask("bayes", x, y, 40)
            steps, course = 1, []
            while True:
                gap = float(np.square(processes[name].ask("predict", x, y, 40)[0] - bayes).mean()) / variance
                course.append([steps, spent, gap])
                console.print(f"{name}: {steps} steps, {spent:.0f} s, M1 {gap:.4f}", highlight=False)
                ended = name == "offprior" and processes[name].ask("remaining")[0] == 0
                if gap <= GATE or spent > limit or ended:
                    break
                more, seconds = processes[name].ask("steps", options.every)
                steps, spent = steps + more, spent + seconds
            reached = course[-1][2] <= GATE
            found[name] = {"reached": reached, "seconds": spent, "steps": steps, "course": course}
            if name == "offprior":
                limit = options.patience * spent
    mine = found["offprior"]["seconds"]
    for name, entry in found.items():
        bound = "" if entry["reached"] else "more than "
        times = f"{bound}{entry['seconds'] / mine:.1f} times offprior's"
        line = f"{WHAT[name]}: {bound}{entry['seconds']:.0f} s ({entry['steps']} steps), {times}"
        console.print(line, highlight=False)
    return found


def _error(process: Process, job: Job) -> float:
    """NMSE on fixed prompts, the mean over some context lengths."""
    x, y = drawn_on_the_host(np.random.default_rng(0), job._replace(batch=1024))
    errors = []
    for length in (length for length in LENGTHS if length <= job.points):
        gap = process.ask("predict", x, y, length)[0] - y[:, length]
        errors.append(float(np.square(gap).mean() / y[:, length].var()))
    return statistics.mean(errors)


@contextlib.contextmanager
def _processes(names: list[str]) -> Iterator[dict[str, Process]]:
    running = {name: Process(CONTENDERS[name]) for name in names}
    everything = list(running.values())
    try:
        yield running
    finally:
        for process in everything:
            process.end()


@contextlib.contextmanager
def _reported(name: str, processes: dict[str, Process], console: Console) -> Iterator[None]:
    """A contender that fails is named and left out; without offprior there is nothing to compare."""
    try:
        yield
    except RuntimeError as error:
        console.print(f"left out: {error}", highlight=False)
        processes.pop(name).end()
        if name == "offprior":
            raise SystemExit(2) from None


def _print(size: str, result: dict[str, Any], job: Job, console: Console) -> None:
    peak = f"; peak {result['peak'] / 1e9:.0f} GFLOP/s" if result["peak"] else ""
    table = Table(title=f"{size}: batch {job.batch}, {job.points} points, {job.precision}{peak}; {_machine()}")
    for column in ("", "first step, s", "ms a step", "times offprior's", "NMSE after", "1,000 steps*", "50,000 steps*"):
        table.add_column(column)
    for entry in result["contenders"].values():
        step, low, high = (1e3 * seconds for seconds in entry["step"])
        ratio, least, most = entry["ratio"]
        share = f", {entry['share of peak'][0]:.0%} of peak" if entry["what"] == "offprior" and result["peak"] else ""
        table.add_row(
            f"{entry['what']}{share}",
            f"{entry['first']:.1f}",
            f"{step:.1f} ({low:.1f}–{high:.1f})",
            f"{ratio:.2f} ({least:.2f}–{most:.2f})" if entry["counts"] else "void",
            f"{entry['error']:.3f}, {entry['steps']} steps",
            f"{entry['to 1,000'] / 60:.1f} min",
            f"{entry['to 50,000'] / 3600:.2f} h",
        )
    console.print(table)
    some = next(iter(result["contenders"].values()))
    about = "; ".join(entry["about"] for entry in result["contenders"].values())
    console.print(f"{some['parameters']:,} parameters; * first step and medians, computed; {about}", highlight=False)


def _machine() -> str:
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores of {name}"


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="offprior bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="3/64/2,6/128/4,12/256/8", help="layers/width/heads, apart by commas")
    parser.add_argument("--against", default="eager,compiled,jit", help="of eager, compiled, jit")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each")
    parser.add_argument("--seconds", type=float, default=6.0, help="about what a turn of offprior takes")
    parser.add_argument("--steps", type=int, default=0, help="of a turn, in place of --seconds; of five")
    parser.add_argument("--dispatch", type=int, default=5, help="steps in a dispatch of offprior")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--points", type=int, default=40)
    parser.add_argument("--rate", type=float, default=1e-3, help="Adam's learning rate")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--no-peak", dest="peak", action="store_false", help="leave out the matrix-product peak")
    parser.add_argument("--gate", action="store_true", help="time to M1 ≤ .01 instead")
    parser.add_argument("--every", type=int, default=50, help="with --gate: steps between two looks")
    parser.add_argument("--patience", type=float, default=6.0, help="with --gate: times offprior's time, then give up")
    parser.add_argument("--out", type=Path, help="write all figures to this JSON file")
    options = parser.parse_args(arguments)
    for name in options.against.split(","):
        if name and name not in CONTENDERS:
            parser.error(f"--against: there is no {name!r}; choose from eager, compiled, jit")
    return options


if __name__ == "__main__":
    sys.exit(main())
