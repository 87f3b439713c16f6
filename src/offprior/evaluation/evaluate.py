"""Evaluates predictors on probes: the same prompts for every predictor, and for B, C, S and the single classes."""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import equinox as eqx
import jax
import numpy as np
import pandas as pd

from offprior.columns import FAILURE, SMOOTHER, is_reference
from offprior.compute.randomness import key_for
from offprior.compute.threads import LAPACK, blas_on_one_thread, on_all_cores
from offprior.console.progress import COMPILING, ProgressReport, phase, progress_report
from offprior.errors import ApproximationWarning, OffpriorError, Problem, SettingError
from offprior.evaluation.failures import failures
from offprior.evaluation.gate import Asked, gate, with_gates
from offprior.evaluation.instruction import instructions
from offprior.evaluation.order import order_variance
from offprior.evaluation.references import Known, reference_answers, references_of
from offprior.evaluation.rows import UNTRAINED, Answer, PromptBatch, Rows, distance_from_other_seeds, products
from offprior.evaluation.token_rows import token_rows
from offprior.mixture import Mixture, draw_prompts
from offprior.predictors.bayes import Bayes
from offprior.predictors.predictor import Predictor
from offprior.predictors.smoother import Smoother
from offprior.probes.in_distribution import InDistribution
from offprior.probes.probe import Probe
from offprior.prompt_check import check_count, context_lengths
from offprior.table import Table

Part = TypeVar("Part")

NOISE_TAKEN_AS_NORMAL = "the mixture's noise follows Student's t, but B and C assume normal noise: both are approximate"


def evaluate(
    predictors: Sequence[Predictor] | Predictor,
    probes: Sequence[Probe] | Probe,
    lengths: Sequence[int] = (5, 10, 20, 40),
    *,
    mixture: Mixture | None = None,
    tasks: int = 256,
    queries: int = 64,
    seed: int = 0,
    progress: ProgressReport | None = None,
    known: Table | None = None,
    plain: tuple[int, int] | None = None,
) -> Table:
    """Evaluates the errors of `predictors` on `probes`.

    Every predictor answers the same prompts, which are pure functions of `seed`, the probe and the place. Predictors
    that depend on the pretraining mixture receive it (`Predictor.for_mixture`), unless they already have one. B, C, S,
    the single classes and the best fits inside them are evaluated too; C's prior puts half its weight on the mixture
    and half on the probe's own prompts over its strengths. In-distribution prompts are always among the rows, because
    M1 needs them. Context lengths that a predictor cannot take are left out for that predictor only.

    Args:
        predictors: several training seeds are several predictors with one label, each `trained` with its `seed`.
        probes: the probes to test on.
        lengths: context lengths, in pairs.
        mixture: the pretraining mixture; None takes it from the first predictor that has one.
        tasks: test prompts per cell.
        queries: queries per prompt.
        seed: the seed of the test prompts.
        progress: where to report progress; None reports on standard error.
        known: an earlier table, whose in-distribution rows are used as they are, also for all places whose prompts are
            the mixture's own.
        plain: the numbers of tasks and queries in distribution, if they are not `tasks` and `queries`. Places whose
            prompts are the mixture's own are then not evaluated again. As many tasks as anywhere are asked at a time.

    Raises:
        OffpriorError: no predictor has a mixture and none was given; two predictors share label and seed; an
            argument is not a predictor or not a probe, or takes inputs of another dimension than the mixture's.
        SettingError: `lengths` is not a list of whole numbers, or `tasks` or `queries` are too few.
    """
    lengths = context_lengths(lengths)
    if not lengths:
        raise SettingError(Problem("lengths", "it must not be empty; write context lengths of 0 or more"))
    check_count("tasks", tasks, least=2)
    check_count("queries", queries, least=1)
    predictors = _all_of(Predictor, "predictors", predictors)
    probes = _all_of(Probe, "probes", probes)
    if mixture is not None and not isinstance(mixture, Mixture):
        raise SettingError(Problem("mixture", f"{mixture!r} is not a mixture; give one such as offprior.Mixture()"))
    mixture = mixture if mixture is not None else _mixture_of(predictors)
    predictors = _beside_references([predictor.for_mixture(mixture) for predictor in predictors], mixture)
    _check_dimensions(predictors, mixture)
    wanted = tuple(sorted({length for probe in probes for length in probe.lengths(lengths, mixture)} | set(lengths)))
    _check_probes(probes, mixture)
    others = [probe for probe in probes if not isinstance(probe, InDistribution) or probe.departures()]
    there = set() if known is None else set(known.to_pandas()["length"])
    wanted = tuple(length for length in wanted if length not in there)
    own = InDistribution()
    asked = [Asked(own, wanted if plain is None else tuple(lengths))]
    asked += [Asked(probe, probe.lengths(lengths, mixture)) for probe in others]
    if mixture.noise_degrees is not None:
        warnings.warn(NOISE_TAKEN_AS_NORMAL, ApproximationWarning, stacklevel=2)
    progress = progress if progress is not None else progress_report()
    steps = []
    for probe, asked_at in with_gates(asked, mixture):
        if asked_at:
            beside = references_of(probe, mixture)
            size = plain if plain is not None and probe is own else (tasks, queries)
            skip_plain = known is not None if probe is own else known is not None or plain is not None
            numbers = _numbers(probe, mixture, skip_plain)
            parts = [range(first, min(first + tasks, size[0])) for first in range(0, size[0], tasks)]
            steps += [Step(probe, number, asked_at, beside, size, part) for number in numbers for part in parts]

    def rows_of(step: Step) -> list[pd.DataFrame]:
        places = _places(step, mixture, seed)
        return [row for place in places for row in _rows_of(place, predictors, step.beside, mixture)]

    rows: list[pd.DataFrame] = [] if known is None else [known.to_pandas()]
    progress.start("probing", len(steps))
    try:
        with blas_on_one_thread():
            answered = zip(steps, on_all_cores(rows_of, steps), strict=True)
            with phase(progress, COMPILING):  # compilation for the first place serves most others
                step, found = next(answered)
                rows += found
                progress.advance(1, step.probe.label)
            for done, (step, found) in enumerate(answered, start=2):
                rows += found
                progress.advance(done, step.probe.label)
    finally:
        progress.finish()
    return Table(pd.concat(rows, ignore_index=True))


