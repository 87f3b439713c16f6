"""How much a prediction depends on the order of its context (M16); under an exchangeable prior it does not."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from offprior.predictors.predictor import Predictor

PERMUTATIONS = 4


def order_variance(
    predictor: Predictor,
    x: Float[np.ndarray, "b n d"],
    y: Float[np.ndarray, "b n"],
    queries: Float[np.ndarray, "b m d"],
    lengths: Sequence[int],
    permutations: int = PERMUTATIONS,
) -> Float[np.ndarray, "b lengths"]:
    """Returns the variance of the predictive mean over random orders of the context, averaged over queries.

    Every prompt has its own orders, the same for every predictor. The variance is unbiased: it is divided by the number
    of orders minus one.
    """
    drawn = np.random.default_rng(0)
    found = []
    for length in lengths:
        answers = []
        for _ in range(permutations):
            order = drawn.permuted(np.broadcast_to(np.arange(length), (len(x), length)), axis=1)
            mixed_x = np.take_along_axis(x[:, :length], order[..., None], axis=1)
            mixed_y = np.take_along_axis(y[:, :length], order, axis=1)
            # Padded to a shape that is already compiled; no predictor sees what follows the context.
            mixed_x, mixed_y = (np.concatenate([a, b[:, length:]], 1) for a, b in ((mixed_x, x), (mixed_y, y)))
            answers.append(predictor.predict_batch(mixed_x, mixed_y, queries, [length]).mean[:, 0])
        found.append(np.var(answers, axis=0, ddof=1).mean(-1))
    return np.stack(found, axis=1)
