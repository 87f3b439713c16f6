"""The Lasso with its whole path: exact at every penalty, for many prompts at once."""

import numpy as np
from jaxtyping import Bool, Float

from offprior.parameter import parameter
from offprior.predictors.predictor import LABEL, Algorithm, first_of_the_best, in_order, without_variance

LEAST = 1e-3
"""The least penalty of the cross-validation, as a share of the penalty above which all weights are 0."""
STEPS_A_WEIGHT = 20
"""The most steps of a path, per weight: far more than paths need, so that a path that cycles after a tie ends."""
NEGLIGIBLE = 1e-10
"""A column stays out if the others leave less than this share of its square, because it is a combination of them."""


class Lasso(Algorithm):
    """The Lasso: the w that minimise ‖y − Xw‖²/2k + α‖w‖₁, without an intercept (arXiv 2208.01066, section 4).

    α is given, as in that paper's code, or chosen by cross-validation. The candidates range from the least α at which
    all weights are 0 down to a thousandth of it. The folds are assigned in the order of the inputs: pair i is in fold i
    modulo the number of folds. One pair cannot be cross-validated, and the answer is then 0.
    """

    penalty: float | None = parameter(None, "α; null chooses it by cross-validation", above=0)
    folds: int = parameter(5, "parts of the context, each left out in turn", minimum=2)
    count: int = parameter(20, "penalties to choose from", minimum=2)
    label: str = parameter("Lasso", LABEL)

    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        if self.penalty is not None:
            penalty = np.full(len(y), float(self.penalty))
        else:
            penalties = self.penalties(x, y)
            penalty = penalties[np.arange(len(y)), first_of_the_best(self._errors(x, y, penalties))]
        weights = lasso_path(x, y, np.ones(y.shape[1], bool), penalty[:, None])[:, 0]
        return without_variance(np.einsum("bmd,bd->bm", queries, weights))

    def penalties(self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"]) -> Float[np.ndarray, "B count"]:
        """Returns the candidate penalties, the largest first."""
        largest = np.abs(np.einsum("bkd,bk->bd", x, y)).max(1) / y.shape[1]
        return largest[:, None] * np.logspace(0, np.log10(LEAST), self.count)[None]

    def _errors(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], penalties: Float[np.ndarray, "B count"]
    ) -> Float[np.ndarray, "B count"]:
        """Returns squared errors on left-out pairs: the mean over folds of the folds' means."""
        x, y = in_order(x, y)
        fold = np.arange(y.shape[1]) % self.folds
        errors = []
        for number in np.unique(fold):
            out = fold == number
            weights = lasso_path(x, y, ~out, penalties)
            errors.append(((np.einsum("bkd,bgd->bgk", x[:, out], weights) - y[:, None, out]) ** 2).mean(-1))
        return np.mean(errors, axis=0)


