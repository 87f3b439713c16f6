"""Linear read-outs of the family from each layer's residual stream at the query's token."""

import dataclasses
import math
import warnings
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from offprior.components import NoClosedForm
from offprior.compute.randomness import fold
from offprior.compute.threads import LAPACK, blas_on_one_thread
from offprior.evaluation.inside_model import Inside
from offprior.mixture import Mixture, draw_sequences
from offprior.predictors._references import References
from offprior.predictors.predictor import Predictor

PROMPTS = 3072
"""Prompts from the mixture on which a read-out is fitted."""
HELD_OUT = 1024
"""Further prompts on which it is tested."""
VALIDATION = 4
"""One in this many prompts is used to choose the penalty."""
PENALTIES = (0.03, 0.3, 3.0)
"""Inverse penalties (scikit-learn's C) from which each layer's is chosen by cross-entropy."""
MOST_STEPS = 500
"""The most steps of the optimiser; an unconverged fit is used as it is."""


class LinearReadOut(NamedTuple):
    """A linear read-out: the families' log-probabilities are linear in the features, up to normalisation."""

    weight: Float[np.ndarray, "w F"]
    bias: Float[np.ndarray, " F"]
    """−∞ for a family that was not among the prompts."""

    @classmethod
    def fitted(
        cls, features: Float[np.ndarray, "b w"], family: Int[np.ndarray, " b"], families: int
    ) -> "LinearReadOut":
        """Fits multinomial logistic regression with an L2 penalty on standardised features.

        The penalty is chosen by cross-entropy on the last quarter of the prompts, which then join the fit.

        Raises:
            ValueError: fewer than two families are among the prompts that are fitted first.
        """
        first = len(family) - len(family) // VALIDATION
        losses = []
        for penalty in PENALTIES:
            found = cls._with_penalty(features[:first], family[:first], families, penalty)
            losses.append(cross_entropy(found.log_probability(features[first:]), family[first:]))
        return cls._with_penalty(features, family, families, PENALTIES[int(np.argmin(losses))])

    @classmethod
    def _with_penalty(cls, features: np.ndarray, family: np.ndarray, families: int, penalty: float) -> "LinearReadOut":
        mean, scale = features.mean(0), features.std(0)
        # A feature that varies only by rounding carries no information and is not scaled up.
        scale = np.where(scale > 1e-6 * np.maximum(np.abs(mean), 1e-6), scale, np.inf)
        fit = LogisticRegression(C=penalty, max_iter=MOST_STEPS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fit.fit((features - mean) / scale, family)
        weight, bias = np.zeros((features.shape[1], families)), np.full(families, -np.inf)
        if len(fit.classes_) == 2:  # scikit-learn then has only the second class's log-odds
            weight[:, fit.classes_[1]] = fit.coef_[0]
            bias[fit.classes_] = 0.0, fit.intercept_[0]
        else:
            weight[:, fit.classes_], bias[fit.classes_] = fit.coef_.T, fit.intercept_
        weight /= scale[:, None]
        return cls(weight, bias - mean @ weight)

    def log_probability(self, features: Float[np.ndarray, "*b w"]) -> Float[np.ndarray, "*b F"]:
        """Returns the normalised log-probability of each family."""
        return log_softmax(features @ self.weight + self.bias, axis=-1)


@dataclasses.dataclass(frozen=True)
class FamilyReadOut:
    """Linear probes of the family in each layer (Alain and Bengio 2016, arXiv 1610.01644), with their own test.

    A probe shows that information is present in a layer, not that the network uses it. Rows are the embedded query,
    which holds x alone, then each layer.
    """

    inside: Inside
    layers: tuple[LinearReadOut, ...]
    accuracy: Float[np.ndarray, " s"]
    """Share of held-out prompts whose family is the most probable one."""
    cross_entropy: Float[np.ndarray, " s"]
    """Mean −log P(family) of held-out prompts, in nats."""
    exact_accuracy: float
    """Accuracy of the exact P(family | context) on the same prompts, which no read-out exceeds in expectation.

    Not-a-number if the mixture has no closed form.
    """
    exact_cross_entropy: float
    """Cross-entropy of the exact P(family | context) on the same prompts; not-a-number without a closed form."""
    chance_cross_entropy: float
    """Cross-entropy of the mixture's weights alone."""

    @classmethod
    def fitted(
        cls,
        model: Predictor,
        mixture: Mixture,
        key: PRNGKeyArray,
        *,
        prompts: int = PROMPTS,
        held_out: int = HELD_OUT,
    ) -> "FamilyReadOut | None":
        """Fits read-outs on fresh prompts of the mixture, with contexts of 1 pair up to the training length.

        The result is a pure function of the model, the mixture and the key. It is None if there is only one family to
        read.

        Raises:
            OffpriorError: the model is not a pretrained network, or does not expose its layers.
        """
        inside, families = Inside(model), len(mixture.families)
        longest = min(inside.model.trained_to, inside.model.longest or inside.model.trained_to)
        drawn = _drawn(mixture, fold(key, "prompts"), prompts + held_out, longest)
        if np.unique(drawn.family[: prompts - prompts // VALIDATION]).size < 2:
            return None
        testing = _Drawn(*(array[prompts:] for array in drawn))
        with blas_on_one_thread():
            streams = np.asarray(inside.trace(*drawn[:4]).streams, np.float64)[:, :, 0].swapaxes(0, 1)
            layers = tuple(LinearReadOut.fitted(each[:prompts], drawn.family[:prompts], families) for each in streams)
            found = [one.log_probability(each[prompts:]) for one, each in zip(layers, streams, strict=True)]
            exact = _exact(mixture, testing)
        prior = np.broadcast_to(_log(np.asarray(mixture.weights, np.float64)), exact.shape)
        return cls(
            inside=inside,
            layers=layers,
            accuracy=np.asarray([accuracy(each, testing.family) for each in found]),
            cross_entropy=np.asarray([cross_entropy(each, testing.family) for each in found]),
            exact_accuracy=accuracy(exact, testing.family),
            exact_cross_entropy=cross_entropy(exact, testing.family),
            chance_cross_entropy=cross_entropy(prior, testing.family),
        )

    def read(
        self, x: Float[Any, "n *d"], y: Float[Any, " n"], query: Float[Any, "*d"] | float
    ) -> Float[np.ndarray, "s F"]:
        """Returns P(family) as each layer holds it at one query's token, given the whole context; each layer sums to 1.

        The read-outs were fitted on contexts of one pair or more, so the result for an empty context has no meaning.

        Raises:
            OffpriorError: the context is longer than the network can take.
            ValueError: the shapes do not fit together.
        """
        streams = self.inside.streams(x, y, query)
        return np.exp([one.log_probability(of_layer) for one, of_layer in zip(self.layers, streams, strict=True)])


def accuracy(log_probability: Float[np.ndarray, "b F"], family: Int[np.ndarray, " b"]) -> float:
    """Returns the share of prompts whose own family is the most probable; not-a-number if a probability is unknown."""
    return math.nan if np.isnan(log_probability).any() else float((log_probability.argmax(-1) == family).mean())


def cross_entropy(log_probability: Float[np.ndarray, "b F"], family: Int[np.ndarray, " b"]) -> float:
    """Returns the mean −log P(own family), in nats."""
    return -float(np.take_along_axis(log_probability, family[:, None], axis=-1).mean())


class _Drawn(NamedTuple):
    x: Float[np.ndarray, "b n d"]
    y: Float[np.ndarray, "b n"]
    queries: Float[np.ndarray, "b 1 d"]
    lengths: Int[np.ndarray, " b"]
    family: Int[np.ndarray, " b"]


def _drawn(mixture: Mixture, key: PRNGKeyArray, count: int, longest: int) -> _Drawn:
    """Draws prompts as in pretraining, all context lengths equally often; the query is the next point."""
    with LAPACK:  # some laws of inputs call LAPACK
        drawn = jax.block_until_ready(draw_sequences(mixture, key, count, longest + 1))
    x, y, family = (np.asarray(array) for array in (drawn.x, drawn.y, drawn.family))
    lengths = 1 + np.arange(count) % longest
    queries = np.take_along_axis(x, lengths[:, None, None], axis=1)
    return _Drawn(x[:, :longest], y[:, :longest], queries, lengths, family)


def _exact(mixture: Mixture, drawn: _Drawn) -> Float[np.ndarray, "b F"]:
    """Returns the exact log P(family | context) of each prompt; not-a-number if the mixture has no closed form."""
    found = np.full((len(drawn.family), len(mixture.families)), np.nan)
    try:
        references = References(mixture)
    except NoClosedForm:
        return found
    longest = drawn.x.shape[1]
    for length in np.unique(drawn.lengths):
        chosen = drawn.lengths == length
        batch = references.batch(drawn.x[chosen], drawn.y[chosen], drawn.queries[chosen], [int(length)], room=longest)
        found[chosen] = _log(batch.class_probability[:, 0])
    return found


def _log(share: Float[np.ndarray, "*rows F"]) -> Float[np.ndarray, "*rows F"]:
    return np.log(np.maximum(share, np.finfo(np.float64).tiny))
