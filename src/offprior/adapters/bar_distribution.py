"""Densities that are constant on bars, as PFNs predict them: their means, variances and quantiles.

A softmax of logits gives each of K bars between K + 1 borders its probability (Müller et al. 2022, section 4, the
"Riemann distribution"). Either the density is 0 beyond the borders, or each outer bar is a half-normal that begins at
its inner border and has half of its mass within the bar (`FullSupportBarDistribution` of automl/PFNs). Everything here
is exact, the quantiles within the tails too; the `icdf` of pfns 0.4.2 takes the outer bars for even ones.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri, softmax

HALF_NORMAL_MEDIAN = float(ndtri(0.75))
"""The median of |N(0, 1)|."""
HALF_NORMAL_MEAN = float(np.sqrt(2 / np.pi))
"""The mean of |N(0, 1)|."""


@dataclasses.dataclass(frozen=True)
class BarDistribution:
    """The borders of the bars, and whether the density reaches beyond them."""

    borders: np.ndarray
    """Rising numbers [K + 1], in the units of y."""
    full_support: bool = False
    """Whether the outer bars are half-normals; with a single bar, they are not."""

    def __post_init__(self):
        borders = np.asarray(self.borders, float)
        if borders.ndim != 1 or len(borders) < 2 or not np.isfinite(borders).all() or (np.diff(borders) < 0).any():
            raise ValueError("borders must be finite numbers that do not fall")
        object.__setattr__(self, "borders", borders)

    @property
    def _has_tails(self) -> bool:
        return self.full_support and len(self.borders) > 2

    @property
    def _scales(self) -> tuple[float, float]:
        """The scales of the half-normals below and above."""
        low, *_, high = np.diff(self.borders)
        return float(low) / HALF_NORMAL_MEDIAN, float(high) / HALF_NORMAL_MEDIAN

    def moments(self, logits: Float[np.ndarray, "m K"]) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Returns the means [m] and variances [m] of m densities."""
        left, right = self.borders[:-1], self.borders[1:]
        centres, spreads = (left + right) / 2, np.square(right - left) / 12
        if self._has_tails:
            low, high = self._scales
            spread = 1 - HALF_NORMAL_MEAN**2
            centres[0], spreads[0] = right[0] - HALF_NORMAL_MEAN * low, spread * low**2
            centres[-1], spreads[-1] = left[-1] + HALF_NORMAL_MEAN * high, spread * high**2
        share = self._shares(logits)
        mean = share @ centres
        # Around the mean, not from squares: a narrow density far from 0 would lose its variance to rounding.
        return mean, (share * np.square(centres - mean[:, None])).sum(1) + share @ spreads

    def quantiles(self, logits: Float[np.ndarray, "m K"], levels: Sequence[float]) -> Float[np.ndarray, "m q"]:
        """Returns the quantiles [m, q] of m densities at q levels between 0 and 1."""
        share = self._shares(logits)
        after = np.cumsum(share, axis=1)
        wanted = np.asarray(levels, float)[None] * after[:, -1:]
        bar = (after[:, None] < wanted[:, :, None]).sum(-1).clip(max=share.shape[1] - 1)
        held = np.take_along_axis(share, bar, axis=1)
        within = wanted - (np.take_along_axis(after, bar, axis=1) - held)
        within = (within / np.where(held > 0, held, 1)).clip(0, 1)
        left, right = self.borders[bar], self.borders[bar + 1]
        found = left + within * (right - left)
        if self._has_tails:
            low, high = self._scales
            below = right - low * ndtri(1 - within / 2)
            above = left + high * ndtri((1 + within) / 2)
            found = np.where(bar == 0, below, np.where(bar == share.shape[1] - 1, above, found))
        return found

    def _shares(self, logits: Float[np.ndarray, "m K"]) -> Float[np.ndarray, "m K"]:
        logits = np.asarray(logits, float)
        if logits.ndim != 2 or logits.shape[1] != len(self.borders) - 1:
            raise ValueError(f"got logits of shape {list(logits.shape)} for {len(self.borders) - 1} bars")
        return softmax(logits, axis=1)
