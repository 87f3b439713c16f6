"""Distances of a predictor from the Bayes predictors of many priors, which are mixtures of the same narrow ones."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

NARROWEST = 1.03
"""The least ratio of the ends of a range."""
FIRST_WEIGHTS, FIRST_ENDS = np.linspace(-3, 3, 9), 10
"""The grid of log odds of two classes, and the number of ends of the range, that a search starts from."""
MOST_ODDS = 7.0
"""Log odds are searched up to this size: weights from about .001 to .999."""


class Cells(NamedTuple):
    """The narrow priors that every prior of the search is a mixture of."""

    groups: list[Any]
    family: np.ndarray
    """The family of each."""
    edges: np.ndarray
    """The ends of the ranges of frequency, in order; empty if none is searched."""
    wave: int | None
    """The family whose frequency is searched."""


class PriorSearch:
    """Distances of a predictor from B, as a function of log odds of the families and log ends of the range."""

    def __init__(self, cells: Cells, log_evidence: Any, means: Any, answers: Any, variance: float):
        self.cells, self.variance = cells, variance
        # Prompts [b, lengths, cells] and their means at the queries.
        self.log_evidence, self.means, self.answers = log_evidence, means, answers
        self.families = int(cells.family.max()) + 1

    @property
    def odds(self) -> int:
        """The number of log odds, against the first family."""
        return self.families - 1

    def of_prompts(self, at: Float[np.ndarray, " parameters"]) -> Float[np.ndarray, " prompts"]:
        """Returns mean (p − B)² over the variance of the truth, prompt by prompt."""
        with np.errstate(divide="ignore"):
            log_mass = self.log_evidence + np.log(self.prior(at))
        log_mass -= log_mass.max(-1, keepdims=True)
        mass = np.exp(log_mass)
        bayes = np.matmul(mass[..., None, :], self.means)[..., 0, :] / mass.sum(-1)[..., None]
        return np.square(bayes - self.answers).mean((1, 2)) / self.variance

    def prior(self, at: Float[np.ndarray, " parameters"]) -> Float[np.ndarray, " cells"]:
        """Returns the probability of each cell under the prior of these parameters."""
        found = self.weights(at)[self.cells.family]
        if self.cells.wave is not None:
            edges, (low, high) = self.cells.edges, self.ends(at)
            overlap = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None)
            found[self.cells.family == self.cells.wave] *= overlap / (high - low)
        return found

    def weights(self, at: Float[np.ndarray, " parameters"]) -> Float[np.ndarray, " families"]:
        """Returns the families' weights."""
        logits = np.append(0.0, np.clip(at[: self.odds], -MOST_ODDS, MOST_ODDS))
        share = np.exp(logits - logits.max())
        return share / share.sum()

    def ends(self, at: Float[np.ndarray, " parameters"]) -> tuple[float, float]:
        """Returns the range of frequencies: inside the one that is searched, and not narrower than `NARROWEST`."""
        edges = self.cells.edges
        low, high = np.exp(np.sort(at[self.odds :]))
        low = float(np.clip(low, edges[0], edges[-1] / NARROWEST))
        return low, float(np.clip(high, low * NARROWEST, edges[-1]))

    def nearest(self, begun: np.ndarray, share: np.ndarray, steps: int) -> np.ndarray:
        """Returns the parameters of least distance that a simplex finds, the prompts weighted by `share`."""
        sizes = np.append(np.full(self.odds, 0.2), np.full(len(begun) - self.odds, 0.04))
        simplex = np.vstack([begun, begun + np.diag(sizes)])
        options = {"initial_simplex": simplex, "maxfev": steps * len(begun), "xatol": 1e-3, "fatol": 1e-12}
        return minimize(lambda at: share @ self.of_prompts(at), begun, method="Nelder-Mead", options=options).x

    def first(self, share: np.ndarray) -> np.ndarray:
        """Returns the best point of the grid."""
        odds = [np.full(1, each) for each in FIRST_WEIGHTS] if self.odds == 1 else [np.zeros(self.odds)]
        ends: list[np.ndarray] = [np.zeros(0)]
        if self.cells.wave is not None:
            lowest, highest = np.log(self.cells.edges[[0, -1]])
            some = np.linspace(lowest, highest, FIRST_ENDS)
            ends = [np.asarray([low, high]) for at, low in enumerate(some) for high in some[at + 1 :]]
        grid = [np.concatenate([one, other]) for one in odds for other in ends]
        return min(grid, key=lambda at: share @ self.of_prompts(at))
