"""Whether a predictor knows how wrong it is (M14), and whether its curve wobbles (M15)."""

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

LEVEL = 0.9
NORMAL_90 = 1.6448536269514722
"""A standard normal number lies within ± this with probability 0.9."""


def calibration_columns(
    mean: Float[np.ndarray, "b m"],
    variance: Float[np.ndarray, "b m"],
    truth: Float[np.ndarray, "b m"],
    noise: float,
    posterior_variance: Float[np.ndarray, "b m"],
) -> dict[str, Float[np.ndarray, " b"]]:
    """Computes M14 per task: expectations over the noise of a new y at each query, in closed form.

    The predictive law of y is taken as normal, with the predicted variance of the noise-free value plus the noise of
    the prompts. Numbers are not-a-number without a variance; the first two also if prompts have no noise and a variance
    is 0.

    Returns:
        `log_loss`, −log density of y in nats; `coverage`, the probability that y lies in the central 90% interval;
            `predictive_variance` and `posterior_variance`, the variances of the noise-free value as predicted and under
            B.
    """
    of_noise = noise**2
    total = variance + of_noise
    off = mean - truth
    with np.errstate(divide="ignore", invalid="ignore"):
        loss = 0.5 * (np.log(2 * np.pi * total) + (np.square(off) + of_noise) / total)
        if noise > 0:
            half = NORMAL_90 * np.sqrt(total)
            inside = ndtr((off + half) / noise) - ndtr((off - half) / noise)
        else:
            inside = np.where(np.isnan(total), np.nan, np.abs(off) <= NORMAL_90 * np.sqrt(total))
    loss = np.where(total > 0, loss, np.nan)
    return {
        "log_loss": loss.mean(1),
        "coverage": np.asarray(inside, float).mean(1),
        "predictive_variance": variance.mean(1),
        "posterior_variance": posterior_variance.mean(1),
    }


def variation_columns(
    mean: Float[np.ndarray, "b m"], truth: Float[np.ndarray, "b m"], queries: Float[np.ndarray, "b m d"]
) -> dict[str, Float[np.ndarray, " b"]]:
    """Computes M15: the total variation of a prediction, and of the truth, over the queries in the order of x.

    Not-a-number if inputs have several dimensions.
    """
    if queries.shape[2] != 1:
        nothing = np.full(len(mean), np.nan)
        return {"variation": nothing, "true_variation": nothing}
    order = np.argsort(queries[:, :, 0], axis=1)
    steps = (np.diff(np.take_along_axis(values, order, axis=1), axis=1) for values in (mean, truth))
    return dict(zip(("variation", "true_variation"), (np.abs(step).sum(1) for step in steps), strict=True))
