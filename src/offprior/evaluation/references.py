"""The references of every evaluation: B and C, the smoother S, the single classes and their best fits."""

import warnings
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from offprior.columns import BLEND, FLOOR, SMOOTHER
from offprior.components import NoClosedForm
from offprior.errors import ApproximationWarning
from offprior.evaluation.blend import best_blend
from offprior.evaluation.rows import UNTRAINED, Answer, PromptBatch
from offprior.mixture import Mixture
from offprior.predictors._references import ReferenceBatch, References, unknown_references
from offprior.predictors._token_references import TokenReferences
from offprior.predictors.smoother import Smoother
from offprior.probes.in_distribution import InDistribution
from offprior.probes.probe import Probe

NO_POSTERIOR = "there is no B, no C and no verdict, only errors beside other predictors"
"""What is missing for a mixture without an exact posterior."""
NO_COMBINED = "there is no C, and verdicts use the gain over B alone"
LONGEST_SMOOTHED = 512
"""The longest context for which S is evaluated: it decomposes a matrix of all pairs 17 times per prompt."""
NO_SMOOTHER = f"there is no S beyond {LONGEST_SMOOTHED} pairs, because its time grows with their cube"
FLOOR_FACTOR = 10
MOST_LOST = 0.05
"""The most nats that rounding may take from a log evidence without a warning."""


class Known(NamedTuple):
    """The references of a probe."""

    references: References | TokenReferences | None
    """None if the mixture has no exact posterior."""
    has_combined: bool | None
    """None if the probe does not leave the prior, so that C equals B."""


def references_of(probe: Probe, mixture: Mixture) -> Known:
    """Builds B and C of a probe. Warns about, and omits, references without a closed form."""
    strengths = probe.strengths(mixture)
    leaves = not probe.along_context and any(not probe.inside(strength, mixture) for strength in strengths)
    known = [probe.path(strength, mixture) for strength in strengths] if leaves else []
    made = TokenReferences if mixture.vocabulary else References
    try:
        references = made(mixture, known)
    except NoClosedForm as error:
        has_combined = False if known else None
        try:
            alone = made(mixture)
        except NoClosedForm as of_mixture:
            warnings.warn(f"{of_mixture}; {NO_POSTERIOR}", ApproximationWarning, stacklevel=3)
            return Known(None, has_combined)
        reason = str(error).removeprefix(f"{probe.label}: ")
        warnings.warn(f"{probe.label}: {reason}; {NO_COMBINED}", ApproximationWarning, stacklevel=3)
        return Known(alone, has_combined)
    if references.approximation:
        warnings.warn(
            f"{probe.label}: B and C are approximate: {references.approximation}", ApproximationWarning, stacklevel=3
        )
    return Known(references, True if known else None)


def reference_answers(place: PromptBatch, known: Known, mixture: Mixture) -> tuple[ReferenceBatch, list[Answer]]:
    """Evaluates the references at a place; S needs no closed form, but time: it stops at `LONGEST_SMOOTHED`."""
    references, has_combined = known
    assert not isinstance(references, TokenReferences)
    x, y, queries = (np.asarray(a, np.float64) for a in place.prompts[:3])
    if references is None:
        exact = unknown_references((len(x), len(place.lengths), len(mixture.families), queries.shape[1]))
    else:
        # Variances take as long again: they are computed only for prompts on which calibration is compared.
        if isinstance(place.probe, InDistribution):
            _tell_rounding(y, references.noise)
        exact = references.batch(x, y, queries, list(place.lengths), variance=isinstance(place.probe, InDistribution))
    answers = [Answer("B", UNTRAINED, place.lengths, exact.bayes_mean, exact.bayes_variance, references is not None)]
    if has_combined is not None:
        # If C is unknown its rows are empty: absent rows would mean that the prior lacks nothing.
        combined = exact.combined_mean if has_combined else np.full_like(exact.bayes_mean, np.nan)
        answers.append(Answer("C", UNTRAINED, place.lengths, combined, None, bool(has_combined)))
    smoothed = tuple(length for length in place.lengths if length <= LONGEST_SMOOTHED)
    if len(smoothed) < len(place.lengths):
        warnings.warn(NO_SMOOTHER, ApproximationWarning, stacklevel=2)
    if smoothed:
        answers.append(Answer(SMOOTHER, UNTRAINED, smoothed, *Smoother().predict_batch(x, y, queries, smoothed), True))
    if references is not None:
        answers += _of_classes(place, references, mixture, exact)
    return exact, answers


def _tell_rounding(y: Float[np.ndarray, "B n"], noise: float) -> None:
    """Warns if the noise is so small relative to the values that double precision loses evidence.

    A log evidence is a difference of sums of (y/noise)², each of which is rounded.
    """
    lost = float(np.finfo(np.float64).eps * (np.square(y).sum(1).max() / noise**2))
    if lost > MOST_LOST:
        ratio = noise / float(np.sqrt(np.square(y).mean()))
        warnings.warn(
            f"noise: {noise:g} is {ratio:.1g} times the values of y; in double precision log evidences of B and C are "
            f"uncertain by about {lost:.1g} nats, and means where pairs are fewer than coefficients",
            stacklevel=2,
        )


def _of_classes(place: PromptBatch, references: References, mixture: Mixture, exact: ReferenceBatch) -> list[Answer]:
    """Evaluates the single families' posteriors, their best fits, their best blend, and B at a higher noise floor."""
    x, y, queries, truth = (np.asarray(a, np.float64) for a in place.prompts[:4])
    found = []
    for number, name in enumerate(mixture.family_names):
        found.append(Answer(f"class: {name}", UNTRAINED, place.lengths, exact.class_means[:, :, number], None, True))
    for number, fit in enumerate(np.moveaxis(references.best_fits(queries, truth), 1, 0)):
        every_length = np.repeat(fit[:, None], len(place.lengths), axis=1)
        found.append(Answer(f"best fit: {mixture.family_names[number]}", UNTRAINED, place.lengths, every_length))
    if len(mixture.families) > 1:
        found.append(Answer(BLEND, UNTRAINED, place.lengths, best_blend(exact.class_means, truth)))
    if float(np.asarray(mixture.noise)) == 0:
        floor = float(np.asarray(mixture.bayes_noise))
        wider = References(mixture, noise=FLOOR_FACTOR * floor).batch(x, y, queries, list(place.lengths))
        found.append(Answer(FLOOR, UNTRAINED, place.lengths, wider.bayes_mean))
    return found
