"""How often 95% intervals hold the truth, over populations of errors, training seeds and tasks.

    python bench/coverage.py [--samples 4000] [--tables one ratio label seeds claims gate]

prints the tables of docs/metrics.md, all or some. Every row is a population of per-task errors, every number the share
of simulated evaluations whose interval holds the true mean. Seeds add a normal number of their own, `spread` standard
deviations of the population wide, to all tasks; and half as much again as the population itself varies, task by task
and seed by seed, in the rows that say so. All tables take some ten minutes of one core.
"""

import argparse
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from offprior.analysis.intervals import ratio
from offprior.analysis.metrics import FEW_TASKS
from offprior.analysis.verdict import FOLLOWS, GENERALISES, M1_GATE, SMOOTHS, UNDECIDED, WORSE, verdict

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


def mirrored(population: Population) -> Population:
    """With its tail on the other side; other draws, so that the two are no copies of each other."""
    return Population(
        lambda rng, shape: -population.draw(rng.spawn(1)[0], shape), -population.mean, population.deviation
    )


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


def _uneven(
    population: Population, tasks: int, in_proportion: bool, samples: int, seeds: int = 1, spread: float = 0.0
) -> tuple[np.ndarray, np.ndarray, float]:
    """Errors and variances of tasks that differ, as of lines beside waves, and the true ratio of their means.

    Half of the tasks have a variance of 8χ² with one degree of freedom, the others an exponential one. Errors are
    `in_proportion` to it, or independent of it. Each of several seeds adds a normal number of its own to the errors of
    all tasks before they are scaled, as `simulate` does.
    """
    rng = np.random.default_rng([tasks, in_proportion] if seeds == 1 else [tasks, in_proportion, seeds])
    steep, flat = 8 * rng.chisquare(1, (samples, tasks)), rng.exponential(size=(samples, tasks))
    variance = np.where(rng.random((samples, tasks)) < 0.5, steep, flat)
    errors = np.repeat(population.draw(rng, (samples, tasks))[:, None], seeds, axis=1)
    if seeds > 1:
        errors += spread * population.deviation * rng.standard_normal((samples, seeds, 1))
    return errors * (variance[:, None] / 4.5 if in_proportion else 1.0), variance, population.mean / 4.5


def missed_ratio(
    population: Population, tasks: int, in_proportion: bool, samples: int = 4000, seeds: int = 1, spread: float = 0.0
) -> Missed:
    """`missed`, of a mean error over a mean variance that differs from task to task."""
    errors, variance, true = _uneven(population, tasks, in_proportion, samples, seeds, spread)
    low, high = ratio(errors, variance).interval()
    return Missed(float((high < true).mean()), float((low > true).mean()))


class ByLabel(NamedTuple):
    """Coverage of all evaluations, of those labelled `few tasks carry it`, and of the others; the share labelled."""

    all: float
    labelled: float
    unlabelled: float
    share: float


def by_label(population: Population, tasks: int, in_proportion: bool = False, samples: int = 4000) -> ByLabel:
    """What the label says of coverage: of a mean, or of a ratio `in_proportion` (`missed_ratio`); one seed."""
    if in_proportion:
        top, bottom, true = _uneven(population, tasks, True, samples)
        top = top[:, 0]
    else:
        top, true = population.draw(np.random.default_rng([1, tasks]), (samples, tasks)), population.mean
        bottom = np.ones((samples, tasks))
    found = ratio(top[:, None], bottom)
    low, high = found.interval()
    holds, labelled = (low <= true) & (true <= high), found.carried_by(top, bottom) < FEW_TASKS
    with_it, without = (float(holds[of].mean()) if of.any() else float("nan") for of in (labelled, ~labelled))
    return ByLabel(float(holds.mean()), with_it, without, float(labelled.mean()))


def claims(population: Population, seeds: int, tasks: int, spread: float, samples: int = 4000) -> dict[str, float]:
    """How often each verdict is given where the true gain is 0, and its standard deviation a task is 1.

    The gain is the population less its mean: with the population's tail above. `mirrored` has it below.
    """
    found, true = simulate(population, seeds, tasks, spread, samples=samples)
    low, high = ((end - true) / population.deviation for end in found.interval())
    words = [verdict(0.0, (0.5, 0.6), one, (0.1, 0.2)) for one in zip(low, high, strict=True)]
    return {word: words.count(word) / len(words) for word in (GENERALISES, SMOOTHS, WORSE, FOLLOWS)}


def near_bayes(share: float, seeds: int, tasks: int, samples: int = 4000, queries: int = 64) -> dict[str, float]:
    """How often each verdict is given to B plus independent noise of `share` of the variance: M1 and −M4 are `share`.

    B has an NMSE of 0.4. Squares of the truth, and of the noise beside them, are exponential from task to task; the
    noise's product with B's own error averages out over the queries of a task.
    """
    rng = np.random.default_rng([seeds, tasks, round(1e4 * share)])
    square = rng.exponential(size=(samples, tasks))
    bayes = 0.4 * square[:, None]
    noise = share * square[:, None] * rng.exponential(size=(samples, seeds, tasks))
    model = bayes + noise + 2 * rng.standard_normal(noise.shape) * np.sqrt(bayes * noise / queries)
    low, high = ratio(bayes - model, square).interval()
    words = [verdict(share, (0.5, 0.6), one, (0.1, 0.2)) for one in zip(low, high, strict=True)]
    return {word: words.count(word) / samples for word in dict.fromkeys(words)}


def _percent(number: float) -> str:
    return f"{100 * number:.1f}"


