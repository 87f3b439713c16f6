"""Gaussian process regression with fitted hyperparameters."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from offprior.parameter import parameter
from offprior.predictors.nadaraya_watson import squared_distances, typical_distance
from offprior.predictors.predictor import LABEL, TIE, Algorithm, first_of_the_best
from offprior.prompt_check import as_numbers

SCALES = np.logspace(2, -1.7, 12)
"""Length scales, in units of the root mean square distance of the context's inputs; the longest first."""
NOISES = np.logspace(-10, 1.5, 16)
"""Variances of the noise, in units of the function's variance; the least first."""
FEW = 8
"""Up to this many prompts, all length scales are evaluated in one call."""
STEPS = 4
"""Refinements of a length scale, each with one eigendecomposition; refining a noise costs little."""
NOISE_STEPS = 3
"""Refinements of the noise at each length scale."""
NATS = 1.0
"""Nats that a constant must add to the log-likelihood, like every further parameter in Akaike's criterion."""
FLOOR = 1e-24
"""Least squared amplitude, if the largest y is 1: what rounding leaves of a constant context."""


class Fit(NamedTuple):
    """Hyperparameters of every prompt."""

    length_scale: Float[np.ndarray, " B"]
    amplitude: Float[np.ndarray, " B"]
    """Standard deviation of the function."""
    noise: Float[np.ndarray, " B"]
    """Standard deviation of the noise."""
    constant: Float[np.ndarray, " B"]
    """Standard deviation of the constant, which is normal about 0; 0 if there is no constant."""
    log_likelihood: Float[np.ndarray, " B"]
    """Log-density of y, in nats."""


