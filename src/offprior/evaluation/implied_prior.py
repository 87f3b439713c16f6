"""Searches the prior that a predictor behaves as if it had: weights of the classes, and a range of frequencies."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from offprior.analysis.intervals import percentiles
from offprior.compute.randomness import key_for
from offprior.errors import OffpriorError, Problem, SettingError
from offprior.families.sinusoid import Sinusoid
from offprior.laws.uniform import Uniform
from offprior.mixture import Mixture, draw_prompts
from offprior.posterior import posterior
from offprior.predictors.predictor import Predictor
from offprior.prompt_check import check_count, context_lengths

LENGTHS = (2, 4, 8)
"""Short contexts, after which the prior still matters."""
CELLS, NODES = 48, 8
"""The cells that the range of frequencies is divided into, and the quadrature nodes of each."""
FINE_CELLS, FINE = 12, 1.08
"""The cells around each end that was found, and the ratio to which they reach on either side."""
REACH = 2.0
"""How many times beyond the mixture's own frequencies the search goes, unless it is told."""
NARROWEST = 1.03
"""The least ratio of the ends of a range."""
FIRST_WEIGHTS, FIRST_ENDS = np.linspace(-3, 3, 9), 10
"""The grid of log odds of two classes, and the number of ends of the range, that a search starts from."""
MOST_ODDS = 7.0
"""Log odds are searched up to this size: weights from about .001 to .999."""
RESAMPLES, STEPS = 100, 30
"""Resamples of the prompts, and steps of each search per parameter."""


@dataclasses.dataclass(frozen=True)
class ImpliedPrior:
    """The prior under which the Bayes predictor is nearest to a predictor; intervals are 95%, over prompts."""

    weights: dict[str, float]
    """The weight of each family."""
    weight_intervals: dict[str, tuple[float, float]]
    frequency: tuple[float, float] | None
    """The range of the sinusoids' frequencies; None if it was not searched."""
    frequency_intervals: tuple[tuple[float, float], tuple[float, float]] | None
    """The intervals of its lower and of its upper end."""
    distance: float
    """Mean (p − B)² over the variance of the truth, for B under this prior."""
    reference_distance: float
    """The same for B under the mixture that was given."""
    prompts: int
    mixture: Mixture
    """The mixture that was given, with this prior."""

    def __repr__(self) -> str:
        parts = [
            f"{name} {weight:.3f} [{low:.3f}, {high:.3f}]"
            for (name, weight), (low, high) in zip(self.weights.items(), self.weight_intervals.values(), strict=True)
        ]
        if self.frequency is not None and self.frequency_intervals is not None:
            ends = [
                f"{end:.3g} [{low:.3g}, {high:.3g}]"
                for end, (low, high) in zip(self.frequency, self.frequency_intervals, strict=True)
            ]
            parts.append(f"frequency from {' to '.join(ends)}")
        away = (
            f"{self.distance:.2g} away from its Bayes predictor, {self.reference_distance:.2g} from the mixture's own"
        )
        return f"Implied prior: {', '.join(parts)}; {away} ({self.prompts} prompts)"


def implied_prior(
    predictor: Predictor,
    mixture: Mixture,
    lengths: Sequence[int] = LENGTHS,
    *,
    frequency: tuple[float, float] | None = None,
    tasks: int = 256,
    queries: int = 8,
    seed: int = 0,
) -> ImpliedPrior:
    """Searches the class weights and the frequency range under which B is nearest to a predictor.

    The distance is that of M11, mean (p − q)² over the variance of the truth. Prompts are drawn from the mixture with
    equal weights, frequencies over all of the range that is searched. B under other weights comes from the class
    posteriors and their evidence, B under another range from those of many narrow ranges: no prior needs a posterior of
    its own. A grid is searched first, then Nelder and Mead's simplex (1965) from its best point, once more with
    narrower ranges around the ends that were found. Intervals are a bootstrap over prompts, with a search for each
    resample.

    A small `distance` says that the predictor answers as a Bayes predictor of this form does. A large one says that no
    prior of this form explains it, and the weights are then those of the nearest of them and no more.

    Args:
        predictor: whose prior is asked for.
        mixture: its families, inputs and noise; its weights, and the frequencies of its sinusoids, are searched.
        lengths: context lengths, in pairs; all are used together.
        frequency: the range that is searched; from half of the mixture's lowest to twice its highest if None.
        tasks: prompts.
        queries: queries per prompt.
        seed: the seed of the prompts.

    Raises:
        NoClosedForm: a family has no exact posterior.
        SettingError: the mixture is of tokens, or has nothing to search; `frequency` is no range.
        OffpriorError: the predictor answers fewer than two of the prompts.
    """
    lengths = context_lengths(lengths)
    check_count("tasks", tasks, least=2)
    if mixture.vocabulary:
        raise SettingError(Problem("mixture", "it is of tokens; the search is for functions"))
    wave = _wave(mixture)
    if wave is None and len(mixture.families) < 2:
        raise SettingError(Problem("mixture", "it has neither several families nor sinusoids of uniform frequency"))
    edges = np.zeros(0) if wave is None else _edges(mixture.functions[wave], frequency)
    drawn = draw_prompts(
        _drawn_from(mixture, wave, edges), key_for(seed, "implied prior"), tasks, max(lengths), queries
    )
    x, y, asked, truth = (np.asarray(part, np.float64) for part in drawn[:4])
    answered = predictor.predict_batch(x, y, asked, lengths).mean
    kept = np.isfinite(answered).all((1, 2))
    if kept.sum() < 2:
        raise OffpriorError(f"{predictor.label}: it answers {kept.sum()} of {tasks} prompts")
    noise = float(np.asarray(mixture.bayes_noise))
    even = np.full(int(kept.sum()), 1 / kept.sum())

    def search_of(edges: np.ndarray) -> _Search:
        cells = _cells(mixture, wave, edges)
        found = posterior(cells.groups, x[kept], y[kept], asked[kept], lengths, noise, variance=False)
        return _Search(cells, found.log_evidence, found.mean, answered[kept], float(truth[kept].var()))

    search = search_of(edges)
    best = search.nearest(search.first(even), even, 4 * STEPS)
    if wave is not None:
        search = search_of(_finer(edges, search.ends(best)))
        best = search.nearest(best, even, 4 * STEPS)
    return _result(search, best, mixture, wave)


