"""Posteriors over subsets of columns that are too many to enumerate, by sequential Monte Carlo over the context.

Chopin's iterated batch importance sampling (Biometrika 89, 2002): a cloud of subsets, drawn from the prior, is weighted
by the density of each further y. If the weights have become uneven, the cloud is resampled by them, and every subset is
moved by Metropolis steps that flip one column or swap two. Coefficients are integrated exactly. The evidence is
unbiased, and predictions are consistent: both improve with the square root of the particles. The same prompt gets the
same cloud, whatever other prompts are in the batch.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import gammaln, logsumexp

from offprior.components import Components, Subsets

SEED = 20231101
MOVES = 12
"""Metropolis steps of every subset each time the cloud is resampled."""
UNEVEN = 0.5
"""The cloud is resampled if the effective sample size, as a share of the particles, falls below this."""


class Gram(NamedTuple):
    """The sufficient statistics of a context for scaled columns, in units of the noise."""

    columns: Float[np.ndarray, "c c"]
    towards: Float[np.ndarray, " c"]
    squares: float

    def log_evidence(self, masks: Bool[np.ndarray, "N c"]) -> Float[np.ndarray, " N"]:
        """Returns the log evidence of each subset, without the common term −(k/2)·log 2πσ²."""
        precision, towards = self._of(masks)
        # The last entry of the bordered matrix's factor is what remains of its corner after b·A⁻¹b.
        bordered = np.zeros((len(masks), len(self.towards) + 1, len(self.towards) + 1))
        bordered[:, :-1, :-1], bordered[:, -1, :-1], bordered[:, :-1, -1] = precision, towards, towards
        bordered[:, -1, -1] = self.squares + 1
        diagonal = np.diagonal(np.linalg.cholesky(bordered), axis1=1, axis2=2)
        return -(diagonal[:, -1] ** 2 - 1) / 2 - np.log(diagonal[:, :-1]).sum(1)

    def moments(
        self, masks: Bool[np.ndarray, "N c"], queries: Float[np.ndarray, "m c"]
    ) -> tuple[Float[np.ndarray, "N m"], Float[np.ndarray, "N m"]]:
        """Returns the mean and variance of the value at queries, given each subset."""
        precision, towards = self._of(masks)
        asked = queries[None] * masks[:, None]
        solved = np.linalg.solve(precision, np.concatenate([towards[:, None], asked], axis=1).swapaxes(1, 2))
        mean = np.einsum("Nmc,Nc->Nm", asked, solved[..., 0])
        return mean, np.einsum("Nmc,Ncm->Nm", asked, solved[..., 1:])

    def _of(self, masks: Bool[np.ndarray, "N c"]) -> tuple[np.ndarray, np.ndarray]:
        both = masks[:, :, None] & masks[:, None, :]
        return np.eye(len(self.towards)) + np.where(both, self.columns, 0.0), np.where(masks, self.towards, 0.0)


def sampled(
    group: Components,
    columns: Float[np.ndarray, "c B n"],
    y: Float[np.ndarray, "B n"],
    asked: Float[np.ndarray, "c B m"],
    lengths: Sequence[int],
    noise: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns log-evidence [B, L] without −(k/2)·log 2πσ², and the value's mean and variance [B, L, m].

    `columns` and `asked` are the group's columns at the contexts' points and at the queries. `lengths` ascend.
    """
    assert group.subsets is not None and len(group.scales) == 1
    scales = np.asarray(group.scales)[0][:, None, None]
    known, asked = scales * np.asarray(columns), scales * np.asarray(asked)
    answers = [
        _of_prompt(group.subsets, known[:, b].T / noise, y[b] / noise, asked[:, b].T, lengths) for b in range(len(y))
    ]
    log_evidence, mean, variance = (np.stack(part) for part in zip(*answers, strict=True))
    return log_evidence, mean, variance


def nearest(
    group: Components,
    columns: Float[np.ndarray, "c B k"],
    y: Float[np.ndarray, "B k"],
    asked: Float[np.ndarray, "c B m"],
) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, " B"]]:
    """Finds the function of the largest subsets that is nearest to y at the points of `columns`.

    Columns are chosen one by one, each time the one that helps most in addition to those chosen (orthogonal least
    squares). The error is an upper bound of the least error, because not all subsets are tried.

    Returns:
        The function's values at the points of `asked`, and its squared error.
    """
    assert group.subsets is not None
    most = int(np.flatnonzero(np.isfinite(group.subsets.log_weights)).max())
    found, errors = np.zeros((len(y), asked.shape[2])), np.zeros(len(y))
    for b in range(len(y)):
        every = np.asarray(columns[:, b])
        chosen = _chosen(every, y[b], most)
        coefficients = np.linalg.lstsq(every[chosen].T, y[b], rcond=None)[0]
        found[b] = coefficients @ asked[chosen, b]
        errors[b] = np.square(y[b] - coefficients @ every[chosen]).sum()
    return found, errors


