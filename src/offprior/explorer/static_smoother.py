"""The settings with which a page without Python fits the smoother S, by the same steps as the package."""

from typing import Any

import numpy as np

from offprior.predictors import gaussian_process
from offprior.predictors.predictor import TIE


def smoother_of() -> dict[str, Any]:
    """Returns the grids as logarithms, and the settings of their refinement."""
    return {
        "scales": np.log(gaussian_process.SCALES).tolist(),
        "noises": np.log(gaussian_process.NOISES).tolist(),
        "steps": gaussian_process.STEPS,
        "noise_steps": gaussian_process.NOISE_STEPS,
        "nats": gaussian_process.NATS,
        "floor": gaussian_process.FLOOR,
        "tie": TIE,
    }
