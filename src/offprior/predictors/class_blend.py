"""A convex blend of the class posteriors, with a weight from the context alone."""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from offprior.components import Components
from offprior.compute.precision import as_double
from offprior.laws.law import concrete
from offprior.parameter import parameter
from offprior.posterior import posterior
from offprior.predictors.predictor import LABEL, AlgorithmOfMixture, BatchPrediction, in_order, without_variance

NODES = 256


class ClassBlend(AlgorithmOfMixture):
    """w·p₁ + (1 − w)·p₂ of two class posterior means, w in [0, 1] fitted by cross-validation (ours, after M7).

    Fitted to pairs that the posteriors have seen, the weight would go to the class that interpolates. Therefore each
    pair is predicted from a context without it: the pairs, in the order of their inputs, are assigned to folds, and w
    is the least squares fit to the left-out y. Of several pairs of classes, the one with the least error is used. With
    a single context pair, w is ½.

    Raises:
        NoClosedForm: a family is no mixture of Gaussian linear models.
    """

    folds: int = parameter(5, "parts of the context, each left out in turn", minimum=2)
    label: str = parameter("class blend", LABEL)

    @functools.cached_property
    def groups(self) -> list[Components]:
        """The families as components."""
        return [family.components(NODES) for family in self.known.functions]

    def predict_batch(
        self, x: Float[Any, "B n d"], y: Float[Any, "B n"], queries: Float[Any, "B m d"], lengths: Sequence[int]
    ) -> BatchPrediction:
        """Returns means, [B, L, m]; the variance is not-a-number."""
        x, y, queries = as_double(x), as_double(y), as_double(queries)
        means = self._class_means(x, y, queries, lengths)
        blends = [self._blended(x[:, :k], y[:, :k], means[:, place]) for place, k in enumerate(lengths)]
        mean = np.stack(blends, axis=1)
        return BatchPrediction(mean, np.full_like(mean, np.nan))

    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        return without_variance(self._blended(x, y, self._class_means(x, y, queries, [y.shape[1]])[:, 0]))

    def _blended(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], means: Float[np.ndarray, "B F m"]
    ) -> Float[np.ndarray, "B m"]:
        if means.shape[1] == 1:
            return means[:, 0]
        weights = best_pair(*self._left_out(x, y)) if y.shape[1] > 1 else best_pair(means[..., :0], y[:, :0])
        return np.einsum("bf,bfm->bm", weights, means)

    def _left_out(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"]
    ) -> tuple[Float[np.ndarray, "B F t"], Float[np.ndarray, "B t"]]:
        """Returns class posterior means at pairs that they have not seen, and the y there."""
        prompts, pairs = y.shape
        folds = min(self.folds, pairs)
        size = -(-pairs // folds)
        x, y = in_order(x, y)
        # Folds of one size, so that they form one batch: if they do not divide evenly, some pairs are left out twice.
        out = [(fold + folds * np.arange(size)) % pairs for fold in range(folds)]
        kept = [np.setdiff1d(np.arange(pairs), places) for places in out]
        # [prompts, folds, places] as one batch.
        (seen, of_seen), (asked, of_asked) = (
            (x[:, places].reshape(prompts * folds, -1, x.shape[2]), y[:, places].reshape(prompts * folds, -1))
            for places in (np.asarray(kept), np.asarray(out))
        )
        means = self._class_means(seen, of_seen, asked, [pairs - size])[:, 0]
        means = means.reshape(prompts, folds, -1, size).swapaxes(1, 2).reshape(prompts, -1, folds * size)
        return means, of_asked.reshape(prompts, -1)

    def _class_means(self, x: Any, y: Any, queries: Any, lengths: Sequence[int]) -> Float[np.ndarray, "B L F m"]:
        noise = concrete(self.known.bayes_noise)
        assert noise is not None, "a mixture whose noise is traced cannot predict"
        return posterior(self.groups, x, y, queries, lengths, noise, variance=False).mean


def best_pair(
    class_means: Float[np.ndarray, "*rows F m"], target: Float[np.ndarray, "*rows m"]
) -> Float[np.ndarray, "*rows F"]:
    """Returns the weights of the classes in the convex blend of two classes that is nearest to the target.

    Raises:
        ValueError: there is only one class.
    """
    best = np.zeros(class_means.shape[:-1])
    least = np.full(target.shape[:-1], np.inf)
    for i, j in itertools.combinations(range(class_means.shape[-2]), 2):
        first, second = class_means[..., i, :], class_means[..., j, :]
        weight = blend_weight(first, second, target)
        error = np.square(weight[..., None] * first + (1 - weight[..., None]) * second - target).sum(-1)
        weights = np.zeros_like(best)
        weights[..., i], weights[..., j] = weight, 1 - weight
        best, least = np.where((error < least)[..., None], weights, best), np.minimum(error, least)
    if class_means.shape[-2] < 2:
        raise ValueError("a blend needs at least two classes")
    return best


def blend_weight(
    first: Float[np.ndarray, "*rows m"], second: Float[np.ndarray, "*rows m"], target: Float[np.ndarray, "*rows m"]
) -> Float[np.ndarray, "*rows"]:
    """Returns the w in [0, 1] for which w·first + (1 − w)·second is nearest to the target; ½ if both are the same."""
    apart = first - second
    square = np.square(apart).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = (apart * (target - second)).sum(-1) / square
    return np.where(square > 0, np.clip(weight, 0.0, 1.0), 0.5)
