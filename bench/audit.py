"""Whether audits tell exact Bayes predictors from learners that are none: false alarms, power and AUC.

    nice -n 10 python bench/audit.py [--audits 200] [--planted 40] [--prompts 64] [--lengths 5 20] [--draws 8]

prints the tables of docs/audit.md. Every audit has a mixture of its own: one to three families with random weights,
amplitudes and ranges, a random input range and a random noise. B is exact under it; a planted learner gets the mixtures
of the first audits. The AUC is that of an audit's least corrected p-value, the planted learner's against those of B.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.stats import beta, rankdata

import offprior as op
from offprior.adapters.wrapped import Wrapped
from offprior.analysis.audit import MEASURES, NOT_CONSISTENT, Audit
from offprior.predictive.normal_mixture import NormalMixture
from offprior.predictors.bayes import Bayes
from offprior.predictors.predictor import BatchPrediction

LEVELS = tuple(np.round(np.linspace(0.05, 0.95, 19), 2))


def random_mixture(seed: int) -> op.Mixture:
    """Returns a mixture with an exact posterior, of one to three families."""
    drawn = np.random.default_rng([seed, 18])
    low = drawn.uniform(0.3, 2.0)
    every = [
        op.Linear(scale=drawn.uniform(0.3, 2.0)),
        op.Sinusoid(frequency=(low, low + drawn.uniform(0.2, 2.0))),
        op.Polynomial(degree=3, scale=drawn.uniform(0.3, 2.0)),
        op.Fourier(harmonics=2, frequency=drawn.uniform(0.3, 1.5)),
    ]
    chosen = drawn.permutation(len(every))[: drawn.integers(1, 4)]
    reach = drawn.uniform(2.0, 5.0)
    return op.Mixture(
        [every[place] for place in chosen],
        weights=drawn.dirichlet(np.ones(len(chosen))),
        inputs=op.Uniform(-reach, reach),
        noise=float(np.exp(drawn.uniform(np.log(0.03), np.log(0.5)))),
    )


class Tempered(Bayes):
    """B with its likelihood to a power, which is a B that assumes noise/√power; draws have the true noise."""

    def __init__(self, mixture: op.Mixture, power: float):
        self.own = float(mixture.noise)
        super().__init__(mixture, noise=self.own / power**0.5, label=f"tempered {power:g}")

    def predictive(self, x: Any, y: Any, queries: Any, noise: float) -> NormalMixture:
        found = super().predictive(x, y, queries, noise)
        assert found is not None
        return NormalMixture(found.log_weights, found.means, found.variances - self.noise**2 + self.own**2)


class Overconfident(Bayes):
    """B with the standard deviation of the function's value halved, and the true noise."""

    def predictive(self, x: Any, y: Any, queries: Any, noise: float) -> NormalMixture:
        found = super().predictive(x, y, queries, noise)
        assert found is not None
        mean, square = found.mean[..., None], self.noise**2
        return NormalMixture(found.log_weights, (found.means + mean) / 2, (found.variances - square) / 4 + square)


