"""Ridge regression, with a given penalty, that of the pretraining prior, or one chosen from the context."""

import functools
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from offprior.compute.randomness import key_for
from offprior.families.family import Family
from offprior.families.linear import Linear
from offprior.families.task_pool import TaskPool
from offprior.laws.law import concrete
from offprior.mixture import Mixture
from offprior.parameter import parameter
from offprior.predictors.predictor import LABEL, AlgorithmOfMixture, first_of_the_best

PENALTIES = np.logspace(4, -6, 41)
"""Candidate penalties, the largest first, in units of the mean squared input summed over the context.

Of equally good penalties the largest is taken.
"""
DRAWS = 16_384


class Ridge(AlgorithmOfMixture):
    """Ridge regression: the w that minimise ‖y − Xw‖² + λ‖w‖², without an intercept (arXiv 2306.15063, section 2).

    The oracle's λ is noise²/scale² of the pretraining mixture, where scale is that of its linear family's slopes. The
    result is the posterior mean under that family, and has a variance. If the mixture lacks the family `linear`, the
    scale is that of the values at unit vectors, from 16,384 tasks. Leave-one-out takes the λ with the least squared
    error on the context, leaving out each pair in turn, in closed form (Golub, Heath and Wahba 1979).
    """

    penalty: float | None = parameter(None, "λ; null leaves it to `choice`", minimum=0)
    choice: Literal["oracle", "leave-one-out"] = parameter("oracle", "how λ is chosen, if none is given")
    label: str = parameter("ridge", LABEL)

    @property
    def input_dimension(self) -> int | None:
        return None if self.mixture is None else self.mixture.dimension

    @functools.cached_property
    def oracle(self) -> float:
        """The λ of the oracle."""
        return oracle_penalty(self.known)

    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        left, singular, right = np.linalg.svd(x, full_matrices=False)
        along = np.einsum("bkr,bk->br", left, y)
        penalty = self._penalty(left, singular, along, y)[:, None]
        square = singular**2 + penalty
        negligible = singular <= 1e-12 * singular.max(1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            gain = np.where(negligible & (penalty == 0), 0.0, singular / square)
        asked = np.einsum("bmd,brd->bmr", queries, right)
        mean = np.einsum("bmr,br->bm", asked, gain * along)
        if self.penalty is not None or self.choice != "oracle":
            return mean, np.full_like(mean, np.nan)
        # Of the prior λ⁻¹σ², the data remove the share singular²/(singular² + λ) along each of their directions.
        noise = concrete(self.known.bayes_noise) or 0.0
        taken = np.einsum("bmr,br->bm", asked**2, singular * gain)
        return mean, noise**2 / penalty * np.maximum((queries**2).sum(-1) - taken, 0.0)

    def _penalty(
        self,
        left: Float[np.ndarray, "B k r"],
        singular: Float[np.ndarray, "B r"],
        along: Float[np.ndarray, "B r"],
        y: Float[np.ndarray, "B k"],
    ) -> Float[np.ndarray, " B"]:
        if self.penalty is not None:
            return np.full(len(y), float(self.penalty))
        if self.choice == "oracle":
            return np.full(len(y), self.oracle)
        penalties = PENALTIES[None] * (singular**2).mean(1)[:, None] + np.finfo(float).tiny
        kept = singular[:, None] ** 2 / (singular[:, None] ** 2 + penalties[..., None])
        residual = y[:, None] - np.einsum("bkr,bgr->bgk", left, kept * along[:, None])
        leverage = np.einsum("bkr,bgr->bgk", left**2, kept)
        error = ((residual / np.maximum(1 - leverage, 1e-12)) ** 2).mean(-1)
        return penalties[np.arange(len(y)), first_of_the_best(error)]


def oracle_penalty(mixture: Mixture) -> float:
    """Returns noise²/scale² of a mixture, where scale is that of the slopes of its linear family."""
    families = [family.family if isinstance(family, TaskPool) else family for family in mixture.functions]
    lines = [family for family in families if isinstance(family, Linear)]
    square = float(lines[0].scale) ** 2 if lines else float(np.mean([_square_at_unit(family) for family in families]))
    return (concrete(mixture.bayes_noise) or 0.0) ** 2 / max(square, 1e-12)


def _square_at_unit(family: Family) -> float:
    """Returns the prior mean square of the values at unit vectors, which for linear functions is that of a weight."""
    places = jnp.eye(family.dimension)
    keys = jax.random.split(key_for(0, "ridge"), DRAWS)
    values = jax.vmap(lambda key: family.evaluate(family.draw(key), places))(keys)
    return float(jnp.square(values).mean())