def _print(head: list[str], rows: list[list[str]]) -> None:
    print("| " + " | ".join(head) + " |", "|" + "---|" * len(head), sep="\n")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def print_one_seed(samples: int) -> None:
    """Coverage of one seed's intervals, with the side of the misses."""
    print("One seed: coverage (share of intervals below the truth, above it), %\n")
    rows = []
    for name, population in {**POPULATIONS, **HELD_OUT}.items():
        cells = [missed(population, 1, tasks, samples=samples) for tasks in TASKS]
        rows.append([name, *(f"{_percent(m.coverage)} ({_percent(m.below)}, {_percent(m.above)})" for m in cells)])
    _print(["population", *(f"{tasks} tasks" for tasks in TASKS)], rows)


def print_ratios(samples: int) -> None:
    """Coverage of ratios of two means that both vary."""
    print("One seed, a ratio of two means (`missed_ratio`): coverage, %\n")
    rows = []
    for name, population in POPULATIONS.items():
        shown = (missed_ratio(population, tasks, way, samples) for way in (True, False) for tasks in (64, 256))
        rows.append([name, *(_percent(one.coverage) for one in shown)])
    _print(
        ["population", *(f"{way}, {tasks} tasks" for way in ("in proportion", "independent") for tasks in (64, 256))],
        rows,
    )


def print_ratios_of_seeds(samples: int) -> None:
    """Coverage of ratios of two means in proportion, over seeds and tasks."""
    print("Several seeds, errors in proportion to the variances, spreads 0.03 and 0.3 (`missed_ratio`): coverage, %\n")
    rows = []
    for name, population in POPULATIONS.items():
        row = [name]
        for seeds in SEEDS[1:]:
            for tasks in (64, 256):
                of = (missed_ratio(population, tasks, True, samples, seeds, spread) for spread in (0.03, 0.3))
                row.append(" ".join(_percent(one.coverage) for one in of))
        rows.append(row)
    _print(["population", *(f"{seeds} seeds, {tasks} tasks" for seeds in SEEDS[1:] for tasks in (64, 256))], rows)


def print_labels(samples: int) -> None:
    """Coverage by whether few tasks carry an evaluation."""
    print("One seed: coverage of all, of the labelled, of the unlabelled, share labelled (`by_label`), %\n")
    rows = []
    for name, of_ratio in (
        *((name, False) for name in POPULATIONS),
        *((name, True) for name in ("lognormal, σ = 1", "lognormal, σ = 1.5", "Pareto, index 2.2")),
    ):
        for tasks in (64, 256):
            found = by_label(POPULATIONS[name], tasks, of_ratio, samples)
            what = f"{name}, ratio in proportion" if of_ratio else name
            rows.append([what, str(tasks), *(_percent(part) if part == part else "–" for part in found)])
    _print(["population", "tasks", "all", "labelled", "unlabelled", "share labelled"], rows)


def print_several_seeds(samples: int) -> None:
    """Coverage of intervals over seeds and tasks."""
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


def print_claims(samples: int) -> None:
    """What is claimed of a gain of 0, with the tail above and with the tail below."""
    print("True gain of 0: `generalises` + `smooths`, `worse than Bayes`, %; the largest over the spreads\n")
    rows = []
    for name, population in POPULATIONS.items():
        for where, of_side in (("above", population), ("below", mirrored(population))):
            row = [name if name == "normal" else f"{name}, tail {where}"]
            for seeds in SEEDS:
                for tasks in (64, 256):
                    spreads = SPREADS[: 1 if seeds == 1 else 4]
                    of = [claims(of_side, seeds, tasks, spread, samples) for spread in spreads]
                    better = max(one[GENERALISES] + one[SMOOTHS] for one in of)
                    row.append(f"{_percent(better)}, {_percent(max(one[WORSE] for one in of))}")
            if name != "normal" or where == "above":
                rows.append(row)
    heads = (f"{seeds} seed{'' if seeds == 1 else 's'}, {tasks} tasks" for seeds in SEEDS for tasks in (64, 256))
    _print(["population", *heads], rows)


def print_gate(samples: int) -> None:
    """What is claimed of a model that is B plus noise, up to the very gate of M1."""
    print("B plus noise (`near_bayes`): `worse than Bayes`, all that follow Bayes, `undecided`, %\n")
    rows = []
    for share in (1e-4, M1_GATE / 2, M1_GATE):
        row = [f"{share:g}"]
        for seeds in (1, 5):
            for tasks in (64, 128, 256):
                found = near_bayes(share, seeds, tasks, samples)
                follows = sum(part for word, part in found.items() if word.startswith(FOLLOWS))
                shown = (found.get(WORSE, 0.0), follows, found.get(UNDECIDED, 0.0))
                row.append(", ".join(map(_percent, shown)))
        rows.append(row)
    heads = (f"{seeds} seed{'' if seeds == 1 else 's'}, {tasks} tasks" for seeds in (1, 5) for tasks in (64, 128, 256))
    _print(["M1", *heads], rows)


PRINTED = {
    "one": print_one_seed,
    "ratio": print_ratios,
    "ratio-seeds": print_ratios_of_seeds,
    "label": print_labels,
    "seeds": print_several_seeds,
    "claims": print_claims,
    "gate": print_gate,
}
"""The tables, by the names that `--tables` takes."""


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description="Coverage of the nominal 95% intervals.")
    parser.add_argument("--samples", type=int, default=4000, help="simulated evaluations a number")
    parser.add_argument("--tables", nargs="+", choices=PRINTED, default=list(PRINTED), help="which to print")
    settings = parser.parse_args()
    for name in settings.tables:
        PRINTED[name](settings.samples)


if __name__ == "__main__":
    main()