class _Cells(NamedTuple):
    """The narrow priors that every prior of the search is a mixture of."""

    groups: list[Any]
    family: np.ndarray
    """The family of each."""
    edges: np.ndarray
    """The ends of the ranges of frequency, in order; empty if none is searched."""
    wave: int | None
    """The family whose frequency is searched."""


class _Search:
    """Distances of a predictor from B, as a function of log odds of the families and log ends of the range."""

    def __init__(self, cells: _Cells, log_evidence: Any, means: Any, answers: Any, variance: float):
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
            some = np.linspace(*np.log(self.cells.edges[[0, -1]]), FIRST_ENDS)
            ends = [np.asarray([low, high]) for at, low in enumerate(some) for high in some[at + 1 :]]
        grid = [np.concatenate([one, other]) for one in odds for other in ends]
        return min(grid, key=lambda at: share @ self.of_prompts(at))


def _result(search: _Search, best: np.ndarray, mixture: Mixture, wave: int | None) -> ImpliedPrior:
    count = len(search.answers)
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=RESAMPLES) / count
    again = [search.nearest(best, share, STEPS) for share in drawn]
    weights, names = search.weights(best), list(mixture.family_names)
    of_weights = np.asarray([search.weights(at) for at in again])
    ends = None if wave is None else search.ends(best)
    of_ends = None if wave is None else np.asarray([search.ends(at) for at in again])
    families: list[Any] = list(mixture.families)
    if wave is not None and ends is not None:
        families[wave] = dataclasses.replace(families[wave], frequency=ends)
    return ImpliedPrior(
        weights=dict(zip(names, map(float, weights), strict=True)),
        weight_intervals={name: percentiles(of_weights[:, at]) for at, name in enumerate(names)},
        frequency=ends,
        frequency_intervals=None if of_ends is None else (percentiles(of_ends[:, 0]), percentiles(of_ends[:, 1])),
        distance=float(search.of_prompts(best).mean()),
        reference_distance=float(search.of_prompts(_reference(mixture, wave)).mean()),
        prompts=count,
        mixture=dataclasses.replace(mixture, families=families, weights=[float(weight) for weight in weights]),
    )


def _reference(mixture: Mixture, wave: int | None) -> np.ndarray:
    """Returns the parameters of the mixture's own prior."""
    weights = np.asarray(mixture.weights, np.float64)
    with np.errstate(divide="ignore"):
        odds = np.log(weights[1:]) - np.log(weights[0])
    return odds if wave is None else np.concatenate([odds, np.log(_range(mixture.functions[wave]))])


def _wave(mixture: Mixture) -> int | None:
    """Returns the number of the family of sinusoids whose frequency is uniform; None if there is none."""
    of = [at for at, one in enumerate(mixture.functions) if isinstance(one, Sinusoid)]
    uniform = [at for at in of if isinstance(mixture.functions[at].frequency, Uniform)]  # pyright: ignore
    return uniform[0] if uniform else None


def _range(family: Any) -> np.ndarray:
    return np.asarray([float(np.asarray(family.frequency.low)), float(np.asarray(family.frequency.high))])


def _edges(family: Any, frequency: tuple[float, float] | None) -> np.ndarray:
    """Returns the ends of the cells, in constant ratio."""
    low, high = _range(family) if frequency is None else frequency
    if not 0 < low < high:
        raise SettingError(Problem("frequency", f"got {low:g} to {high:g}; give two rising numbers above 0"))
    widen = REACH if frequency is None else 1.0
    return np.geomspace(low / widen, high * widen, CELLS + 1)


def _finer(edges: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
    """Returns the edges with narrower cells around both ends."""
    near = [np.geomspace(end / FINE, end * FINE, FINE_CELLS + 1) for end in ends]
    far = edges[[all(abs(np.log(edge / end)) > np.log(FINE) for end in ends) for edge in edges]]
    inside = [np.clip(each, edges[0], edges[-1]) for each in near]
    return np.unique(np.concatenate([far, *inside, edges[[0, -1]]]))


def _cells(mixture: Mixture, wave: int | None, edges: np.ndarray) -> _Cells:
    groups, of = [], []
    for at, family in enumerate(mixture.functions):
        if at != wave:
            groups.append(family.components())
            of.append(at)
            continue
        for low, high in itertools.pairwise(edges):
            one = dataclasses.replace(family, frequency=Uniform(float(low), float(high))).components(NODES)
            # A cell is so narrow that its nodes need no refinement, unless another law is integrated too.
            groups.append(dataclasses.replace(one, locate=None, integrated=0) if one.integrated == 1 else one)
            of.append(at)
    return _Cells(groups, np.asarray(of), edges, wave)


def _drawn_from(mixture: Mixture, wave: int | None, edges: np.ndarray) -> Mixture:
    """Returns the mixture of the prompts: equal weights, and all frequencies that are searched."""
    families: list[Any] = list(mixture.families)
    if wave is not None:
        families[wave] = dataclasses.replace(families[wave], frequency=(float(edges[0]), float(edges[-1])))
    return dataclasses.replace(mixture, families=families, weights=[1 / len(families)] * len(families))