class Step(NamedTuple):
    """A place on a probe's path, before its prompts are drawn."""

    probe: Probe
    number: int
    lengths: tuple[int, ...]
    beside: Known
    size: tuple[int, int]
    """The numbers of tasks and of queries per task."""
    part: range
    """The tasks of this step; the others of the place are other steps."""


def _numbers(probe: Probe, mixture: Mixture, skip_plain: bool) -> list[int]:
    """Lists the places to evaluate; context lengths are one place, and plain places may be skipped."""
    if probe.along_context:
        return [0]
    places = [probe.distribution(strength, mixture) for strength in probe.strengths(mixture)]
    own = [skip_plain and bool(eqx.tree_equal(place, mixture)) for place in places]
    return [number for number, is_plain in enumerate(own) if not is_plain]


def _places(step: Step, mixture: Mixture, seed: int) -> list[PromptBatch]:
    """Draws the batches of a place: one for all context lengths, unless the input law differs between lengths."""
    probe, number, lengths, _, (tasks, queries), part = step
    strength = probe.strengths(mixture)[number]
    distribution = probe.distribution(strength, mixture)
    inside, gated = probe.inside(strength, mixture), gate(probe, strength, mixture)
    made_of = tuple(mixture.family_names[number] for number in probe.made_of(strength, mixture))
    batches = [lengths] if distribution.inputs.nested else [(length,) for length in lengths]
    found = []
    for batch in batches:
        key = key_for(seed, "evaluation", probe.label, number, 0 if len(batches) == 1 else batch[0])
        with LAPACK:  # some laws of inputs call LAPACK
            prompts = jax.block_until_ready(draw_prompts(distribution, key, tasks, max(batch), queries))
        if len(part) < tasks:
            prompts = jax.tree.map(lambda leaf: leaf[part.start : part.stop], prompts)
        found.append(
            PromptBatch(
                *(probe, strength, inside, made_of, gated.label if gated else "", distribution, prompts, batch),
                first=part.start,
            )
        )
    return found


def _rows_of(place: PromptBatch, predictors: Sequence[Predictor], known: Known, mixture: Mixture) -> list[pd.DataFrame]:
    if mixture.vocabulary:
        return token_rows(place, predictors, known, mixture)
    x, y, queries, truth = (np.asarray(a, np.float64) for a in place.prompts[:4])
    exact, answers = reference_answers(place, known, mixture)
    asked = {}
    for predictor in predictors:
        possible = [length for length in place.lengths if predictor.longest is None or length <= predictor.longest]
        if possible:
            answer, seed = predictor.predict_batch(x, y, queries, possible), _seed_of(predictor)
            asked[len(answers)] = predictor
            answers.append(Answer(predictor.label, seed, tuple(possible), *answer, seed == UNTRAINED))
            told = instructions(predictor, mixture, place.distribution, np.asarray(place.prompts.family))
            for label, family in told.items():
                answer = predictor.predict_batch(x, y, queries, possible, instruction=family)  # pyright: ignore
                answers.append(Answer(label, seed, tuple(possible), *answer))
    # M11 needs one column per algorithm; these are computed only if predictors were given to compare with.
    has_panel = any(answers[number].seed == UNTRAINED for number in asked)
    algorithms = [answer for answer in answers if answer.is_algorithm] if has_panel else []
    rows, frames = Rows(place, mixture, truth, queries, exact), []
    for number, answer in enumerate(answers):
        further = products(answer, algorithms)
        if number in asked and not np.isfinite(answer.mean).all():
            further[FAILURE] = failures(asked[number], answer, x, y, queries)
        spread = distance_from_other_seeds(answer, answers)
        if spread is not None:
            further["seed_spread"] = spread
        if number in asked and answer.seed != UNTRAINED and isinstance(place.probe, InDistribution):
            further["order_variance"] = order_variance(asked[number], x, y, queries, answer.lengths)
        frames.append(rows.of(answer, further))
    return frames


