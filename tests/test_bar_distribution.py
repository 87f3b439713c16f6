"""Means, variances and quantiles of densities on bars, beside integration by brute force and PyTorch's half-normal."""

import numpy as np
import pytest
from scipy.stats import halfnorm

from offprior.adapters.bar_distribution import BarDistribution


def drawn(seed, bars=7, rows=4):
    draw = np.random.default_rng(seed)
    return np.cumsum(draw.uniform(0.05, 2.0, bars + 1)) - 4, 2 * draw.normal(size=(rows, bars))


def density(at, borders, logits, full_support):
    """The density of one row at a grid, from its definition."""
    share = np.exp(logits) / np.exp(logits).sum()
    bar = (np.searchsorted(borders, at) - 1).clip(0, len(share) - 1)
    inside = (at >= borders[0]) & (at < borders[-1])
    found = np.where(inside, share[bar] / np.diff(borders)[bar], 0.0)
    if not full_support:
        return found
    widths = np.diff(borders)
    low, high = (width / halfnorm.ppf(0.5) for width in (widths[0], widths[-1]))
    found = np.where(at < borders[1], share[0] * halfnorm.pdf(borders[1] - at, scale=low), found)
    return np.where(at >= borders[-2], share[-1] * halfnorm.pdf(at - borders[-2], scale=high), found)


@pytest.mark.parametrize("full_support", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_moments_and_quantiles_are_those_of_the_density(full_support, seed):
    borders, logits = drawn(seed)
    levels = (0.001, 0.05, 0.3, 0.5, 0.9, 0.999)
    bars = BarDistribution(borders, full_support)
    mean, variance = bars.moments(logits)
    quantiles = bars.quantiles(logits, levels)
    step = 1e-4
    grid = np.arange(borders[0] - 30, borders[-1] + 30, step) + step / 2
    for row in range(len(logits)):
        mass = density(grid, borders, logits[row], full_support) * step
        assert mass.sum() == pytest.approx(1, abs=1e-3)
        mass /= mass.sum()
        assert mean[row] == pytest.approx(mass @ grid, abs=1e-3)
        assert variance[row] == pytest.approx(mass @ (grid - mean[row]) ** 2, rel=2e-3)
        np.testing.assert_allclose(np.interp(quantiles[row], grid + step / 2, np.cumsum(mass)), levels, atol=1e-3)


def test_a_narrow_density_far_away_keeps_its_variance():
    borders = 1e6 + np.linspace(0, 1e-2, 11)
    mean, variance = BarDistribution(borders).moments(np.zeros((1, 10)))
    assert mean[0] == pytest.approx(1e6 + 5e-3, abs=1e-9)
    assert variance[0] == pytest.approx(1e-4 / 12, rel=1e-6)


def test_one_bar_is_even_and_empty_bars_are_passed_over():
    mean, variance = BarDistribution(np.array([1.0, 3.0]), full_support=True).moments(np.zeros((1, 1)))
    assert (mean[0], variance[0]) == pytest.approx((2, 1 / 3))
    bars = BarDistribution(np.array([0.0, 1.0, 1.0, 2.0, 3.0]))
    logits = np.array([[0.0, -np.inf, -np.inf, 0.0]])
    np.testing.assert_allclose(bars.quantiles(logits, [0.25, 0.5, 0.75, 1.0]), [[0.5, 1.0, 2.5, 3.0]])


@pytest.mark.parametrize("borders", [[0.0], [1.0, 0.0], [0.0, np.nan, 1.0], [[0.0, 1.0]]])
def test_borders_that_are_none_are_refused(borders):
    with pytest.raises(ValueError, match="borders must be finite numbers that do not fall"):
        BarDistribution(np.array(borders))


def test_other_numbers_of_logits_are_refused():
    with pytest.raises(ValueError, match=r"logits of shape \[1, 3\] for 2 bars"):
        BarDistribution(np.arange(3.0)).moments(np.zeros((1, 3)))


def test_the_numbers_are_those_of_tabpfn_s_own_class():
    pytest.importorskip("tabpfn", reason="make adapters installs it")
    torch = pytest.importorskip("torch", reason="make adapters installs it")
    theirs = pytest.importorskip("tabpfn.architectures.shared.bar_distribution")
    borders, logits = drawn(3, bars=20)
    ours = BarDistribution(borders, full_support=True)
    other = theirs.FullSupportBarDistribution(torch.tensor(borders))
    values = torch.tensor(logits)
    mean, variance = ours.moments(logits)
    np.testing.assert_allclose(mean, other.mean(values), rtol=1e-9)
    np.testing.assert_allclose(variance, other.variance(values), rtol=1e-9)
    levels = [0.001, 0.05, 0.5, 0.95, 0.999]
    want = np.stack([other.icdf(values, level).numpy() for level in levels], axis=1)
    np.testing.assert_allclose(ours.quantiles(logits, levels), want, rtol=1e-7, atol=1e-9)
