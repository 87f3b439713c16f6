"""Posteriors of families with two laws or more to integrate, beside sums over dense grids.

    python bench/two_laws.py [--prompts 8] [--slow]

Each row is a family, a number of pairs and a noise. For every prompt the engine's posterior is compared with that of
`brute_force.py`: the largest difference of log-evidences in nats, of posterior means in posterior standard deviations,
and of variances as a share; beside them the engine's own estimated error of the evidence, and its time for a posterior,
once compiled, with all prompts in one call. `--slow` adds rows whose grids take minutes.
"""

import argparse
import functools
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from brute_force import Answer, extrapolated, free_columns, known_waves, midpoints

from offprior.families.combination import Combination
from offprior.families.family import Family
from offprior.families.sinusoid import Sinusoid
from offprior.laws.uniform import Uniform
from offprior.mixture import Mixture, draw_prompts
from offprior.posterior import posterior

QUERIES = 16
TURN = 2 * np.pi


class Case(NamedTuple):
    """A family, and its posterior by a grid with so many cells on each axis."""

    name: str
    family: Family
    grid: Callable[..., Answer]
    sizes: tuple[tuple[int, float, int], ...]
    """Pairs, noise, cells."""


def phase_and_frequency(x: np.ndarray, y: np.ndarray, queries: np.ndarray, noise: float, cells: int) -> Answer:
    """Waves of amplitude 1."""
    return known_waves(x, y, queries, noise, midpoints(0.5, 1.5, cells), midpoints(0, TURN, cells))


def two_frequencies(x: np.ndarray, y: np.ndarray, queries: np.ndarray, noise: float, cells: int) -> Answer:
    """Half of a wave of one family and half of one of another."""

    def columns(u: np.ndarray, v: np.ndarray, at: np.ndarray) -> np.ndarray:
        return np.stack([f(each[:, None] * at) / 2 for each in (u, v) for f in (np.sin, np.cos)], 1)

    return free_columns(columns, None, midpoints(1, 3, cells), midpoints(4, 6, cells), x, y, queries, noise)


def frequency_and_offset(x: np.ndarray, y: np.ndarray, queries: np.ndarray, noise: float, cells: int) -> Answer:
    """Waves around a level anywhere between −1 and 1."""

    def columns(u: np.ndarray, v: np.ndarray, at: np.ndarray) -> np.ndarray:
        return np.stack([f(u[:, None] * at) for f in (np.sin, np.cos)], 1)

    def level(u: np.ndarray, v: np.ndarray, at: np.ndarray) -> np.ndarray:
        return np.broadcast_to(v[:, None], (len(v), len(at)))

    return free_columns(columns, level, midpoints(1, 3, cells), midpoints(-1, 1, cells), x, y, queries, noise)


def three_laws(x: np.ndarray, y: np.ndarray, queries: np.ndarray, noise: float, cells: int) -> Answer:
    """Waves of an amplitude between a half and two."""
    frequencies, phases = midpoints(1, 2, cells), midpoints(0, TURN, cells)
    return known_waves(x, y, queries, noise, frequencies, phases, midpoints(0.5, 2, cells))


PLAIN = ((1, 0.1, 1000), (5, 0.1, 1000), (20, 0.1, 1500), (60, 0.1, 2000), (60, 0.03, 4000))
CASES = (
    Case(
        "fixed amplitude: phase and frequency",
        Sinusoid(amplitude=1.0, frequency=Uniform(0.5, 1.5)),  # type: ignore[arg-type]
        phase_and_frequency,
        PLAIN,
    ),
    Case("sum of two waves: two frequencies", Combination(Sinusoid(), Sinusoid(frequency=Uniform(4.0, 6.0)), 0.5),
         two_frequencies, ((3, 0.3, 300), (10, 0.1, 400), (20, 0.1, 400))),
    Case("uniform offset: offset and frequency", Sinusoid(offset=Uniform(-1.0, 1.0)), frequency_and_offset,
         ((3, 0.3, 300), (20, 0.1, 400))),
    Case("uniform amplitude: phase, frequency and amplitude",
         Sinusoid(amplitude=Uniform(0.5, 2.0), frequency=Uniform(1.0, 2.0)), three_laws,
         ((5, 0.3, 250), (20, 0.1, 400))),
)  # fmt: skip
SLOW = ((20, 0.01, 10_000), (60, 0.003, 40_000))
"""Of the first case."""


class Row(NamedTuple):
    """The largest differences over prompts."""

    evidence: float
    """Nats."""
    mean: float
    """Posterior standard deviations."""
    variance: float
    """Share."""
    estimated: float
    seconds: float


def compared(case: Case, pairs: int, noise: float, cells: int, prompts: int) -> Row:
    """The engine beside the grid."""
    drawn = draw_prompts(Mixture([case.family], noise=noise), jax.random.key(3), prompts, pairs, QUERIES)
    x, y, queries = (np.asarray(each, np.float64) for each in drawn[:3])
    groups = [case.family.components()]
    for _ in range(2):
        start = time.perf_counter()
        found = posterior(groups, x, y, queries, [pairs], noise)
        seconds = (time.perf_counter() - start) / prompts
    exact = [
        extrapolated(functools.partial(case.grid, x[k, :, 0], y[k], queries[k, :, 0], noise), cells)
        for k in range(prompts)
    ]
    evidence, mean, variance = (np.stack(each) for each in zip(*exact, strict=True))
    return Row(
        np.abs(found.log_evidence[:, 0, 0] - evidence).max(),
        (np.abs(found.mean[:, 0, 0] - mean) / np.sqrt(variance)).max(),
        np.abs(found.variance[:, 0, 0] / variance - 1).max(),
        found.quadrature_error.max(),
        seconds,
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--slow", action="store_true", help="with the finest grids too")
    options = parser.parse_args(arguments)
    print("| prior, and what is integrated | pairs | noise | evidence, nats | mean, sd | variance | estimated | ms |")
    print("|---|---|---|---|---|---|---|---|")
    for place, case in enumerate(CASES):
        for pairs, noise, cells in (*case.sizes, *(SLOW if options.slow and place == 0 else ())):
            row = compared(case, pairs, noise, cells, options.prompts)
            numbers = " | ".join(f"{each:.0e}" for each in row[:4])
            print(f"| {case.name} | {pairs} | {noise:g} | {numbers} | {1000 * row.seconds:.1f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