def _all_of(kind: type[Part], key: str, given: Any) -> list[Part]:
    """Returns the given parts as a list.

    Raises:
        SettingError: one of them is something else.
    """
    found = [given] if isinstance(given, kind) or not isinstance(given, Iterable) else list(given)
    for place, one in enumerate(found):
        if isinstance(one, kind):
            continue
        what, name = kind.__name__.lower(), type(one).__name__
        if isinstance(one, type):
            said = f"{one.__name__} is a class; write {one.__name__}()" if issubclass(one, kind) else None
            message = (
                said or f"the class {one.__name__} is not a {what}; give an instance of a subclass of {kind.__name__}"
            )
        else:
            given_as = f"{one!r}" if isinstance(one, str | int | float) else f"an object of type {name}"
            message = f"{given_as} is not a {what}; give an instance of a subclass of {kind.__module__}.{kind.__name__}"
        raise SettingError(Problem(f"{key}.{place}", message))
    return found


def _check_dimensions(predictors: Sequence[Predictor], mixture: Mixture) -> None:
    for place, predictor in enumerate(predictors):
        fits = predictor.predicts_tokens if mixture.vocabulary else predictor.predicts_values
        if not fits:
            has, lacks = ("tokens", "real values") if mixture.vocabulary else ("functions", "tokens")
            message = f"{predictor.label} predicts {lacks}, but the mixture's families are {has}"
            raise SettingError(Problem(f"predictors.{place}", message))
        own = predictor.input_dimension
        if own is not None and own != mixture.dimension:
            message = (
                f"{predictor.label} takes inputs of {own} numbers, but the mixture's inputs have {mixture.dimension}"
            )
            raise SettingError(Problem(f"predictors.{place}", message))


def _mixture_of(predictors: Sequence[Predictor]) -> Mixture:
    for predictor in predictors:
        found = getattr(predictor, "mixture", None)
        if found is not None:
            return found
    raise OffpriorError("mixture: no predictor knows its pretraining mixture; give mixture=")


def _check_probes(probes: Sequence[Probe], mixture: Mixture) -> None:
    for place, probe in enumerate(probes):
        try:
            probe.check_applies(mixture)
        except SettingError as error:
            raise SettingError([problem.inside(f"probes.{place}") for problem in error.problems]) from None
    labels = [probe.label for probe in probes]
    for label in labels:
        if labels.count(label) > 1:
            raise OffpriorError(f"probes: two probes have the same label {label!r}; leave one out")


def _beside_references(predictors: Sequence[Predictor], mixture: Mixture) -> list[Predictor]:
    """Drops predictors that are already among the references, as `Bayes(mixture)` and `Smoother()` are.

    Raises:
        OffpriorError: a label is taken, by a reference or by another predictor.
    """
    found = []
    for predictor in predictors:
        if isinstance(predictor, Bayes) and _is_reference(predictor, mixture):
            continue
        if isinstance(predictor, Smoother) and predictor.label == SMOOTHER:
            continue
        if is_reference(predictor.label):
            raise OffpriorError(f"a predictor has the label {predictor.label!r} of a reference; give it another label")
        found.append(predictor)
    marks = [(predictor.label, _seed_of(predictor)) for predictor in found]
    for mark in marks:
        if marks.count(mark) > 1:
            raise OffpriorError(
                f"two predictors have the label {mark[0]!r} and training seed {mark[1]}; give one another label"
            )
    return found


def _is_reference(predictor: Bayes, mixture: Mixture) -> bool:
    plain = predictor.label == "B" and not predictor.extra and predictor.noise == mixture.bayes_noise
    return plain and bool(eqx.tree_equal(predictor.mixture, mixture))


def _seed_of(predictor: Predictor) -> int:
    return int(predictor.seed) if predictor.trained else UNTRAINED