class HalfIgnored(Bayes):
    """B that ignores a half of its context: places drawn anew for every context length."""

    def predict_batch(self, x: Any, y: Any, queries: Any, lengths: Sequence[int]) -> BatchPrediction:
        found = [super(HalfIgnored, self).predict_batch(*self._half(x, y, k), queries, [(k + 1) // 2]) for k in lengths]
        return BatchPrediction(*(np.concatenate(parts, axis=1) for parts in zip(*found, strict=True)))

    def predictive(self, x: Any, y: Any, queries: Any, noise: float) -> NormalMixture | None:
        return super().predictive(*self._half(x, y, y.shape[1]), queries, noise)

    @staticmethod
    def _half(x: Any, y: Any, length: int) -> tuple[np.ndarray, np.ndarray]:
        kept = np.random.default_rng(length).permutation(length)[: (length + 1) // 2]
        return x[:, kept], y[:, kept]


def nearest_neighbours(mixture: op.Mixture) -> Wrapped:
    """Three nearest neighbours, normal, with the mean squared residual of leaving out each pair as variance."""
    from scipy.special import ndtri

    scores = ndtri(np.asarray(LEVELS))

    def ask(x: np.ndarray, y: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        distances = np.abs(x[:, None, 0] - x[None, :, 0]) + np.diag(np.full(len(x), np.inf))
        left_out = y[np.argsort(distances, axis=1)[:, :3]].mean(1)
        deviation = np.sqrt(np.square(y - left_out).mean())
        mean = y[np.argsort(np.abs(queries[:, None, 0] - x[None, :, 0]), axis=1)[:, :3]].mean(1)
        return mean, mean[:, None] + deviation * scores[None]

    return op.wrap(ask, "nearest neighbours", levels=LEVELS)


PLANTED: dict[str, Callable[[op.Mixture], Any]] = {
    "likelihood to the power ½": lambda mixture: Tempered(mixture, 0.5),
    "likelihood to the power 2": lambda mixture: Tempered(mixture, 2.0),
    "overconfident by 2": Overconfident,
    "half of the context ignored": HalfIgnored,
    "nearest neighbours": nearest_neighbours,
}


def audits(build: Callable[[op.Mixture], Any], count: int, first: int = 0, **settings: Any) -> list[Audit]:
    """Audits what `build` makes of each of `count` random mixtures."""
    found = []
    for seed in range(first, first + count):
        mixture = random_mixture(seed)
        found.append(op.audit(build(mixture), mixture, seed=seed, **settings))
    return found


def area(planted: Sequence[float], exact: Sequence[float]) -> float:
    """Returns the AUC: the probability that a planted learner's p-value is below that of B, ties counted by half."""
    ranks = rankdata([-p for p in (*planted, *exact)])
    return float((ranks[: len(planted)].sum() - len(planted) * (len(planted) + 1) / 2) / (len(planted) * len(exact)))


def share_found(found: Sequence[Audit], measure: str) -> float:
    """Returns the share of audits in which a measure is "not consistent" at some length."""
    found_in = [one.rows.loc[one.rows["measure"] == measure, "verdict"] for one in found]
    return float(np.mean([(verdicts == NOT_CONSISTENT).any() for verdicts in found_in]))


def clopper_pearson(count: int, of: int) -> tuple[float, float]:
    """Returns the exact 95% interval of a share."""
    low = 0.0 if count == 0 else float(beta.ppf(0.025, count, of - count + 1))
    return low, 1.0 if count == of else float(beta.ppf(0.975, count + 1, of - count))


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--audits", type=int, default=200)
    parser.add_argument("--planted", type=int, default=40)
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--lengths", type=int, nargs="+", default=[5, 20])
    parser.add_argument("--draws", type=int, default=8)
    asked = parser.parse_args()
    settings = {"prompts": asked.prompts, "lengths": asked.lengths, "draws": asked.draws}
    start = time.monotonic()
    exact = audits(Bayes, asked.audits, **settings)
    alarms = sum(not one.is_consistent for one in exact)
    low, high = clopper_pearson(alarms, len(exact))
    print(f"| learner | audits | not consistent | AUC | {' | '.join(MEASURES)} | seconds |")
    print(f"|---|---|---|---|{'---|' * len(MEASURES)}---|")

    def row(name: str, found: list[Audit], auc: str) -> None:
        nonlocal start
        shares = " | ".join(f"{share_found(found, measure):.3f}" for measure in MEASURES)
        rejected = np.mean([not one.is_consistent for one in found])
        print(
            f"| {name} | {len(found)} | {rejected:.3f} | {auc} | {shares} | {time.monotonic() - start:.0f} |",
            flush=True,
        )
        start = time.monotonic()

    row(f"B, exact [{low:.3f}, {high:.3f}]", exact, "")
    of_exact = [one.p_value for one in exact]
    for name, build in PLANTED.items():
        found = audits(build, asked.planted, **settings)
        row(name, found, f"{area([one.p_value for one in found], of_exact):.3f}")


if __name__ == "__main__":
    main()