def lasso_path(
    x: Float[np.ndarray, "B k d"],
    y: Float[np.ndarray, "B k"],
    kept: Bool[np.ndarray, " k"],
    penalties: Float[np.ndarray, "B g"],
) -> Float[np.ndarray, "B g d"]:
    """Computes the Lasso's weights at every penalty, from the kept pairs alone.

    The path is piecewise linear in the penalty: a weight joins when its correlation with the residual reaches the
    penalty, and leaves when it becomes 0 (Osborne, Presnell and Turlach 2000; Efron et al. 2004, section 3.1). The Gram
    matrix is swept on the weights that are not 0, which makes a step as cheap as one outer product.
    """
    x, y = x[:, kept], y[:, kept]
    pairs = max(int(kept.sum()), 1)
    gram, correlation = np.einsum("bki,bkj->bij", x, x), np.einsum("bki,bk->bi", x, y)
    squares = np.einsum("bii->bi", gram).copy()
    wanted = penalties * pairs
    prompts, dimension = correlation.shape
    rows = np.arange(prompts)
    weights, active = np.zeros_like(correlation), np.zeros(correlation.shape, bool)
    level = np.abs(correlation).max(1)
    bottom = np.minimum(wanted.min(1), level)
    corners = [(level, weights)]
    joining = np.abs(correlation).argmax(1)
    for _ in range(STEPS_A_WEIGHT * dimension):
        running = level > bottom
        if not running.any():
            break
        # The weight at which the last step ended joins, or leaves if it is already active.
        _sweep(gram, rows[running], joining[running], active)
        signs = np.where(active, np.sign(correlation), 0.0)
        slope = np.einsum("bij,bj->bi", gram, signs)  # −G⁻¹s if active, else how fast correlations fall
        direction = np.where(active, -slope, 0.0)
        falling = np.where(active, signs, slope)
        length, joining = _next_event(weights, correlation, active, direction, falling, level, gram, squares)
        ends = length >= level - bottom
        length = np.where(running, np.where(ends, level - bottom, length), 0.0)
        weights = weights + length[:, None] * direction
        correlation = correlation - length[:, None] * falling
        level = np.where(ends, bottom, level - length)
        # A weight that leaves does so at exactly 0.
        leaves = running & ~ends & active[rows, joining]
        weights[rows[leaves], joining[leaves]] = 0.0
        corners.append((level, weights))
    return _between(corners, wanted)


def _sweep(gram: Float[np.ndarray, "B d d"], rows: np.ndarray, which: np.ndarray, active: np.ndarray) -> None:
    """Sweeps the Gram matrices on one weight each, or reverses the sweep if that weight is active; in place."""
    column = gram[rows, :, which]
    pivot = column[np.arange(len(rows)), which][:, None]
    sign = np.where(active[rows, which], -1.0, 1.0)[:, None]
    gram[rows] -= column[:, :, None] * (column / pivot)[:, None]
    gram[rows, :, which] = gram[rows, which, :] = sign * column / pivot
    gram[rows, which, which] = -1 / pivot[:, 0]
    active[rows, which] ^= True


def _next_event(
    weights: np.ndarray,
    correlation: np.ndarray,
    active: np.ndarray,
    direction: np.ndarray,
    falling: np.ndarray,
    level: np.ndarray,
    gram: np.ndarray,
    squares: np.ndarray,
) -> tuple[Float[np.ndarray, " B"], np.ndarray]:
    """Returns how far the penalty falls until a weight joins or leaves, and which weight."""
    lengths = np.full((3, *weights.shape), np.inf)
    free = ~active & (np.einsum("bii->bi", gram) > NEGLIGIBLE * squares)
    for place, sign in enumerate((1.0, -1.0)):
        closing = 1 - sign * falling
        np.divide(
            np.maximum(level[:, None] - sign * correlation, 0.0),
            closing,
            out=lengths[place],
            where=free & (closing > NEGLIGIBLE),
        )
    np.divide(-weights, direction, out=lengths[2], where=active & (weights * direction < 0))
    nearest = lengths.min(0)
    joining = nearest.argmin(1)
    return nearest[np.arange(len(joining)), joining], joining


def _between(corners: list[tuple[np.ndarray, np.ndarray]], wanted: Float[np.ndarray, "B g"]) -> np.ndarray:
    """Interpolates the weights between the corners of the paths."""
    levels = np.stack([level for level, _ in corners], axis=1)
    weights = np.stack([weight for _, weight in corners], axis=1)
    after = np.minimum((levels[:, None] > wanted[..., None]).sum(-1), levels.shape[1] - 1)
    before = np.maximum(after - 1, 0)
    rows = np.arange(len(levels))[:, None]
    high, low = levels[rows, before], levels[rows, after]
    share = np.clip((high - wanted) / np.where(high > low, high - low, 1.0), 0.0, 1.0)[..., None]
    return weights[rows, before] * (1 - share) + weights[rows, after] * share
