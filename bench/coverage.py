"""How often 95% intervals hold the truth, over populations of errors, training seeds and tasks.

    python bench/coverage.py [--samples 4000]

prints the tables of docs/metrics.md. Every row is a population of per-task errors, every number the share of simulated
evaluations whose interval holds the true mean. Seeds add a normal number of their own, `spread` standard deviations of
the population wide, to all tasks; and half as much again as the population itself varies, task by task and seed by
seed, in the rows that say so.
"""

import argparse
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from offprior.evaluation.intervals import ratio
from offprior.evaluation.verdict import FOLLOWS, GENERALISES, SMOOTHS, WORSE, verdict

TASKS = (64, 128, 256)
SEEDS = (1, 3, 5)
SPREADS = (0.03, 0.1, 0.3, 1.0)


class Population(NamedTuple):
    """Errors of single tasks: draws of a shape, their mean and their standard deviation."""

    draw: Callable[[np.random.Generator, Any], np.ndarray]
    mean: float
    deviation: float


def lognormal(sigma: float) -> Population:
    """exp(σz) with a standard normal z."""
    square = np.exp(sigma**2)
    return Population(lambda rng, shape: rng.lognormal(0.0, sigma, shape), square**0.5, (square * (square - 1)) ** 0.5)


def pareto(index: float) -> Population:
    """Lomax: a Pareto law less its least value."""
    deviation = (index / ((index - 1) ** 2 * (index - 2))) ** 0.5
    return Population(lambda rng, shape: rng.pareto(index, shape), 1 / (index - 1), deviation)


def weibull(shape: float) -> Population:
    """A Weibull law of shape ½: the square of an exponential number."""
    return Population(lambda rng, size: rng.weibull(shape, size), 2.0, 20**0.5)


def difference(one: Population, other: Population, share: float) -> Population:
    """One error less a share of another: a gain with a tail on each side."""
    return Population(
        lambda rng, shape: one.draw(rng, shape) - share * other.draw(rng, shape),
        one.mean - share * other.mean,
        (one.deviation**2 + (share * other.deviation) ** 2) ** 0.5,
    )


POPULATIONS = {
    "normal": Population(lambda rng, shape: rng.standard_normal(shape), 0.0, 1.0),
    "exponential": Population(lambda rng, shape: rng.exponential(size=shape), 1.0, 1.0),
    "lognormal, σ = 0.5": lognormal(0.5),
    "lognormal, σ = 1": lognormal(1.0),
    "lognormal, σ = 1.5": lognormal(1.5),
    "Pareto, index 2.2": pareto(2.2),
}
"""Those that the stretch of the intervals was fitted to."""
HELD_OUT = {
    "Weibull, shape 0.5": weibull(0.5),
    "Pareto 2.5 − Pareto 2.5": difference(pareto(2.5), pareto(2.5), 1.0),
    "lognormal 1 − 0.3·Pareto 2.5": difference(lognormal(1.0), pareto(2.5), 0.3),
    "lognormal 0.5 − 0.5·exponential": difference(lognormal(0.5), POPULATIONS["exponential"], 0.5),
}


class Missed(NamedTuple):
    """Shares of the intervals that lie below the truth, and above it."""

    below: float
    above: float

    @property
    def coverage(self) -> float:
        """Of the rest."""
        return 1 - self.below - self.above


def simulate(
    population: Population, seeds: int, tasks: int, spread: float = 0.0, apart: float = 0.0, samples: int = 4000
) -> tuple[Any, float]:
    """The ratios of many evaluations, and the true mean; the bottom of each is 1."""
    rng = np.random.default_rng([seeds, tasks, round(1000 * spread), round(10 * apart)])
    errors = np.repeat(population.draw(rng, (samples, 1, tasks)), seeds, axis=1)
    if seeds > 1:
        errors += spread * population.deviation * rng.standard_normal((samples, seeds, 1))
        if apart:
            errors += apart * (population.draw(rng, errors.shape) - population.mean)
    return ratio(errors, np.ones((samples, tasks))), population.mean


def missed(*settings: Any, **more: Any) -> Missed:
    """How often 95% intervals miss (`simulate`)."""
    found, true = simulate(*settings, **more)
    low, high = found.interval()
    return Missed(float((high < true).mean()), float((low > true).mean()))


