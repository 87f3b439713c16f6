"""Output heads: from a decoder's last layer to a predictive distribution of y.

- `ValueHead`: one number, squared error (DeepMind, Garg et al. 2022).
- `GaussianHead`: mean and log-variance, negative log-likelihood.
- `BucketHead`: a density that is constant on buckets fitted to the prior's quantiles, with half-normal tails
  (Müller et al. 2022, section 4, the "Riemann distribution"); its mean is the prediction.
- `SoftmaxHead`: one probability per token, cross-entropy.
"""

import abc
import math
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from scipy.special import softmax

from offprior.networks.decoder import Affine
from offprior.predictive.buckets import Buckets
from offprior.predictive.distribution import Distribution
from offprior.predictive.normal import Normal

LOG_TWO_PI = math.log(2 * math.pi)
HALF_NORMAL_MEAN = math.sqrt(2 / math.pi)
"""The mean of |N(0, 1)|."""


class PredictiveMoments(NamedTuple):
    """Mean and variance of the predictive distribution of y; the variance is not-a-number if a head has none."""

    mean: Float[Array, "*rows"]
    variance: Float[Array, "*rows"]


class Head(eqx.Module):
    """Maps features to a predictive distribution."""

    @abc.abstractmethod
    def __call__(self, features: Float[Array, "*rows w"]) -> Float[Array, "*rows o"]:
        """Returns the raw outputs."""

    @abc.abstractmethod
    def loss(self, outputs: Float[Array, "*rows o"], y: Float[Array, "*rows"]) -> Float[Array, "*rows"]:
        """Returns the training loss of each row: squared error, or nats."""

    @abc.abstractmethod
    def moments(self, outputs: Float[Array, "*rows o"]) -> PredictiveMoments:
        """Returns the predictive mean and variance of y."""

    def distribution(self, outputs: Float[np.ndarray, "*rows o"]) -> Distribution | None:
        """Returns the predictive distribution of y from the raw outputs; None if the head has none."""
        return None


class ValueHead(Head):
    """A head with one number per query."""

    read_out: Affine

    def __call__(self, features: Float[Array, "*rows w"]) -> Float[Array, "*rows o"]:
        return self.read_out(features)

    def loss(self, outputs: Float[Array, "*rows o"], y: Float[Array, "*rows"]) -> Float[Array, "*rows"]:
        return jnp.square(outputs[..., 0].astype(jnp.float32) - y)

    def moments(self, outputs: Float[Array, "*rows o"]) -> PredictiveMoments:
        return PredictiveMoments(outputs[..., 0], jnp.full(outputs.shape[:-1], jnp.nan, outputs.dtype))


class GaussianHead(Head):
    """A head with a mean and a log-variance per query."""

    read_out: Affine

    def __call__(self, features: Float[Array, "*rows w"]) -> Float[Array, "*rows o"]:
        return self.read_out(features)

    def loss(self, outputs: Float[Array, "*rows o"], y: Float[Array, "*rows"]) -> Float[Array, "*rows"]:
        mean, log_variance = outputs[..., 0].astype(jnp.float32), outputs[..., 1].astype(jnp.float32)
        return 0.5 * (jnp.square(y - mean) * jnp.exp(-log_variance) + log_variance + LOG_TWO_PI)

    def moments(self, outputs: Float[Array, "*rows o"]) -> PredictiveMoments:
        return PredictiveMoments(outputs[..., 0], jnp.exp(outputs[..., 1]))

    def distribution(self, outputs: Float[np.ndarray, "*rows o"]) -> Normal:
        raw = np.asarray(outputs, np.float64)
        return Normal(raw[..., 0], np.exp(raw[..., 1]))