class GaussianProcess(Algorithm):
    """Gaussian process regression, its RBF kernel fitted to each context (Rasmussen and Williams 2006, section 5.4).

    Length scale, amplitude and noise maximise the marginal likelihood. The search covers a grid of 12 length scales,
    from a fiftieth of the inputs' root mean square distance to a hundred times it, and 16 noise levels, from 10⁻¹⁰ of
    the function's variance to thirty times it; parabolas refine the best point in both directions, and the best
    amplitude has a closed form. Of equally good fits the longest length scale is taken. One length scale serves all
    coordinates of the inputs. The process has mean 0, unless a constant, normal about 0 with the best variance, is
    worth more than a nat of log-likelihood. The variance is that of the fitted process, without the noise.
    """

    label: str = parameter("Gaussian process", LABEL)

    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        x, queries, y, unit = *in_units(x, queries), *scaled(y)
        fit, pairs = self._fit(x, y), y.shape[1]
        amplitude, centre = fit.amplitude[:, None], y.mean(1, keepdims=True)
        square = 2 * fit.length_scale[:, None, None] ** 2
        across = np.exp(-squared_distances(queries, x) / square)
        share = (fit.noise / fit.amplitude) ** 2
        matrix = np.exp(-squared_distances(x, x) / square) + share[:, None, None] * np.eye(pairs)
        sides = np.concatenate([np.ones((len(y), pairs, 1)), (y - centre)[..., None], across.swapaxes(1, 2)], axis=2)
        solved = np.linalg.solve(matrix, sides)
        ones, rest = solved[..., 0], solved[..., 1]
        precision = ones.sum(1, keepdims=True)
        added = (fit.constant[:, None] / amplitude) ** 2
        # The constant's posterior mean minus the centre: the rest of y is small, however far y lies from 0.
        own = rest.sum(1, keepdims=True)
        shift = (added * own - centre) / (1 + added * precision)
        mean = centre + shift + np.einsum("bmk,bk->bm", across, rest - shift * ones)
        taken = np.einsum("bmk,bkm->bm", across, solved[..., 2:])
        lacking = 1 - np.einsum("bmk,bk->bm", across, ones)
        of_constant = added / (1 + added * precision) * lacking**2
        variance = amplitude**2 * (np.maximum(1 - taken, 0.0) + of_constant)
        return unit[:, None] * mean, unit[:, None] ** 2 * variance

    def fit(self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"]) -> Fit:
        """Finds the hyperparameters with the largest marginal likelihood, from one pair or more.

        Raises:
            SettingError: a number is missing or not finite.
        """
        x, y = as_numbers("x", x), as_numbers("y", y)
        typical = typical_distance(x)
        x, y, unit = in_units(x, x)[0], *scaled(y)
        found = self._fit(x, y)
        return Fit(
            found.length_scale * typical,
            found.amplitude * unit,
            found.noise * unit,
            found.constant * unit,
            found.log_likelihood - y.shape[1] * np.log(unit),
        )

    def _fit(self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"]) -> Fit:
        square = squared_distances(x, x)

        def at(scale: Float[np.ndarray, " B"]) -> "Spectrum":
            return Spectrum(np.exp(-square / (2 * np.exp(2 * scale)[:, None, None])), y)

        def profile(scale: Float[np.ndarray, " B"]) -> Float[np.ndarray, " B"]:
            return at(scale).best_noise()[1]

        scales = np.log(SCALES)
        if len(y) <= FEW:  # a single prompt is limited by calls, not by arithmetic
            kernels = np.exp(-square[:, None] / (2 * np.exp(2 * scales))[None, :, None, None])
            whole = Spectrum(kernels.reshape(-1, *square.shape[1:]), np.repeat(y, len(scales), axis=0))
            table = whole.best_noise()[1].reshape(len(y), len(scales))
        else:
            table = np.stack([profile(np.full(len(y), scale)) for scale in scales], axis=1)
        scale, _ = risen(profile, scales, table, STEPS)
        spectrum = at(scale)
        share, likelihood = spectrum.best_noise(steps=2 * STEPS)
        _, square_amplitude, added = (part[:, 0] for part in spectrum.along(share[:, None]))
        amplitude = np.sqrt(square_amplitude)
        noise, constant = (np.sqrt(part) * amplitude for part in (np.exp(share), added))
        # The nats that a constant had to add are not part of the density.
        return Fit(np.exp(scale), amplitude, noise, constant, likelihood + np.where(added > 0, NATS, 0.0))


class Spectrum:
    """The marginal likelihood at one length scale per prompt: one eigendecomposition serves every noise level."""

    def __init__(self, kernel: Float[np.ndarray, "B k k"], y: Float[np.ndarray, "B k"]):
        self.pairs = y.shape[1]
        values, vectors = np.linalg.eigh(kernel)
        self.values = np.maximum(values, 0.0)
        centre = y.mean(1)
        rest = np.einsum("bki,bk->bi", vectors, y - centre[:, None])
        ones = vectors.sum(1)
        self._centre = centre
        self._products = np.stack([rest**2, rest * ones, ones**2], axis=2)

    def along(
        self, shares: Float[np.ndarray, "B g"]
    ) -> tuple[Float[np.ndarray, "B g"], Float[np.ndarray, "B g"], Float[np.ndarray, "B g"]]:
        """Evaluates the likelihood along noise shares.

        With R the kernel plus noise, over the squared amplitude a², the best a² is yᵀR⁻¹y/k. A constant of variance
        c·a² changes the part P of yᵀR⁻¹y along R⁻¹1 into P/t, where t = 1 + c·1ᵀR⁻¹1, at a cost of ½·log t; the best t
        is (k − 1)P over the other part.

        Args:
            shares: logarithms of the noise variance over the function's variance.

        Returns:
            The log-likelihood, the best squared amplitude, and the variance of the constant over that.
        """
        spectrum = self.values[:, None] + np.exp(shares)[..., None]
        rest, cross, ones = np.moveaxis((1 / spectrum) @ self._products, -1, 0)
        pairs = self.pairs
        apart = np.maximum(rest - cross**2 / ones, 0.0)
        part = (cross + self._centre[:, None] * ones) ** 2 / ones
        turned = np.maximum((pairs - 1) * part / np.maximum(apart, pairs * FLOOR), 1.0)
        plain, with_constant = (np.maximum((apart + along) / pairs, FLOOR) for along in (part, part / turned))
        gain = (pairs * np.log(plain / with_constant) - np.log(turned)) / 2
        worth = gain > NATS
        amplitude = np.where(worth, with_constant, plain)
        likelihood = -(pairs * (np.log(2 * np.pi * plain) + 1) + np.log(spectrum).sum(-1)) / 2
        return likelihood + np.where(worth, gain - NATS, 0.0), amplitude, np.where(worth, (turned - 1) / ones, 0.0)

    def best_noise(self, steps: int = NOISE_STEPS) -> tuple[Float[np.ndarray, " B"], Float[np.ndarray, " B"]]:
        """Returns the logarithm of the best noise share, and its log-likelihood."""
        shares = np.log(NOISES)
        table = self.along(np.broadcast_to(shares, (len(self.values), len(shares))))[0]
        return risen(lambda share: self.along(share[:, None])[0][:, 0], shares, table, steps)


def in_units(
    x: Float[np.ndarray, "B k d"], queries: Float[np.ndarray, "B m d"]
) -> tuple[Float[np.ndarray, "B k d"], Float[np.ndarray, "B m d"]]:
    """Centres inputs at the context's mean and divides by the root mean square distance of two context inputs."""
    centre, typical = x.mean(1, keepdims=True), typical_distance(x)[:, None, None]
    return (x - centre) / typical, (queries - centre) / typical


def scaled(y: Float[np.ndarray, "B k"]) -> tuple[Float[np.ndarray, "B k"], Float[np.ndarray, " B"]]:
    """Divides every context's y by its largest absolute value, and returns that value too; 1 if all are 0."""
    largest = np.abs(y).max(1)
    unit = np.where(largest > 0, largest, 1.0)
    return y / unit[:, None], unit


def risen(
    value: Callable[[Float[np.ndarray, " B"]], Float[np.ndarray, " B"]],
    grid: Float[np.ndarray, " g"],
    table: Float[np.ndarray, "B g"],
    steps: int,
) -> tuple[Float[np.ndarray, " B"], Float[np.ndarray, " B"]]:
    """Maximises `value` near its best point on a grid, one parabola through three points per step.

    Each step keeps the best point between two others. At an end of the grid the result is the end or near it.

    Returns:
        The maximising points and the maxima.
    """
    rows = np.arange(len(table))
    first = first_of_the_best(-table)
    middle = np.clip(first, 1, len(grid) - 2)
    ends = [middle - 1, middle, middle + 1]
    if grid[0] > grid[-1]:
        ends = ends[::-1]
    low, best, high = (grid[place] for place in ends)
    at_low, at_best, at_high = (table[rows, place] for place in ends)
    for _ in range(steps):
        place = _top(low, best, high, at_low, at_best, at_high)
        found = value(place)
        better, right = found > at_best + TIE * np.abs(at_best), place > best
        # Of the four points, the worse of the two inner ones becomes an end.
        ends_low, ends_high = better == right, better != right
        inner, at_inner = np.where(better, best, place), np.where(better, at_best, found)
        low, at_low = np.where(ends_low, inner, low), np.where(ends_low, at_inner, at_low)
        high, at_high = np.where(ends_high, inner, high), np.where(ends_high, at_inner, at_high)
        best, at_best = np.where(better, place, best), np.where(better, found, at_best)
    on_grid = table[rows, first]
    stays = on_grid >= at_best - TIE * np.abs(at_best)
    return np.where(stays, grid[first], best), np.where(stays, on_grid, at_best)


def _top(
    low: Float[np.ndarray, " B"],
    best: Float[np.ndarray, " B"],
    high: Float[np.ndarray, " B"],
    at_low: Float[np.ndarray, " B"],
    at_best: Float[np.ndarray, " B"],
    at_high: Float[np.ndarray, " B"],
) -> Float[np.ndarray, " B"]:
    """Returns the top of the parabola through three points, or a tenth into the longer side if that is not new."""
    left, right = best - low, high - best
    down, up = left * (at_best - at_high), right * (at_best - at_low)
    with np.errstate(divide="ignore", invalid="ignore"):
        place = best - 0.5 * (left * down - right * up) / (down + up)
    there = np.isfinite(place) & (place > low) & (place < high) & (np.abs(place - best) > 0.02 * (high - low))
    return np.where(there, place, np.where(right > left, best + 0.1 * right, best - 0.1 * left))
