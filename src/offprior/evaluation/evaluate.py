"""Predictors against probes: the same prompts for every predictor, beside B, C and the single classes."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np
import pandas as pd
from jaxtyping import Float

from offprior.components import NoClosedForm
from offprior.errors import OffpriorError
from offprior.evaluation.blend import best_blend
from offprior.evaluation.calibration import calibration_columns, variation_columns
from offprior.evaluation.implied import implied_columns, projection_columns
from offprior.evaluation.order import order_variance
from offprior.mixture import Mixture, Prompts, draw_prompts
from offprior.predictors.bayes import Bayes, ReferenceBatch, References, unknown_references
from offprior.predictors.predictor import Predictor
from offprior.probes.frequency import Frequency
from offprior.probes.in_distribution import InDistribution
from offprior.probes.probe import Probe
from offprior.progress import ProgressReport, progress_report
from offprior.randomness import key_for
from offprior.table import BLEND, FLOOR, Table, is_reference

NO_POSTERIOR = "there is no B, no C and no verdict, only errors beside other predictors"
"""What a mixture without an exact posterior lacks."""
NO_COMBINED = "there is no C, and verdicts go by the gain over B alone"
NOT_REFINED = (
    "a family integrates over two laws or more, on a grid that is not refined: B and C are approximate where noise is "
    "little or contexts are long (Bayes.quadrature_gap tells by how much)"
)
UNTRAINED = -1
"""Training seed of predictors that are not trained."""
FLOOR_FACTOR = 10


class Place(NamedTuple):
    """A batch of prompts at one place of a probe's path."""

    probe: Probe
    strength: float
    inside: bool
    distribution: Mixture
    prompts: Prompts
    lengths: tuple[int, ...]


def evaluate(
    predictors: Sequence[Predictor],
    probes: Sequence[Probe] | Probe,
    lengths: Sequence[int] = (5, 10, 20, 40),
    *,
    mixture: Mixture | None = None,
    tasks: int = 256,
    queries: int = 64,
    seed: int = 0,
    progress: ProgressReport | None = None,
) -> Table:
    """Errors of `predictors` on `probes` at context lengths of `lengths` pairs.

    Every predictor answers the same prompts, pure functions of `seed`, the probe and the place. B, C, the single
    classes and the best fits inside them are evaluated beside; C's prior puts half its weight on the mixture and half
    on the probe's own prompts over its strengths. In-distribution prompts are always among the rows: M1 needs them.
    Context lengths that a predictor cannot take are left out for that predictor alone.

    `mixture` is that of the first predictor that has one, unless given. Several training seeds are several predictors
    with one label, each with its `seed`. Progress is shown on standard error, unless `progress` is another report.

    Raises:
        OffpriorError: no predictor has a mixture and none was given; two predictors share label and seed.
    """
    probes = [probes] if isinstance(probes, Probe) else list(probes)
    mixture = mixture if mixture is not None else _mixture_of(predictors)
    predictors = _beside_references(predictors, mixture)
    wanted = tuple(sorted({length for probe in probes for length in probe.lengths(lengths)} | set(lengths)))
    _check_probes(probes)
    own_lengths = {id(probe): tuple(sorted(set(probe.lengths(lengths)))) for probe in probes}
    plain = [probe for probe in probes if not isinstance(probe, InDistribution) or probe.departures()]
    first = InDistribution()
    own_lengths[id(first)] = wanted
    progress = progress if progress is not None else progress_report()
    total = sum(1 if probe.along_context else len(probe.strengths(mixture)) for probe in [first, *plain])
    progress.start("probing", total)
    rows: list[pd.DataFrame] = []
    done = 0
    try:
        for probe in [first, *plain]:
            strengths = probe.strengths(mixture)
            beyond = [] if probe.along_context else [s for s in strengths if not probe.inside(s, mixture)]
            known = [probe.path(strength, mixture) for strength in strengths] if beyond else []
            references, is_known = _references(probe, mixture, known)
            has_combined = is_known if known else None
            for places in _places(probe, mixture, own_lengths[id(probe)], tasks, queries, seed):
                for place in places:
                    rows += _rows_of(place, predictors, references, mixture, has_combined)
                done += 1
                progress.advance(done, probe.label)
    finally:
        progress.finish()
    return Table(pd.concat(rows, ignore_index=True))


def _references(probe: Probe, mixture: Mixture, known: list[Mixture]) -> tuple[References | None, bool]:
    """B and C of a probe, and whether C is known; what has no closed form is warned of, and left out."""
    try:
        references = References(mixture, known)
    except NoClosedForm as error:
        try:
            alone = References(mixture)
        except NoClosedForm as of_mixture:
            warnings.warn(f"{of_mixture}; {NO_POSTERIOR}", stacklevel=3)
            return None, False
        warnings.warn(f"{probe.label}: {error}; {NO_COMBINED}", stacklevel=3)
        return alone, False
    if not references.is_refined:
        warnings.warn(f"{probe.label}: {NOT_REFINED}", stacklevel=3)
    return references, True


