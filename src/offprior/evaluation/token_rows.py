"""The rows of one place whose prompts are sequences of tokens: divergences in nats in place of squared errors.

The columns are those of `rows.py`. With O the true probabilities of the next token, p the predictor's and B's those of
the Bayes predictor, `squared_error` is KL(O ‖ p) and `bayes_gap` is KL(B ‖ p), in nats per token. A divergence has a
unit of its own, so that its scale is 1: `truth_mean` is 0 and `truth_square` is 1.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from offprior.analysis.identification import DIVERGENCE
from offprior.analysis.implied import implied_columns
from offprior.columns import NATS, SMOOTHER
from offprior.evaluation.references import Known
from offprior.evaluation.rows import UNTRAINED, Answer, PromptBatch, Rows, compared
from offprior.mixture import Mixture
from offprior.predictors._references import ReferenceBatch, unknown_references
from offprior.predictors._token_references import TokenReferences
from offprior.predictors.back_off import BackOff
from offprior.predictors.predictor import Predictor

OF_FUNCTIONS = ("slope", "true_slope", "amplitude", "true_amplitude")
"""Columns of every table that sequences of tokens leave empty."""
LEAST = 1e-10
"""Probabilities count as at least this: an impossible token that occurs costs 23 nats instead of infinitely many."""


def divergence(truth: Float[np.ndarray, "*rows v"], found: Float[np.ndarray, "*rows v"]) -> Float[np.ndarray, "*rows"]:
    """Returns KL(truth ‖ found) in nats; see `LEAST`."""
    ratio = np.log(np.maximum(truth, LEAST)) - np.log(np.maximum(found, LEAST))
    return np.maximum((truth * ratio).sum(-1), 0.0)


def token_rows(
    place: PromptBatch, predictors: Sequence[Predictor], known: Known, mixture: Mixture
) -> list[pd.DataFrame]:
    """Evaluates the references and the predictors at a place whose prompts are sequences of tokens."""
    tokens = np.asarray(place.prompts.y).astype(np.int32)
    truth = np.asarray(place.prompts.truth, np.float64)[:, list(place.lengths)]
    references, has_combined = known
    assert references is None or isinstance(references, TokenReferences)
    if references is None:
        exact = unknown_references((*truth.shape[:2], len(mixture.families), mixture.vocabulary))
    else:
        exact = references.batch(tokens, place.lengths)
    answers = [Answer("B", UNTRAINED, place.lengths, exact.bayes_mean, None, references is not None)]
    if has_combined is not None:
        combined = exact.combined_mean if has_combined else np.full_like(exact.bayes_mean, np.nan)
        answers.append(Answer("C", UNTRAINED, place.lengths, combined, None, bool(has_combined)))
    smoothed = BackOff().for_mixture(mixture).next_tokens(tokens, place.lengths)
    answers.append(Answer(SMOOTHER, UNTRAINED, place.lengths, smoothed, None, True))
    if references is not None:
        for number, name in enumerate(mixture.family_names):
            answers.append(
                Answer(f"class: {name}", UNTRAINED, place.lengths, exact.class_means[:, :, number], None, True)
            )
    for predictor in predictors:
        possible = [length for length in place.lengths if predictor.longest is None or length <= predictor.longest]
        if possible:
            seed = int(predictor.seed) if predictor.trained else UNTRAINED
            found = predictor.next_tokens(tokens, possible)
            answers.append(Answer(predictor.label, seed, tuple(possible), found, None, not predictor.trained))
    # M11 needs one column per algorithm; these are computed only if predictors were given to compare with.
    has_panel = any(not predictor.trained for predictor in predictors)
    algorithms = [answer for answer in answers if answer.is_algorithm] if has_panel else []
    rows = TokenRows(place, mixture, truth, exact)
    return [rows.of(answer, compared(answer, algorithms, DIVERGENCE, _from_other)) for answer in answers]


def _from_other(own: Float[np.ndarray, "b v"], other: Float[np.ndarray, "b v"]) -> Float[np.ndarray, " b"]:
    return divergence(other, own)


class TokenRows(Rows):
    """The data that the rows of all predictors at a place share, and the columns computed from it."""

    def __init__(
        self,
        place: PromptBatch,
        mixture: Mixture,
        truth: Float[np.ndarray, "b lengths v"],
        exact: ReferenceBatch,
    ):
        self._place, self._truth, self._exact = place, truth, exact
        names = place.distribution.family_names
        self._families = np.asarray(names)[np.asarray(place.prompts.family)]
        self._prior_low, self._prior_high = place.probe.prior_range(mixture) or (np.nan, np.nan)

    def _columns(
        self, length: int, mean: Float[np.ndarray, "b v"], variance: Float[np.ndarray, "b v"]
    ) -> dict[str, Float[np.ndarray, " b"]]:
        exact, at = self._exact, self._place.lengths.index(length)
        truth, nothing = self._truth[:, at], np.zeros(len(mean))
        return {
            "squared_error": divergence(truth, mean),
            "bayes_gap": divergence(exact.bayes_mean[:, at], mean),
            "truth_mean": nothing,
            "truth_square": nothing + 1,
            "surprise": -exact.log_evidence[:, at],
            "class_probability": exact.class_probability[:, at, 0],
            **implied_columns(mean, exact.class_means[:, at]),
            **dict.fromkeys(OF_FUNCTIONS, nothing + np.nan),
            "unit": np.full(len(mean), NATS, dtype=object),
        }
