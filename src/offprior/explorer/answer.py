"""What the explorer shows of one prompt: curves, bands, probabilities, errors."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from offprior.evaluation.prediction_panels import NORMAL_95
from offprior.explorer.look import Look
from offprior.explorer.state import State


class Answers(NamedTuple):
    """Curves over the places, and the numbers beside them."""

    state: State
    curves: dict[str, Float[np.ndarray, " m"]]
    bands: dict[str, tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]]
    """Central 95% of the noise-free value."""
    probability: dict[str, float]
    """P(family | context)."""
    surprise: float
    """−log evidence a point, in nats."""
    typical: tuple[float, float]
    """Mean and standard deviation of the mixture's own surprise at that length."""
    errors: dict[str, float]
    """Mean squared error over the places inside the span, as a share of the truth's variance there."""
    verdict: str
    """That of the nearest cell of the run's own probes; empty where there is none."""
    look: Look | None = None
    """Into the model, where it was asked for."""


def add_band(bands: dict[str, tuple], label: str, mean: np.ndarray, variance: np.ndarray) -> None:
    """Add the central 95% of a predictive law to the bands, where its variance is known."""
    if np.isfinite(variance).all():
        half = NORMAL_95 * np.sqrt(variance)
        bands[label] = (mean - half, mean + half)