def _places(
    probe: Probe, mixture: Mixture, lengths: tuple[int, ...], tasks: int, queries: int, seed: int
) -> Iterator[list[Place]]:
    """The batches of each strength: one for all context lengths, unless the input law makes each length its own."""
    strengths = probe.strengths(mixture)
    for number, strength in enumerate(strengths[:1] if probe.along_context else strengths):
        distribution = probe.distribution(strength, mixture)
        inside = probe.inside(strength, mixture)
        batches = [lengths] if distribution.inputs.nested else [(length,) for length in lengths]
        found = []
        for batch in batches:
            key = key_for(seed, "evaluation", probe.label, number, 0 if len(batches) == 1 else batch[0])
            prompts = draw_prompts(distribution, key, tasks, max(batch), queries)
            found.append(Place(probe, strength, inside, distribution, prompts, batch))
        yield found


def _rows_of(
    place: Place,
    predictors: Sequence[Predictor],
    references: References | None,
    mixture: Mixture,
    has_combined: bool | None,
) -> list[pd.DataFrame]:
    x, y, queries, truth = (np.asarray(a, np.float64) for a in place.prompts[:4])
    lengths, families = list(place.lengths), len(mixture.families)
    if references is None:
        exact = unknown_references((len(x), len(lengths), families, queries.shape[1]))
    else:
        # Variances take as long again: they are for the prompts on which calibration is compared.
        exact = references.batch(x, y, queries, lengths, variance=isinstance(place.probe, InDistribution))
    shared = _Shared(place, mixture, truth, queries, exact)
    frames = [shared.frames("B", UNTRAINED, place.lengths, exact.bayes_mean, exact.bayes_variance)]
    if has_combined is not None:
        # Where C is not known its rows are empty ones: no rows would say that the prior lacks nothing.
        combined = exact.combined_mean if has_combined else np.full_like(exact.bayes_mean, np.nan)
        frames.append(shared.frames("C", UNTRAINED, place.lengths, combined))
    if references is not None:
        frames += _class_frames(shared, references, mixture, place, queries, truth, exact)
    if references is not None and float(np.asarray(mixture.noise)) < float(np.asarray(mixture.noise_floor)):
        wider = References(mixture, noise=FLOOR_FACTOR * float(np.asarray(mixture.noise_floor)))
        answer = wider.batch(x, y, queries, lengths)
        frames.append(shared.frames(FLOOR, UNTRAINED, place.lengths, answer.bayes_mean))
    answers = {}
    for predictor in predictors:
        possible = [length for length in place.lengths if predictor.longest is None or length <= predictor.longest]
        if possible:
            answers[predictor.label, _seed_of(predictor)] = (possible, predictor.predict_batch(x, y, queries, possible))
    for (label, seed), (possible, answer) in answers.items():
        further = {"seed_spread": _distance_from_other_seeds(answers, label, seed)}
        predictor = next(one for one in predictors if (one.label, _seed_of(one)) == (label, seed))
        if isinstance(place.probe, InDistribution) and seed != UNTRAINED:
            further["order_variance"] = order_variance(predictor, x, y, queries, possible)
        frames.append(shared.frames(label, seed, possible, answer.mean, answer.variance, further))
    return frames


def _distance_from_other_seeds(answers: dict[tuple[str, int], Any], label: str, seed: int) -> Any:
    """Mean over the queries of (p − the mean of all training seeds' p)² [b, lengths]; None where there is one seed."""
    alike = [answer.mean for (name, _), (_, answer) in answers.items() if name == label]
    if len(alike) < 2:
        return None
    return np.square(answers[label, seed][1].mean - np.mean(alike, axis=0)).mean(-1)


def _class_frames(
    shared: "_Shared",
    references: References,
    mixture: Mixture,
    place: Place,
    queries: Float[np.ndarray, "b m d"],
    truth: Float[np.ndarray, "b m"],
    exact: ReferenceBatch,
) -> list[pd.DataFrame]:
    """Rows of the posteriors under single families, of the best fits inside them, and of the best blend of two."""
    frames = []
    for number, name in enumerate(mixture.family_names):
        frames.append(shared.frames(f"class: {name}", UNTRAINED, place.lengths, exact.class_means[:, :, number]))
    fits = references.best_fits(queries, truth)
    for number, name in enumerate(mixture.family_names):
        every_length = np.repeat(fits[:, None, number], len(place.lengths), axis=1)
        frames.append(shared.frames(f"best fit: {name}", UNTRAINED, place.lengths, every_length))
    if len(mixture.families) > 1:
        frames.append(shared.frames(BLEND, UNTRAINED, place.lengths, best_blend(exact.class_means, truth)))
    return frames


