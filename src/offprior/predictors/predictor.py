"""The base classes of predictors: one call, from a context and queries to a mean and a variance."""

import abc
import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from offprior.compute.precision import as_double, single
from offprior.compute.threads import blas_on_one_thread
from offprior.errors import OffpriorError
from offprior.mixture import Mixture
from offprior.parameter import Part
from offprior.posterior import Posterior
from offprior.predictive.distribution import Distribution
from offprior.predictive.normal import Normal
from offprior.prompt_check import many_prompts, one_prompt

LABEL = "name in tables and figures"
"""Describes the parameter `label`, which every predictor of a recipe has."""
TIE = 1e-9
"""Relative difference below which two errors count as equal."""


class Prediction(NamedTuple):
    """Predictive mean and variance at the queries of one prompt; the variance is of the noise-free value."""

    mean: Float[np.ndarray, " m"]
    variance: Float[np.ndarray, " m"]
    """Not-a-number if the predictor has no variance."""


class BatchPrediction(NamedTuple):
    """Predictions for B prompts at L context lengths, otherwise as in `Prediction`."""

    mean: Float[np.ndarray, "B L m"]
    variance: Float[np.ndarray, "B L m"]


def _checked_batch(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def predict_batch(self: "Predictor", x: Any, y: Any, queries: Any, lengths: Any, **further: Any) -> BatchPrediction:
        prompts = many_prompts(x, y, queries, lengths, self.input_dimension)
        shape = (len(prompts.x), len(prompts.lengths), prompts.queries.shape[1])
        if 0 in shape:
            return BatchPrediction(np.zeros(shape), np.zeros(shape))
        with single():
            answer = BatchPrediction(*method(self, *prompts, **further))
        if not np.shape(answer.mean) == np.shape(answer.variance) == shape:
            given = f"{list(np.shape(answer.mean))} and {list(np.shape(answer.variance))}"
            wanted = f"{list(shape)} [prompts, lengths, queries]"
            raise OffpriorError(f"{self.label}: it returned means and variances of shapes {given}, expected {wanted}")
        return answer

    return predict_batch


def _checked_classes(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def classes(self: "Predictor", x: Any, y: Any, queries: Any, lengths: Any, **further: Any) -> Posterior:
        prompts = many_prompts(x, y, queries, lengths, self.input_dimension)
        asked = prompts.queries.shape[1]
        if not asked:  # the evidence of the families is computed even if there are no queries
            prompts = prompts._replace(queries=np.zeros((len(prompts.x), 1, prompts.x.shape[2])))
        with single():
            found = method(self, *prompts, **further)
        return dataclasses.replace(found, mean=found.mean[..., :asked], variance=found.variance[..., :asked])

    return classes


def _checked_context(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def of_context(self: "Predictor", x: Any, y: Any, **further: Any) -> Any:
        x, y, _ = one_prompt(x, y, [], self.input_dimension)
        with single():
            return method(self, x, y, **further)

    return of_context


def _checked_prompt(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def predict(self: "Predictor", x: Any, y: Any, queries: Any, **further: Any) -> Prediction:
        x, y, queries = one_prompt(x, y, queries, self.input_dimension)
        if not len(queries):
            return Prediction(np.zeros(0), np.zeros(0))
        with single():
            return method(self, x, y, queries, **further)

    return predict


def _checked_distribution(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def predictive(self: "Predictor", x: Any, y: Any, queries: Any, noise: float) -> Distribution | None:
        y = np.asarray(y)
        prompts = many_prompts(x, y, queries, [y.shape[-1]], self.input_dimension)
        with single():
            return method(self, *prompts[:3], noise)

    return predictive


_CHECKED = {
    "predict": _checked_prompt,
    "predict_batch": _checked_batch,
    "classes": _checked_classes,
    "family_posterior": _checked_context,
    "log_evidence": _checked_context,
    "predictive": _checked_distribution,
}
"""The check that wraps each of these methods when a subclass defines it."""


class Predictor(abc.ABC):
    """An in-context learner: maps a context and queries to a predictive distribution.

    Inputs are checked once, for every predictor: if a subclass defines `predict`, `predict_batch`, `classes`,
    `family_posterior` or `log_evidence`, that method receives finite numbers in double precision, with matching shapes,
    and never an empty batch (`offprior.prompt_check`). Results do not depend on the process's jax settings.
    """

    label: str
    """The name in tables and figures."""
    longest: int | None = None
    """The longest context that the predictor accepts; None if there is no limit."""
    trained: bool = False
    """Whether the predictor is trained.

    If so, tables keep its training `seed`, and verdicts depend on the number of seeds.
    """
    seed: int = 0
    """The training seed of a trained predictor."""
    outside_recipes: ClassVar[str] = ""
    """Why a recipe cannot name this predictor; empty if it can."""

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        for name, checked in _CHECKED.items():
            own = vars(cls).get(name)
            if callable(own) and not getattr(own, "__isabstractmethod__", False):
                setattr(cls, name, checked(own))

    @property
    def input_dimension(self) -> int | None:
        """How many numbers an input must have: the mixture's dimension, or None if any dimension is accepted."""
        mixture = getattr(self, "mixture", None)
        return None if mixture is None else mixture.dimension

    @abc.abstractmethod
    def predict_batch(
        self,
        x: Float[Any, "B n d"],
        y: Float[Any, "B n"],
        queries: Float[Any, "B m d"],
        lengths: Sequence[int],
    ) -> BatchPrediction:
        """Predicts for every prompt from its first k pairs, for every k in `lengths`.

        Args:
            x: the contexts' inputs.
            y: the contexts' outputs.
            queries: the inputs at which to predict, the same for all lengths.
            lengths: context lengths in pairs, at most n each.

        Returns:
            Means and variances, [B, L, m].
        """

    @property
    def predicts_tokens(self) -> bool:
        """Whether it defines `next_tokens`."""
        return type(self).next_tokens is not Predictor.next_tokens

    @property
    def predicts_values(self) -> bool:
        """Whether it predicts real values."""
        return True

    def next_tokens(self, tokens: Int[Any, "B n"], lengths: Sequence[int]) -> Float[np.ndarray, "B L vocabulary"]:
        """Predicts the token after the first k tokens of every sequence, for every k in `lengths`.

        Returns:
            The probability of each token.

        Raises:
            OffpriorError: the predictor predicts real values.
        """
        raise OffpriorError(f"{self.label} predicts real values, not tokens: it defines no `next_tokens`")

    def predictive(
        self, x: Float[Any, "B n d"], y: Float[Any, "B n"], queries: Float[Any, "B m d"], noise: float
    ) -> Distribution | None:
        """Returns the distribution of a new output at each query [B, m], noise included, given the whole contexts.

        Unless a predictor defines its own, it is normal with the mean and variance of `predict_batch`; `noise` is added
        to predictions of the noise-free value only. None if there is no distribution; not-a-number for no answer.
        """
        length = np.shape(y)[-1]
        mean, variance = self.predict_batch(x, y, queries, [length])
        return None if np.isnan(variance).all() else Normal(mean[:, 0], variance[:, 0] + noise**2)

    def reason(self, x: Float[np.ndarray, "k d"], y: Float[np.ndarray, " k"], queries: Float[np.ndarray, "m d"]) -> str:
        """Says why a prompt was answered by means that are not finite."""
        return "its means are not finite"

    def for_mixture(self, mixture: Mixture) -> "Predictor":
        """Returns the predictor to compare with models pretrained on `mixture`.

        This is the predictor itself if it does not depend on a mixture, or already has one.
        """
        return self

    def predict(self, x: Any, y: Any, queries: Any) -> Prediction:
        """Predicts at the queries of one prompt, given the whole context.

        Args:
            x: the context's inputs, [n, d]. Arrays, lists and pandas tables are accepted, here and below.
            y: the context's outputs, [n].
            queries: the inputs at which to predict, [m, d].

        Raises:
            SettingError: a number is missing, masked or not finite; the shapes do not fit together.
        """
        x, y, queries = one_prompt(x, y, queries, self.input_dimension)
        mean, variance = self.predict_batch(x[None], y[None], queries[None], [len(y)])
        return Prediction(mean[0, 0], variance[0, 0])


class Algorithm(Part, Predictor):
    """A predictor that answers each context on its own, with settings declared by `offprior.parameter.parameter`.

    Without any context it answers 0.
    """

    @abc.abstractmethod
    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        """Returns means and variances of the noise-free value, from contexts of one length with at least one pair."""

    def predict_batch(
        self,
        x: Float[Any, "B n d"],
        y: Float[Any, "B n"],
        queries: Float[Any, "B m d"],
        lengths: Sequence[int],
    ) -> BatchPrediction:
        """Returns means and variances [B, L, m] of the noise-free value; variances may be not-a-number."""
        x, y, queries = as_double(x), as_double(y), as_double(queries)
        nothing = without_variance(np.zeros(queries.shape[:2]))
        with blas_on_one_thread():
            answers = [self.answer(x[:, :length], y[:, :length], queries) if length else nothing for length in lengths]
        return BatchPrediction(*(np.stack(parts, axis=1) for parts in zip(*answers, strict=True)))


class AlgorithmOfMixture(Algorithm):
    """An algorithm that knows something about the pretraining mixture; the default mixture unless one is given."""

    mixture: Mixture | None = None

    @property
    def input_dimension(self) -> int | None:
        return self.known.dimension

    def for_mixture(self, mixture: Mixture) -> "Predictor":
        return self if self.mixture is not None else dataclasses.replace(self, mixture=mixture)

    @property
    def known(self) -> Mixture:
        """The mixture that the algorithm knows."""
        return Mixture() if self.mixture is None else self.mixture


def without_variance(mean: Float[np.ndarray, "B m"]) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
    """Returns `mean` with a variance of not-a-number, for algorithms that have no variance."""
    return mean, np.full_like(mean, np.nan)


def in_order(
    x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"]
) -> tuple[Float[np.ndarray, "B k d"], Float[np.ndarray, "B k"]]:
    """Sorts the pairs by their inputs, so that folds do not depend on the order of the context."""
    order = np.lexsort((y, *np.moveaxis(x, -1, 0)[::-1]))
    return np.take_along_axis(x, order[..., None], axis=1), np.take_along_axis(y, order, axis=1)


def first_of_the_best(errors: Float[np.ndarray, "B g"]) -> Int[np.ndarray, " B"]:
    """Returns the first setting whose error is least up to rounding, so that no answer depends on the last digit."""
    least = errors.min(1, keepdims=True)
    return (errors <= least + TIE * np.abs(least)).argmax(1)
