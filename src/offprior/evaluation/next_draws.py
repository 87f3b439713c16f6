"""Whether a predictor believes itself: what it predicts after its own next draws, against what it predicts now.

If outputs are exchangeable given their inputs, a Bayesian predictor satisfies under any prior, for a context D and
fresh inputs x₁ and x₂:

- *martingale*: the mean of p(y₂ | D, y₁) over y₁ drawn from p(y₁ | D) is p(y₂ | D). As published by Falck, Wang and
  Holmes (2024, arXiv 2406.00793), who derive it as a necessary condition of Bayesian in-context learning and test
  functionals along paths of a model's own draws. It is also the condition of martingale posteriors, to which Nagler
  and Rügamer (2025, arXiv 2505.11325) apply prior-data fitted networks; see also Fortini et al. (2026, arXiv
  2602.04596). Ours are the two functionals, one draw ahead, and the test: with mean m and variance v of y₂ before the
  draw, m' and v' after it, E[m'] = m and E[(m' − m)² + v'] = v.
- *consistent conditioning*: p(y₁ | D) p(y₂ | D, y₁) = p(y₂ | D) p(y₁ | D, y₂), the chain rule in both orders. The
  condition is elementary; the statistic is ours.

*Martingale.* A prompt's drift δ has either sign, so that a mean of δ over prompts cancels: nearest neighbours drift
up as often as down. Draws therefore come in two independent halves. The product of both estimates of δ is an unbiased
estimate of δ²; if the predictor is consistent, it has mean 0 for every prompt, whatever the scale by which it is
divided, and a skewness that is not negative, so that a one-sided t-test does not reject too often. Each half is
stratified over the levels of the distribution function, which removes most noise and adds no bias. Drifts are divided
by the predictive standard deviation of y₂, those of the variance by its square.

*Conditioning.* The measure is the total variation between both joints, ½∫|p(y₁)p(y₂|y₁) − p(y₂)p(y₁|y₂)|: the most by
which the two orders differ about the probability of an event. With independent draws of y₁ and y₂ it is the mean of
½|p(y₂|y₁)/p(y₂) − p(y₁|y₂)/p(y₁)|, of which every term is 0 if the predictor is consistent. There is no noise then
that could cause a false alarm, while any term above 0 is evidence. All pairs of draws are used; the estimate is cut
at 1. The mean log-ratio, a Kullback-Leibler divergence, would be unbounded where one order gives almost no density.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from offprior.predictive.distribution import Distribution
from offprior.predictors.predictor import Predictor

HALVES = 2
MOST = 700.0
"""The largest logarithm of a ratio of densities."""


class OwnDraws(NamedTuple):
    """What one draw of its own does to a predictor, for every prompt; not-a-number where a prompt was not answered."""

    mean: Float[np.ndarray, " b"]
    """Unbiased estimate of the squared drift of the predictive mean, over the predictive variance."""
    variance: Float[np.ndarray, " b"]
    """Unbiased estimate of the squared drift of the predictive variance, over the squared predictive variance."""
    conditioning: Float[np.ndarray, " b"]
    """Total variation between the joints of two outputs in both orders of conditioning."""


def own_draws(
    predictor: Predictor,
    x: Float[np.ndarray, "b n d"],
    y: Float[np.ndarray, "b n"],
    queries: Float[np.ndarray, "b 2 d"],
    noise: float,
    draws: int,
    drawn: np.random.Generator,
) -> OwnDraws | None:
    """Draws outputs at each of two fresh inputs, and predicts at the other one after each draw.

    Args:
        predictor: what is audited.
        x: the contexts' inputs.
        y: the contexts' outputs.
        queries: the two fresh inputs.
        noise: as for `Predictor.predictive`.
        draws: how many outputs are drawn at each input, an even number of at least 4.
        drawn: the source of the levels.

    Returns:
        The three measures; None if the predictor has no predictive distribution.
    """
    now = predictor.predictive(x, y, queries, noise)
    if now is None:
        return None
    outputs = now.quantiles(stratified(drawn, (*queries.shape[:2], draws)))
    mean, variance = now.mean, now.variance
    log_now = now.log_density(outputs)
    drifts, ratios = [], []
    for first, second in ((0, 1), (1, 0)):
        after = _after_each(predictor, x, y, queries[:, first], outputs[:, first], queries[:, second], noise)
        if after is None:
            return None
        shape = outputs[:, first].shape
        moved = after.mean.reshape(shape) - mean[:, second, None]
        spread = np.square(moved) + after.variance.reshape(shape) - variance[:, second, None]
        scale = variance[:, second]
        drifts.append((squared(moved) / scale, squared(spread) / np.square(scale)))
        others = np.repeat(outputs[:, second], draws, axis=0)[:, None]
        log_after = after.log_density(others).reshape(*shape, draws)
        ratios.append(np.exp(np.minimum(log_after - log_now[:, second, None], MOST)))
    apart = np.abs(ratios[0] - ratios[1].swapaxes(1, 2)).mean((1, 2)) / 2
    of_mean, of_variance = (np.mean(parts, axis=0) for parts in zip(*drifts, strict=True))
    return OwnDraws(of_mean, of_variance, np.minimum(apart, 1.0))


def stratified(drawn: np.random.Generator, shape: tuple[int, ...]) -> Float[np.ndarray, "*shape"]:
    """Returns uniform levels, in two independent halves along the last axis, each with one level per stratum."""
    strata = shape[-1] // HALVES
    start = np.tile(np.arange(strata), HALVES)
    return np.clip((start + drawn.random(shape)) / strata, 1e-12, 1 - 1e-12)


def squared(drift: Float[np.ndarray, "b draws"]) -> Float[np.ndarray, " b"]:
    """Returns the product of the means over two independent halves of the draws."""
    first, second = np.split(drift, HALVES, axis=1)
    return first.mean(1) * second.mean(1)


def _after_each(
    predictor: Predictor,
    x: Float[np.ndarray, "b n d"],
    y: Float[np.ndarray, "b n"],
    at: Float[np.ndarray, "b d"],
    outputs: Float[np.ndarray, "b r"],
    query: Float[np.ndarray, "b d"],
    noise: float,
) -> Distribution | None:
    """Returns the distributions at `query` [b·r, 1] after the pair of `at` and each output was appended."""
    draws = outputs.shape[1]
    inputs, context, asked = (np.repeat(each, draws, axis=0) for each in (at[:, None], y, query[:, None]))
    longer = np.concatenate([np.repeat(x, draws, axis=0), inputs], axis=1)
    return predictor.predictive(longer, np.concatenate([context, outputs.reshape(-1, 1)], axis=1), asked, noise)