class _Shared:
    """What all predictors' rows at a place have in common, and the columns that compare with it."""

    def __init__(
        self,
        place: Place,
        mixture: Mixture,
        truth: Float[np.ndarray, "b m"],
        queries: Float[np.ndarray, "b m d"],
        exact: ReferenceBatch,
    ):
        self._place, self._truth, self._queries, self._exact = place, truth, queries, exact
        names = place.distribution.family_names
        self._families = np.asarray(names)[np.asarray(place.prompts.family)]
        self._frequency = np.asarray(place.prompts.frequency, np.float64)
        self._noise = float(np.asarray(place.distribution.noise))
        is_frequency = isinstance(place.probe, Frequency)
        self._ends = place.probe.pretraining_range(mixture) if is_frequency else None

    def frames(
        self,
        label: str,
        seed: int,
        lengths: Sequence[int],
        mean: Float[np.ndarray, "b lengths m"],
        variance: Float[np.ndarray, "b lengths m"] | None = None,
        further: Mapping[str, Float[np.ndarray, "b lengths"] | None] | None = None,
    ) -> pd.DataFrame:
        """Rows of one predictor at all its context lengths; `further` are columns of its own."""
        variance = np.full_like(mean, np.nan) if variance is None else variance
        found = []
        for number, length in enumerate(lengths):
            frame = self._frame(label, seed, length, mean[:, number], variance[:, number])
            for name, values in (further or {}).items():
                if values is not None:
                    frame[name] = values[:, number]
            found.append(frame)
        return pd.concat(found, ignore_index=True)

    def _frame(
        self, label: str, seed: int, length: int, mean: Float[np.ndarray, "b m"], variance: Float[np.ndarray, "b m"]
    ) -> pd.DataFrame:
        place, exact, truth = self._place, self._exact, self._truth
        at = place.lengths.index(length)
        along = place.probe.along_context
        return pd.DataFrame(
            {
                "probe": place.probe.label,
                "coordinate": place.probe.coordinate,
                "strength": float(length) if along else place.strength,
                "length": length,
                "inside": place.inside,
                "seed": seed,
                "task": np.arange(len(truth)),
                "family": self._families,
                "predictor": label,
                "squared_error": np.square(mean - truth).mean(1),
                "bayes_gap": np.square(mean - exact.bayes_mean[:, at]).mean(1),
                "truth_mean": truth.mean(1),
                "truth_square": np.square(truth).mean(1),
                "surprise": -exact.log_evidence[:, at],
                "class_probability": exact.class_probability[:, at, 0],
                **implied_columns(mean, exact.class_means[:, at]),
                **projection_columns(mean, truth, self._queries, self._frequency),
                "aliased_amplitude": self._aliased_amplitude(mean),
                **calibration_columns(mean, variance, truth, self._noise, exact.bayes_variance[:, at]),
                **variation_columns(mean, truth, self._queries),
            }
        )

    def _aliased_amplitude(self, mean: Float[np.ndarray, "b m"]) -> Float[np.ndarray, " b"]:
        """Amplitude at the nearest frequency of the pretraining range (M17), of a task whose own lies outside it."""
        ends = self._ends
        if ends is None:
            return np.full(len(mean), np.nan)
        nearest = np.clip(self._frequency, *ends)
        nearest = np.where(nearest == self._frequency, np.nan, nearest)
        return projection_columns(mean, self._truth, self._queries, nearest)["amplitude"]


def _mixture_of(predictors: Sequence[Predictor]) -> Mixture:
    for predictor in predictors:
        found = getattr(predictor, "mixture", None)
        if found is not None:
            return found
    raise OffpriorError("mixture: no predictor knows the one it was pretrained on; give mixture=")


def _check_probes(probes: Sequence[Probe]) -> None:
    labels = [probe.label for probe in probes]
    for label in labels:
        if labels.count(label) > 1:
            raise OffpriorError(
                f"probes: two of them are the same in all that their label {label!r} says; leave one out"
            )


def _beside_references(predictors: Sequence[Predictor], mixture: Mixture) -> list[Predictor]:
    """Those that are not among the references already, as `Bayes(mixture)` is.

    Raises:
        OffpriorError: a label is taken, by a reference or by another predictor.
    """
    found = []
    for predictor in predictors:
        if isinstance(predictor, Bayes) and _is_reference(predictor, mixture):
            continue
        if is_reference(predictor.label):
            raise OffpriorError(f"a predictor is called {predictor.label!r}, as a reference is; give it another label")
        found.append(predictor)
    marks = [(predictor.label, _seed_of(predictor)) for predictor in found]
    for mark in marks:
        if marks.count(mark) > 1:
            raise OffpriorError(
                f"two predictors are called {mark[0]!r} with training seed {mark[1]}; give one another label"
            )
    return found


def _is_reference(predictor: Bayes, mixture: Mixture) -> bool:
    plain = predictor.label == "B" and not predictor.extra and predictor.noise == mixture.bayes_noise
    return plain and bool(eqx.tree_equal(predictor.mixture, mixture))


def _seed_of(predictor: Predictor) -> int:
    return int(getattr(predictor, "seed", UNTRAINED))
