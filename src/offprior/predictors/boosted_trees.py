"""Gradient boosting of regression trees, for many prompts at once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from offprior.compute.precision import double
from offprior.parameter import parameter
from offprior.predictors.predictor import LABEL, Algorithm, without_variance

PROMPTS = 16
"""Prompts that are boosted together; as many as fit into a cache."""


class BoostedTrees(Algorithm):
    """Gradient boosting of regression trees on each context (Friedman 2001, section 4.1; arXiv 2208.01066, section 4).

    The loss is the squared error, and splits are exact and greedy, as in scikit-learn's GradientBoostingRegressor, but
    for many prompts at once. The latter paper's code uses XGBoost with its defaults. Of equally good splits, the one on
    the first input is taken.
    """

    trees: int = parameter(50, "trees", minimum=1)
    depth: int = parameter(3, "splits from a tree's root to a leaf", minimum=1, maximum=8)
    rate: float = parameter(0.1, "share of each tree's prediction that is added", above=0, maximum=1)
    label: str = parameter("boosted trees", LABEL)

    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        missing = -len(y) % min(PROMPTS, len(y))
        full = (np.concatenate([array, np.repeat(array[:1], missing, axis=0)]) for array in (x, y, queries))
        with double():
            mean = _boosted(*map(jnp.asarray, full), jnp.asarray(float(self.rate)), self.trees, self.depth)
        return without_variance(np.asarray(mean)[: len(y)])


@functools.partial(jax.jit, static_argnames=("trees", "depth"))
def _boosted(
    x: Float[Array, "B k d"],
    y: Float[Array, "B k"],
    queries: Float[Array, "B m d"],
    rate: Float[Array, ""],
    trees: int,
    depth: int,
) -> Float[Array, "B m"]:
    def of_prompt(prompt: tuple[Array, Array, Array]) -> Array:
        x, y, queries = prompt
        upto = x.T[:, None, :] <= x.T[:, :, None]  # [d, i, j]: whether j lies left of a split after i

        def add(_: Array, sofar: tuple[Array, Array]) -> tuple[Array, Array]:
            residual, mean = sofar
            here, there = jnp.zeros(len(x), int), jnp.zeros(len(queries), int)
            for level in range(depth):
                which, threshold = _split(x, upto, residual, here, 2**level)
                here, there = (
                    2 * node
                    + (jnp.take_along_axis(points, which[node][:, None], 1)[:, 0] > threshold[node]).astype(int)
                    for node, points in ((here, x), (there, queries))
                )
            inside = here[None] == jnp.arange(2**depth)[:, None]
            of_leaves = jnp.where(inside, residual[None], 0.0).sum(1)
            leaf = rate * of_leaves / jnp.maximum(inside.sum(1), 1).astype(float)
            return residual - leaf[here], mean + leaf[there]

        start = y.mean()
        return jax.lax.fori_loop(0, trees, add, (y - start, jnp.full(len(queries), start)))[1]

    return jax.lax.map(of_prompt, (x, y, queries), batch_size=min(PROMPTS, len(y)))


def _split(
    x: Float[Array, "k d"],
    upto: Bool[Array, "d k k"],
    residual: Float[Array, " k"],
    node: Int[Array, " k"],
    nodes: int,
) -> tuple[Int[Array, " nodes"], Float[Array, " nodes"]]:
    """Returns the input that each node splits on, and the threshold: infinite if all points of a node are alike."""
    same = node[:, None] == node[None]
    left = upto & same[None]
    count, total = same.sum(1).astype(float), jnp.where(same, residual[None], 0.0).sum(1)
    count_left, sum_left = left.sum(2).astype(float), jnp.where(left, residual[None, None], 0.0).sum(2)
    count_right, sum_right = count[None] - count_left, total[None] - sum_left
    gain = sum_left**2 / count_left + sum_right**2 / jnp.maximum(count_right, 1.0)
    gain = jnp.where(count_right > 0, gain, -jnp.inf)
    inside = node[None] == jnp.arange(nodes)[:, None]
    of_points = jnp.where(inside, gain.max(0)[None], -jnp.inf)
    after = of_points.argmax(1)
    which = gain.argmax(0)[after]
    along = x.T[which]  # [nodes, k]
    low = x[after, which]
    high = jnp.where(inside & (along > low[:, None]), along, jnp.inf).min(1)
    return which, jnp.where(of_points.max(1) > -jnp.inf, (low + high) / 2, jnp.inf)
