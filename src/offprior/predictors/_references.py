"""B, C and the posteriors of the single families, computed together for an evaluation."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from offprior.components import approximations
from offprior.mixture import Mixture
from offprior.posterior import Posterior, best_fit, posterior
from offprior.predictors.bayes import NODES, evenly, mixed, noise_of, prior_of, warn_of_quadrature
from offprior.prompt_check import many_prompts, many_values


class ReferenceBatch(NamedTuple):
    """What the exact predictors say of B prompts at L context lengths, m queries, F families."""

    bayes_mean: Float[np.ndarray, "B L m"]
    bayes_variance: Float[np.ndarray, "B L m"]
    combined_mean: Float[np.ndarray, "B L m"]
    """Posterior means of C: half of its prior is the mixture, the other half the probe."""
    combined_variance: Float[np.ndarray, "B L m"]
    class_means: Float[np.ndarray, "B L F m"]
    class_probability: Float[np.ndarray, "B L F"]
    """Posterior probabilities of the families under the mixture."""
    log_evidence: Float[np.ndarray, "B L"]
    """Log-density of the context's y under the mixture, in nats."""


def unknown_references(shape: tuple[int, int, int, int]) -> ReferenceBatch:
    """Returns not-a-number everywhere, for prompts [B, L, F, m] of a mixture without an exact posterior."""
    prompts, lengths, families, queries = shape
    of_queries, of_classes = (np.full(size, np.nan) for size in ((prompts, lengths, queries), shape))
    of_contexts = np.full((prompts, lengths), np.nan)
    share = np.full((prompts, lengths, families), np.nan)
    return ReferenceBatch(of_queries, of_queries, of_queries, of_queries, of_classes, share, of_contexts)


class References:
    """B, C and the single families' posteriors in one call of the engine."""

    def __init__(
        self,
        mixture: Mixture,
        probe_mixtures: Sequence[Mixture] = (),
        nodes: int = NODES,
        noise: float | None = None,
    ):
        self.mixture = mixture
        self.noise = noise_of(mixture, noise)
        self.groups, self.weights = prior_of(mixture, evenly(probe_mixtures), nodes)

    def batch(
        self,
        x: Float[Any, "B n d"],
        y: Float[Any, "B n"],
        queries: Float[Any, "B m d"],
        lengths: Sequence[int],
        *,
        variance: bool = False,
        room: int = 0,
    ) -> ReferenceBatch:
        """Computes all references from the first k pairs of every prompt, for every k in `lengths`.

        Variances take about as long again; without them they are not-a-number. `room` is passed to `posterior`.
        """
        x, y, queries, lengths = many_prompts(x, y, queries, lengths, self.mixture.dimension)
        families = len(self.mixture.families)
        found = posterior(self.groups, x, y, queries, lengths, self.noise, variance=variance, room=room)
        warn_of_quadrature(found)
        alone = Posterior(*(getattr(found, name)[:, :, :families] for name in Posterior.__dataclass_fields__))
        own = np.asarray(self.mixture.weights, np.float64)
        bayes_mean, bayes_variance, log_mass = mixed(alone, own / own.sum())
        combined_mean, combined_variance, _ = mixed(found, self.weights)
        log_evidence = np.logaddexp.reduce(log_mass, axis=-1)
        return ReferenceBatch(
            bayes_mean,
            bayes_variance,
            combined_mean,
            combined_variance,
            alone.mean,
            np.exp(log_mass - log_evidence[..., None]),
            log_evidence,
        )

    @property
    def approximation(self) -> str:
        """What is approximate about B or C beyond a refined quadrature, in words; empty if nothing is."""
        return approximations(self.groups)

    def best_fits(self, queries: Float[Any, "B m d"], truth: Float[Any, "B m"]) -> Float[np.ndarray, "B F m"]:
        """Finds, for each of the mixture's families, the function nearest to the truth at the queries.

        Raises:
            SettingError: a number is missing or not finite; shapes do not fit together.
        """
        queries, truth = many_values(queries, truth, self.mixture.dimension)
        return best_fit(self.groups[: len(self.mixture.families)], queries, truth)