def missed_ratio(population: Population, tasks: int, in_proportion: bool, samples: int = 4000) -> Missed:
    """The same of a mean error over a mean variance that differs from task to task, as of lines beside waves.

    Half of the tasks have a variance of 8χ² with one degree of freedom, the others an exponential one. Errors are
    `in_proportion` to it, or independent of it.
    """
    rng = np.random.default_rng([tasks, in_proportion])
    steep, flat = 8 * rng.chisquare(1, (samples, tasks)), rng.exponential(size=(samples, tasks))
    variance = np.where(rng.random((samples, tasks)) < 0.5, steep, flat)
    errors = population.draw(rng, (samples, tasks)) * (variance / 4.5 if in_proportion else 1.0)
    low, high = ratio(errors[:, None], variance).interval()
    true = population.mean / 4.5
    return Missed(float((high < true).mean()), float((low > true).mean()))


def claims(population: Population, seeds: int, tasks: int, spread: float, samples: int = 4000) -> dict[str, float]:
    """How often each verdict is given where the true gain is 0, and its standard deviation a task is 1.

    The gain is the population less its mean, in either direction: half of the evaluations each.
    """
    found, true = simulate(population, seeds, tasks, spread, samples=samples)
    low, high = ((end - true) / population.deviation for end in found.interval())
    ends = [*zip(low, high, strict=True), *zip(-high, -low, strict=True)]
    words = [verdict(0.0, (0.5, 0.6), one, (0.1, 0.2)) for one in ends]
    return {word: words.count(word) / len(words) for word in (GENERALISES, SMOOTHS, WORSE, FOLLOWS)}


def _percent(number: float) -> str:
    return f"{100 * number:.1f}"


def _print(head: list[str], rows: list[list[str]]) -> None:
    print("| " + " | ".join(head) + " |", "|" + "---|" * len(head), sep="\n")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description="Coverage of the 95% intervals.")
    parser.add_argument("--samples", type=int, default=4000, help="simulated evaluations a number")
    samples = parser.parse_args().samples
    print("One seed: coverage (share of intervals below the truth, above it), %\n")
    rows = []
    for name, population in {**POPULATIONS, **HELD_OUT}.items():
        cells = [missed(population, 1, tasks, samples=samples) for tasks in TASKS]
        rows.append([name, *(f"{_percent(m.coverage)} ({_percent(m.below)}, {_percent(m.above)})" for m in cells)])
    _print(["population", *(f"{tasks} tasks" for tasks in TASKS)], rows)
    print("One seed, a ratio of two means (`missed_ratio`): coverage, %\n")
    rows = []
    for name, population in POPULATIONS.items():
        shown = (missed_ratio(population, tasks, way, samples) for way in (True, False) for tasks in (64, 256))
        rows.append([name, *(_percent(one.coverage) for one in shown)])
    _print(
        ["population", *(f"{way}, {tasks} tasks" for way in ("in proportion", "independent") for tasks in (64, 256))],
        rows,
    )
    for seeds in SEEDS[1:]:
        print(f"{seeds} seeds: coverage at spreads {', '.join(f'{spread:g}' for spread in SPREADS)}, %\n")
        rows = []
        for name, population in {**POPULATIONS, **HELD_OUT}.items():
            for apart in (0.0, 0.5) if name in POPULATIONS else (0.5,):
                row = [name + (", seeds differ task by task" if apart else "")]
                for tasks in TASKS:
                    of = (missed(population, seeds, tasks, spread, apart, samples=samples) for spread in SPREADS)
                    row.append(" ".join(_percent(one.coverage) for one in of))
                rows.append(row)
        _print(["population", *(f"{tasks} tasks" for tasks in TASKS)], rows)
    print("True gain of 0: `generalises` + `smooths`, `worse than Bayes`, %; the largest over the spreads\n")
    rows = []
    for name, population in POPULATIONS.items():
        row = [name]
        for seeds in SEEDS:
            for tasks in (64, 256):
                of = [
                    claims(population, seeds, tasks, spread, samples // 2)
                    for spread in SPREADS[: 1 if seeds == 1 else 4]
                ]
                better = max(one[GENERALISES] + one[SMOOTHS] for one in of)
                row.append(f"{_percent(better)}, {_percent(max(one[WORSE] for one in of))}")
        rows.append(row)
    _print(["population", *(f"{seeds} seeds, {tasks} tasks" for seeds in SEEDS for tasks in (64, 256))], rows)


if __name__ == "__main__":
    main()
