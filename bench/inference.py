"""Exact posteriors, S, a model's predictions and the whole atlas: what looking at a model takes.

    offprior bench inference [--run runs/mueller-2023] [--repeats 3] [--no-atlas]

Posteriors are those of the demo's mixture (lines and sinusoids) for 1,024 prompts at 40 positions each, from 256 nodes
of the frequency, refined to a relative error of 1e-8. S answers 256 prompts at four context lengths and 64 queries.
Predictions are those of the run's model for 64 prompts at four context lengths and 32 queries, beside a forward pass
for each length and query, which is what users write today. The atlas is that of the run, in a process of its own with
nothing compiled; without a run the model is an untrained one of the demo's shape.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from rich.console import Console

import offprior as op
from offprior.commands.pretrain import pretrain_run
from offprior.compute.devices import use_one_device_per_core
from offprior.evaluation.atlas import LENGTHS, QUERIES, TASKS
from offprior.mixture import Mixture, draw_prompts
from offprior.predictors._references import References
from offprior.predictors.bayes import NODES
from offprior.predictors.pretrained import Pretrained
from offprior.predictors.smoother import Smoother
from offprior.prompt_sampling import Prompts
from offprior.recipe.recipe import read

DEMO = "mueller-2023"


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    use_one_device_per_core()
    console = Console()
    _posteriors(options, console)
    _smoother(options.repeats, console)
    with tempfile.TemporaryDirectory() as folder:
        run = options.run or _untrained(Path(folder) / "run")
        model = op.Run(run).models()[0]
        _predictions(model, options.repeats, console)
        if options.atlas:
            _atlas(run, Path(folder) / "atlas", console)
    return 0


def _posteriors(options: argparse.Namespace, console: Console) -> None:
    mixture = read(DEMO).mixture
    context = _arrays(_prompts(mixture, options.prompts, options.positions, 1))

    def answer() -> None:
        References(mixture).batch(*context, list(range(1, options.positions + 1)))

    first, later = _timed(answer), [_timed(answer) for _ in range(options.repeats)]
    console.print(
        f"exact posteriors, {options.prompts:,} prompts × {options.positions} positions, {NODES} nodes: "
        f"{_of(later)} s; {first:.2f} s with compilation (aimed at: under 2 s)",
        highlight=False,
        soft_wrap=True,
    )


def _smoother(repeats: int, console: Console) -> None:
    context = _arrays(_prompts(read(DEMO).mixture, 256, max(LENGTHS), 64))

    def answer() -> None:
        Smoother().predict_batch(*context, LENGTHS)

    answer()
    times = _of([_timed(answer) for _ in range(repeats)])
    console.print(
        f"S, 256 prompts × {len(LENGTHS)} lengths × 64 queries: {times} s (aimed at: under 1 s)",
        highlight=False,
        soft_wrap=True,
    )


def _predictions(model: Pretrained, repeats: int, console: Console) -> None:
    x, y, queries = _arrays(_prompts(model.mixture, TASKS, max(LENGTHS), QUERIES))

    def at_once() -> None:
        model.predict_batch(x, y, queries, LENGTHS)

    def one_by_one() -> None:
        for length in LENGTHS:
            for query in range(QUERIES):
                model.predict_batch(x[:, :length], y[:, :length], queries[:, query : query + 1], [length])

    ways = [at_once, one_by_one]
    for way in ways:
        way()
    turns = [[_timed(way) for way in ways] for _ in range(repeats)]
    ratios = [slow / fast for fast, slow in turns]
    console.print(
        f"a model's predictions, {TASKS} prompts × {len(LENGTHS)} lengths × {QUERIES} queries: "
        f"{_of([fast for fast, _ in turns])} s; a pass for each position: {_of(ratios)} times as long (aimed at: 10)",
        highlight=False,
        soft_wrap=True,
    )


def _atlas(run: Path, out: Path, console: Console) -> None:
    command = [sys.executable, "-m", "offprior", "atlas", str(run), "--out", str(out)]
    seconds = _timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    places = len(op.Table.load(out / "evaluation.parquet").to_pandas().groupby(["probe", "strength"]))
    console.print(
        f"the whole atlas, {places} places: {seconds:.0f} s (aimed at: under 180 s)", highlight=False, soft_wrap=True
    )


def _untrained(folder: Path) -> Path:
    """A run of the demo's model after a single step."""
    pretrain_run(DEMO, out=folder, overrides=["training.steps=1"], progress=False)
    return folder


def _prompts(mixture: Mixture, count: int, length: int, queries: int) -> Prompts:
    return draw_prompts(mixture, jax.random.key(0), count, length, queries)


def _arrays(prompts: Prompts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y, queries = (np.asarray(array, np.float64) for array in prompts[:3])
    return x, y, queries


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _of(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="offprior bench inference", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, help="a pretrained run's folder")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each")
    parser.add_argument("--prompts", type=int, default=1024, help="of the posteriors")
    parser.add_argument("--positions", type=int, default=40, help="of the posteriors, each a context length")
    parser.add_argument("--no-atlas", dest="atlas", action="store_false", help="leave out the atlas")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