def _chosen(every: Float[np.ndarray, "c k"], y: Float[np.ndarray, " k"], most: int) -> list[int]:
    """Chooses at most `most` columns by orthogonal least squares."""
    rest, residual, chosen = every.copy(), y.copy(), []
    for _ in range(min(most, len(every))):
        norms = np.square(rest).sum(1)
        usable = norms > 1e-12 * np.square(every).sum(1)
        gains = np.where(usable, (rest @ residual) ** 2, 0) / np.maximum(norms, 1e-300)
        if not gains.max() > 0:
            break
        chosen.append(int(gains.argmax()))
        unit = rest[chosen[-1]] / np.linalg.norm(rest[chosen[-1]])
        residual = residual - (unit @ residual) * unit
        rest = rest - np.outer(rest @ unit, unit)
    return chosen


def _of_prompt(
    subsets: Subsets, x: np.ndarray, y: np.ndarray, asked: np.ndarray, lengths: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(SEED)
    prior = np.asarray(subsets.log_weights)
    masks = _drawn(generator, prior, int(subsets.particles))
    weights, settled, current = np.zeros(len(masks)), 0.0, np.zeros(len(masks))
    log_evidence, moments = [], []
    for length in range(lengths[-1] + 1):
        gram = Gram(x[:length].T @ x[:length], x[:length].T @ y[:length], float(y[:length] @ y[:length]))
        if length:
            following = gram.log_evidence(masks)
            weights, current = weights + following - current, following
            share = np.exp(weights - logsumexp(weights))
            if 1 / np.square(share).sum() < UNEVEN * len(masks):
                settled += logsumexp(weights) - np.log(len(masks))
                masks, current = _moved(generator, masks[_systematic(generator, share)], gram, prior)
                weights = np.zeros(len(masks))
        if length in lengths:
            log_evidence.append(settled + logsumexp(weights) - np.log(len(masks)))
            moments.append(_predicted(gram, masks, np.exp(weights - logsumexp(weights)), asked))
    mean, variance = (np.stack(part) for part in zip(*moments, strict=True))
    return np.asarray(log_evidence), mean, variance


def _drawn(generator: np.random.Generator, prior: Float[np.ndarray, " sizes"], count: int) -> Bool[np.ndarray, "N c"]:
    """Draws subsets from the prior: first a size, then the columns."""
    columns = len(prior) - 1
    of_size = np.exp(prior + _log_binomial(columns))
    sizes = generator.choice(columns + 1, count, p=of_size / of_size.sum())
    return generator.random((count, columns)).argsort(1) < sizes[:, None]


def _moved(
    generator: np.random.Generator, masks: np.ndarray, gram: Gram, prior: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Makes Metropolis steps that preserve the posterior: a flip of one column or a swap of two, both symmetric."""
    current = _log_posterior(masks, gram, prior)
    count, columns = masks.shape
    flips = 0.5 if np.isfinite(prior).sum() > 1 else 0.0
    rows = np.arange(count)
    for _ in range(MOVES):
        proposed = masks.copy()
        order = generator.random((count, columns))
        one_in, one_out = np.where(masks, order, -1).argmax(1), np.where(masks, -1, order).argmax(1)
        is_swap = generator.random(count) >= flips
        swaps = is_swap & masks.any(1) & ~masks.all(1)
        proposed[rows[swaps], one_in[swaps]], proposed[rows[swaps], one_out[swaps]] = False, True
        proposed[rows[~is_swap], order.argmax(1)[~is_swap]] ^= True
        following = _log_posterior(proposed, gram, prior)
        taken = np.log(generator.random(count)) < following - current
        masks, current = np.where(taken[:, None], proposed, masks), np.where(taken, following, current)
    return masks, current - prior[masks.sum(1)]


def _log_posterior(masks: np.ndarray, gram: Gram, prior: np.ndarray) -> np.ndarray:
    """Returns the log posterior of each subset, −∞ if the prior excludes its size."""
    of_size = prior[masks.sum(1)]
    allowed = np.isfinite(of_size)
    found = np.full(len(masks), -np.inf)
    if allowed.any():
        found[allowed] = of_size[allowed] + gram.log_evidence(masks[allowed])
    return found


def _predicted(gram: Gram, masks: np.ndarray, share: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the mean and variance at the queries; equal subsets are evaluated once."""
    distinct, which = np.unique(masks, axis=0, return_inverse=True)
    of_distinct = np.bincount(which.ravel(), weights=share)
    means, variances = gram.moments(distinct, asked)
    mean = of_distinct @ means
    return mean, of_distinct @ (variances + (means - mean) ** 2)


def _systematic(generator: np.random.Generator, share: np.ndarray) -> np.ndarray:
    """Draws indices in proportion to their shares, by systematic resampling."""
    places = (np.arange(len(share)) + generator.random()) / len(share)
    return np.minimum(np.searchsorted(np.cumsum(share), places), len(share) - 1)


def _log_binomial(columns: int) -> Float[np.ndarray, " sizes"]:
    size = np.arange(columns + 1)
    return gammaln(columns + 1) - gammaln(size + 1) - gammaln(columns - size + 1)
