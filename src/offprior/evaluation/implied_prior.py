"""Searches the prior that a predictor behaves as if it had: weights of the classes, and a range of frequencies."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from offprior.analysis.intervals import percentiles
from offprior.compute.randomness import key_for
from offprior.errors import OffpriorError, Problem, SettingError
from offprior.evaluation.prior_search import Cells, PriorSearch
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
    inside: bool = False,
    tasks: int = 256,
    queries: int = 8,
    seed: int = 0,
) -> ImpliedPrior:
    """Searches the class weights and the frequency range under which B is nearest to a predictor.

    The distance is that of M11, mean (p − q)² over the variance of the truth. Prompts are drawn with equal weights of
    the families, and frequencies over all of the range that is searched, so that many lie outside of any one prior. B
    under other weights comes from the class posteriors and their evidence, B under another range from those of many
    narrow ranges: no prior needs a posterior of its own. A grid is searched first, then Nelder and Mead's simplex
    (1965) from its best point, once more with narrower ranges around the ends that were found. Intervals are a
    bootstrap over prompts, with a search for each resample.

    A small `distance` says that the predictor answers as a Bayes predictor of this form does. A large one says that no
    prior of this form explains it, and the weights are then those of the nearest of them and no more.

    Args:
        predictor: whose prior is asked for.
        mixture: its families, inputs and noise; its weights, and the frequencies of its sinusoids, are searched.
        lengths: context lengths, in pairs; all are used together.
        frequency: the range that is searched; from half of the mixture's lowest to twice its highest if None.
        inside: whether to draw the prompts from the mixture itself instead, which asks how the predictor answers
            inside of it, and says little about the ends of the range.
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
    source = mixture if inside else _drawn_from(mixture, wave, edges)
    drawn = draw_prompts(source, key_for(seed, "implied prior"), tasks, max(lengths), queries)
    x, y, asked, truth = (np.asarray(part, np.float64) for part in drawn[:4])
    answered = predictor.predict_batch(x, y, asked, lengths).mean
    kept = np.isfinite(answered).all((1, 2))
    if kept.sum() < 2:
        raise OffpriorError(f"{predictor.label}: it answers {kept.sum()} of {tasks} prompts")
    noise = float(np.asarray(mixture.bayes_noise))
    even = np.full(int(kept.sum()), 1 / kept.sum())

    def search_of(edges: np.ndarray) -> PriorSearch:
        cells = _cells(mixture, wave, edges)
        found = posterior(cells.groups, x[kept], y[kept], asked[kept], lengths, noise, variance=False)
        return PriorSearch(cells, found.log_evidence, found.mean, answered[kept], float(truth[kept].var()))

    search = search_of(edges)
    best = search.nearest(search.first(even), even, 4 * STEPS)
    if wave is not None:
        search = search_of(_finer(edges, search.ends(best)))
        best = search.nearest(best, even, 4 * STEPS)
    return _result(search, best, mixture, wave)


def _result(search: PriorSearch, best: np.ndarray, mixture: Mixture, wave: int | None) -> ImpliedPrior:
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


def _cells(mixture: Mixture, wave: int | None, edges: np.ndarray) -> Cells:
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
    return Cells(groups, np.asarray(of), edges, wave)


def _drawn_from(mixture: Mixture, wave: int | None, edges: np.ndarray) -> Mixture:
    """Returns the mixture of the prompts: equal weights, and all frequencies that are searched."""
    families: list[Any] = list(mixture.families)
    if wave is not None:
        families[wave] = dataclasses.replace(families[wave], frequency=(float(edges[0]), float(edges[-1])))
    return dataclasses.replace(mixture, families=families, weights=[1 / len(families)] * len(families))
