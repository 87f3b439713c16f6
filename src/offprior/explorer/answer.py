"""The explorer's answers for one prompt: curves, bands, probabilities, errors."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from offprior.evaluation.prediction_panels import NORMAL_95
from offprior.explorer.look import Look
from offprior.explorer.state import State


class Answers(NamedTuple):
    """Curves over the places, and numbers to show next to them."""

    state: State
    curves: dict[str, Float[np.ndarray, " m"]]
    bands: dict[str, tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]]
    """Central 95% intervals of the noise-free value."""
    probability: dict[str, float]
    """P(family | context)."""
    surprise: float
    """−log evidence per point, in nats."""
    typical: tuple[float, float]
    """Mean and standard deviation of the surprise of the mixture's own prompts at this length."""
    errors: dict[str, float]
    """Mean squared error over the places inside the inputs' span, as a share of the truth's variance there."""
    verdict: str
    """The verdict of the nearest cell of the run's probes; empty if there is none."""
    look: Look | None = None
    """The inside of the model, if it was requested."""
    failure: str = ""
    """Why the model has no answer; empty if it has one."""


def add_band(bands: dict[str, tuple], label: str, mean: np.ndarray, variance: np.ndarray) -> None:
    """Adds the central 95% interval of a prediction to the bands, if its variance is known."""
    if np.isfinite(variance).all():
        half = NORMAL_95 * np.sqrt(variance)
        bands[label] = (mean - half, mean + half)
