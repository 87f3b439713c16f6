"""Quadrature of a Gamma law, for the random scales of heavy-tailed and low-rank families."""

import numpy as np
import scipy.special
from jaxtyping import Float

EVENLY = 20.0
"""How far below 1 the logarithm of a variance has evenly spaced nodes."""
FARTHEST = 92.0
"""Logarithm of the largest variance of a heavy tail, 10⁴⁰ times its scale; this keeps determinants finite."""


def gamma_nodes(
    shape: float, columns: int, inverse: bool
) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Returns nodes t and log-weights of a Gamma law of mean 1.

    The rule is the trapezoid rule in v, with log t = v − exp(−(v + 20)): evenly spaced in log t, and ever wider below
    e⁻²⁰, where only a heavy tail remains. It is spectrally accurate, because its step is a share of the width that the
    posterior of log t may have.

    Args:
        shape: the shape of the Gamma law.
        columns: the number of coefficients that share t (or 1/t) as their variance.
        inverse: whether the variance is 1/t. If so, the moments of 1/t are made exact: the mass missing beyond 10⁴⁰ is
            placed there, which a plain share of the probability would not achieve.
    """
    step = min(0.25, 0.9 / np.sqrt(shape + columns / 2))
    reach = min(FARTHEST, max(40 / max(shape - inverse, 1e-3), EVENLY + 2))
    v = np.arange(np.log(90 / shape + 5), -EVENLY - np.log(reach - EVENLY) - step, -step)
    log_t = v - np.exp(-(v + EVENLY))
    log_t, v = log_t[log_t >= -FARTHEST], v[log_t >= -FARTHEST]
    log_weights = shape * (np.log(shape) + log_t - np.exp(log_t)) - scipy.special.gammaln(shape)
    log_weights = log_weights + np.log(step * (1 + np.exp(-(v + EVENLY))))
    log_weights -= scipy.special.logsumexp(log_weights)
    if inverse and shape > 1:
        missing = shape / (shape - 1) - np.exp(log_weights - log_t).sum()
        if missing > 0:
            log_t = np.append(log_t, -FARTHEST)
            log_weights = np.append(log_weights, np.log(missing) - FARTHEST)
    return np.exp(log_t), log_weights
