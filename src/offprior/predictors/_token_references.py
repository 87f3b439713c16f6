"""B, C and the posteriors of the single families for sequences of tokens, computed together for an evaluation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from offprior.mixture import Mixture
from offprior.posterior.token_posterior import TokenPosterior, mixed_posterior
from offprior.predictors._references import ReferenceBatch
from offprior.predictors.bayes import check_posterior, evenly, token_prior


class TokenReferences:
    """B, C and the single families' posteriors; means are the probabilities of each token, and there is no variance.

    `keeps_tables` keeps what does not depend on the sequences, for many calls with a few sequences each.
    """

    approximation = ""

    def __init__(self, mixture: Mixture, probe_mixtures: Sequence[Mixture] = (), *, keeps_tables: bool = False):
        self.mixture = mixture
        self.families, self.weights = token_prior(mixture, evenly(probe_mixtures))
        for family in self.families:
            check_posterior(family)
        self._stores: list[dict[Any, Any]] | None = [{} for _ in self.families] if keeps_tables else None

    def batch(self, tokens: Int[Any, "B n"], lengths: Sequence[int]) -> ReferenceBatch:
        """Computes all references after the first k tokens of every sequence, for every k in `lengths`."""
        known: dict[int, TokenPosterior] = {}
        own = np.asarray(self.mixture.weights, np.float64)
        everything = mixed_posterior(self.families, self.weights, tokens, lengths, known, self._stores)
        alone = mixed_posterior(self.families[: len(own)], own / own.sum(), tokens, lengths, known)
        unknown = np.full_like(alone.predictive, np.nan)
        return ReferenceBatch(
            bayes_mean=alone.predictive,
            bayes_variance=unknown,
            combined_mean=everything.predictive,
            combined_variance=unknown,
            class_means=alone.of_families,
            class_probability=alone.share,
            log_evidence=alone.log_evidence,
        )