class BucketHead(Head):
    """A piecewise constant density with half-normal tails, fitted to the prior.

    `borders` and `tails` are never trained.

    A tail's mean is that of the prior beyond its border. (The published rule, half of a tail's mass within the
    outermost bucket, puts the mean of a heavy tail such as that of k·x far outside: an NMSE of .009 on the demo's
    lines, at every context length, from the two tails alone.)
    """

    hidden: Affine
    read_out: Affine
    borders: Float[Array, " edges"]
    tails: Float[Array, "2"]
    """Scales of the half-normals below and above."""

    @classmethod
    def initialise(
        cls, key: PRNGKeyArray, width: int, hidden: int, buckets: int, targets: Float[Array, " samples"]
    ) -> "BucketHead":
        """Puts borders at the quantiles of `targets`, draws of y from the prior: each bucket holds an equal share."""
        first, second = jax.random.split(key)
        quantiles = jnp.quantile(targets, jnp.linspace(0, 1, buckets + 1))
        # If the prior has an atom, neighbouring quantiles coincide; a bucket needs a positive width.
        spread = jnp.maximum(targets.std(), 1e-6) * 1e-4
        borders = quantiles + spread * jnp.linspace(0, 1, buckets + 1)
        tails = jnp.stack([_mean_excess(borders[1] - targets), _mean_excess(targets - borders[-2])]) / HALF_NORMAL_MEAN
        head = Affine.initialise(first, width, hidden), Affine.initialise(second, hidden, buckets)
        return cls(*head, borders, jnp.maximum(tails, spread))

    def __call__(self, features: Float[Array, "*rows w"]) -> Float[Array, "*rows o"]:
        return self.read_out(jax.nn.gelu(self.hidden(features)))

    def loss(self, outputs: Float[Array, "*rows o"], y: Float[Array, "*rows"]) -> Float[Array, "*rows"]:
        borders = jax.lax.stop_gradient(self.borders)
        outputs = outputs.astype(jnp.float32)
        index = jnp.searchsorted(borders[1:-1], y, side="right")
        chosen = jnp.take_along_axis(outputs, index[..., None], axis=-1)[..., 0]
        low, high = jax.lax.stop_gradient(self.tails)
        inside = -jnp.log(jnp.diff(borders))[index]
        below = _half_normal_log_density(borders[1] - y, low)
        above = _half_normal_log_density(y - borders[-2], high)
        last = outputs.shape[-1] - 1
        density = jnp.where(index == 0, below, jnp.where(index == last, above, inside))
        return jax.nn.logsumexp(outputs, axis=-1) - chosen - density

    def moments(self, outputs: Float[Array, "*rows o"]) -> PredictiveMoments:
        borders = jax.lax.stop_gradient(self.borders)
        low, high = jax.lax.stop_gradient(self.tails)
        centres = 0.5 * (borders[1:] + borders[:-1])
        spreads = jnp.square(jnp.diff(borders)) / 12
        centres = (
            centres.at[0].set(borders[1] - HALF_NORMAL_MEAN * low).at[-1].set(borders[-2] + HALF_NORMAL_MEAN * high)
        )
        spreads = spreads.at[0].set((1 - HALF_NORMAL_MEAN**2) * low**2).at[-1].set((1 - HALF_NORMAL_MEAN**2) * high**2)
        share = jax.nn.softmax(outputs.astype(jnp.float32), axis=-1)
        mean = share @ centres
        deviations = centres.reshape((1,) * mean.ndim + centres.shape) - mean[..., None]
        return PredictiveMoments(mean, (share * jnp.square(deviations)).sum(-1) + share @ spreads)

    def distribution(self, outputs: Float[np.ndarray, "*rows o"]) -> Buckets:
        borders, tails = (np.asarray(each, np.float64) for each in (self.borders, self.tails))
        return Buckets(softmax(np.asarray(outputs, np.float64), axis=-1), borders, tails)


class SoftmaxHead(Head):
    """A head with one probability per token, trained by cross-entropy."""

    read_out: Affine

    def __call__(self, features: Float[Array, "*rows w"]) -> Float[Array, "*rows o"]:
        return self.read_out(features)

    def loss(self, outputs: Float[Array, "*rows o"], y: Float[Array, "*rows"]) -> Float[Array, "*rows"]:
        outputs, token = outputs.astype(jnp.float32), y.astype(jnp.int32)
        chosen = jnp.take_along_axis(outputs, token[..., None], axis=-1)[..., 0]
        return jax.nn.logsumexp(outputs, axis=-1) - chosen

    def moments(self, outputs: Float[Array, "*rows o"]) -> PredictiveMoments:
        """Returns the mean and the variance of the token's number, which say little; see `probabilities`."""
        share = self.probabilities(outputs)
        number = jnp.arange(share.shape[-1], dtype=share.dtype)
        mean = share @ number
        return PredictiveMoments(mean, share @ jnp.square(number) - jnp.square(mean))

    def probabilities(self, outputs: Float[Array, "*rows o"]) -> Float[Array, "*rows o"]:
        """Returns the probability of each token."""
        return jax.nn.softmax(outputs.astype(jnp.float32), axis=-1)


def initial_head(
    kind: Literal["value", "gaussian", "buckets", "softmax"],
    key: PRNGKeyArray,
    *,
    width: int,
    hidden: int,
    buckets: int,
    targets: Float[Array, " samples"],
    tokens: int,
) -> Head:
    """Draws a head's weights.

    Args:
        kind: which head.
        key: the random key.
        width: the number of features.
        hidden: the hidden units of a density in buckets.
        buckets: the number of buckets.
        targets: draws of y from the prior, to which buckets are fitted.
        tokens: the size of the vocabulary, for probabilities of tokens.
    """
    match kind:
        case "softmax":
            return SoftmaxHead(Affine.initialise(key, width, tokens))
        case "value":
            return ValueHead(Affine.initialise(key, width, 1))
        case "gaussian":
            return GaussianHead(Affine.initialise(key, width, 2))
        case "buckets":
            return BucketHead.initialise(key, width, hidden, buckets, targets)


def _mean_excess(beyond: Float[Array, " samples"]) -> Float[Array, ""]:
    """Returns the mean of the positive values."""
    return jnp.where(beyond > 0, beyond, 0).sum() / jnp.maximum((beyond > 0).sum(), 1).astype(beyond.dtype)


def _half_normal_log_density(distance: Float[Array, "*rows"], scale: Float[Array, ""]) -> Float[Array, "*rows"]:
    return 0.5 * math.log(2 / math.pi) - jnp.log(scale) - 0.5 * jnp.square(distance / scale)
