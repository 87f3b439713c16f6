"""The exact posterior under a finite pool of tasks."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from offprior.components import Components
from offprior.families.task_pool import TaskPool
from offprior.laws.law import concrete
from offprior.parameter import parameter
from offprior.posterior import posterior
from offprior.posterior.normal_components import normal_components
from offprior.predictive.normal_mixture import NormalMixture
from offprior.predictors.predictor import LABEL, AlgorithmOfMixture, BatchPrediction


class PoolPosterior(AlgorithmOfMixture):
    """The posterior mean under a finite pool of tasks, dMMSE (arXiv 2306.15063, section 2).

    The pool is the first one in the mixture, or `size` tasks of its first family if it has none. The noise is the
    mixture's. Without any context the answer is the pool's mean. Tasks are processed in blocks, so that 2²⁰ of them fit
    in memory.
    """

    size: int = parameter(64, "tasks in the pool, if the mixture has none", minimum=1, maximum=2**24)
    pool_seed: int = parameter(0, "seed of the tasks, if the mixture has no pool", minimum=0)
    label: str = parameter("pool posterior", LABEL)

    @functools.cached_property
    def groups(self) -> list[Components]:
        """The pool as components."""
        return [self.pool.components()]

    @property
    def pool(self) -> TaskPool:
        """The pool that the predictor uses."""
        families = self.known.functions
        pools = [family for family in families if isinstance(family, TaskPool)]
        return pools[0] if pools else TaskPool(family=families[0], size=self.size, seed=self.pool_seed)

    def predict_batch(
        self, x: Float[Any, "B n d"], y: Float[Any, "B n"], queries: Float[Any, "B m d"], lengths: Sequence[int]
    ) -> BatchPrediction:
        """Returns posterior means and variances [B, L, m] of the noise-free value, in double precision."""
        noise = concrete(self.known.bayes_noise)
        assert noise is not None, "a mixture whose noise is traced cannot predict"
        found = posterior(self.groups, x, y, queries, lengths, noise)
        return BatchPrediction(found.mean[:, :, 0], found.variance[:, :, 0])

    def predictive(
        self, x: Float[Any, "B n d"], y: Float[Any, "B n"], queries: Float[Any, "B m d"], noise: float
    ) -> NormalMixture:
        """Returns the exact distribution of a new output, with the mixture's noise, whatever `noise` is."""
        own = concrete(self.known.bayes_noise)
        assert own is not None, "a mixture whose noise is traced cannot predict"
        found = normal_components(self.groups, np.ones(1), x, y, queries, own)
        log_weights = np.broadcast_to(found.log_weights[:, None], found.mean.shape)
        return NormalMixture(log_weights, found.mean, found.variance + own**2)

    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        mean, variance = self.predict_batch(x, y, queries, [y.shape[1]])
        return mean[:, 0], variance[:, 0]
