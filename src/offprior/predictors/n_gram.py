"""Predictions from the last few tokens, by counting them in the sequence or by recognising its source."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int

from offprior.compute.precision import double
from offprior.errors import Problem, SettingError
from offprior.families._dirichlet_rows import DirichletRows
from offprior.families.markov_chain import MarkovChain
from offprior.families.process_pool import ProcessPool
from offprior.families.unigram_source import UnigramSource
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.posterior.token_posterior import token_posterior, wide
from offprior.posterior.token_tables import MOST_CONTEXTS, contexts, table_of, tabulated
from offprior.predictors.predictor import LABEL, Predictor
from offprior.predictors.token_predictor import TokenPredictor

NAMES = {1: "unigram", 2: "bigram", 3: "trigram"}
MOST_STEPS, STILL = 10_000, 1e-13
"""Steps of a chain towards its stationary law, and the change at which they end."""


class NGram(TokenPredictor):
    """One of the strategies {uniform, unigram, bigram, trigram} × {inference, retrieval} (arXiv 2412.01003, section 3).

    An n-gram depends on the last n − 1 tokens; n = 0 is uniform. Inference counts tokens in the sequence, under
    Dirichlet rows. Retrieval knows the mixture's first pool of sources: it weighs the sources by the probability of the
    sequence under their n-gram statistics, and predicts with these.

    Raises:
        SettingError: retrieval from a mixture without a pool of sources that depend on few tokens.
    """

    n: int = parameter(2, "tokens of an n-gram: 0 is uniform, 1 unigram, 2 bigram, 3 trigram", minimum=0, maximum=6)
    source: Literal["inference", "retrieval"] = parameter("inference", "count in the sequence; or recognise its source")
    concentration: Scalar = parameter(1.0, "Dirichlet parameter α of every token, for inference", above=0)
    label: str = parameter("", f"{LABEL}; n and source in words unless given")

    def __post_init__(self):
        # A dataclass's default cannot depend on other settings.
        of = NAMES.get(self.n, f"{self.n}-gram")
        self.label = self.label or (f"{of} {self.source}" if self.n else "uniform")

    def for_mixture(self, mixture: Mixture) -> Predictor:
        """Returns the predictor for a mixture's tokens.

        Raises:
            SettingError: the vocabulary is too large for n-grams of this length, or retrieval has no pool.
        """
        found = super().for_mixture(mixture)
        if isinstance(found, NGram) and found.mixture is not None and found.n:
            if 2 * found.vocabulary ** (found.n - 1) > MOST_CONTEXTS:
                message = f"{found.n}-grams of {found.vocabulary} tokens are too many to count; choose a smaller n"
                raise SettingError(Problem("n", message, about=("mixture.families",)))
            if found.source == "retrieval":
                found._pool()
        return found

    def next_tokens(self, tokens: Int[Any, "B n"], lengths: Sequence[int]) -> Float[np.ndarray, "B L vocabulary"]:
        tokens = np.asarray(tokens, np.int32)
        if self.n == 0:
            return np.full((len(tokens), len(lengths), self.vocabulary), 1 / self.vocabulary)
        family = self._family()
        if self.source == "inference":
            return token_posterior(family, tokens, lengths).predictive
        with double():
            rows = n_gram_statistics(self._pool(), self.n)
            at, known = [int(length) for length in lengths], contexts(family)
            assert known is not None
            log_weights = np.full(len(rows), -np.log(len(rows)))
            return tabulated(family, rows, log_weights, tokens[:, : max(at)], at, known)[1]

    def _family(self) -> DirichletRows:
        if self.n == 1:
            return UnigramSource(vocabulary=self.vocabulary, concentration=self.concentration)
        return MarkovChain(vocabulary=self.vocabulary, order=self.n - 1, concentration=self.concentration)

    def _pool(self) -> ProcessPool:
        pools = [family for family in self.known.processes if isinstance(family, ProcessPool)]
        if pools and contexts(pools[0]) is not None:
            return pools[0]
        message = "retrieval needs a mixture with a pool of sources that depend on few tokens"
        raise SettingError(Problem("source", message, about=("mixture.families",)))


def n_gram_statistics(pool: ProcessPool, n: int) -> Float[np.ndarray, "sources rows vocabulary"]:
    """Returns the stationary probabilities of a token after each n − 1 tokens, for every source of a pool.

    Raises:
        SettingError: the sources' next token depends on too many tokens for a table.
    """
    known, vocabulary, reach = contexts(pool), pool.vocabulary, pool.reach
    if known is None or reach is None:
        raise SettingError(Problem("family", "its sources depend on too many tokens", about=()))
    tasks, _ = pool.grid()
    with double():
        full = table_of(pool, wide(tasks), known)[:, -(vocabulary**reach) :]
    rows = np.arange(vocabulary ** (n - 1))
    if n - 1 >= reach:
        return full[:, rows % vocabulary**reach]
    after = (np.arange(len(full[0]))[:, None] * vocabulary + np.arange(vocabulary)) % len(full[0])
    together = _stationary(full, after)[..., None] * full
    # Contexts that end alike are one context of the shorter n-gram.
    grouped = together.reshape(len(full), -1, len(rows), vocabulary).sum(1)
    total = grouped.sum(-1, keepdims=True)
    return np.where(total > 0, grouped / np.where(total > 0, total, 1), 1 / vocabulary)


def _stationary(
    rows: Float[np.ndarray, "sources contexts vocabulary"], after: Int[np.ndarray, "contexts vocabulary"]
) -> Float[np.ndarray, "sources contexts"]:
    """Returns the stationary law of the contexts; where there are several, the one that an even start leads to."""
    share = np.full(rows.shape[:2], 1 / rows.shape[1])
    for _ in range(MOST_STEPS):
        moved = np.zeros_like(share)
        for token in range(rows.shape[2]):
            np.add.at(moved.T, after[:, token], (share * rows[..., token]).T)
        # A chain that half of the time stays where it is has the same law and does not oscillate.
        found = (share + moved) / 2
        if np.abs(found - share).max() < STILL:
            return found
        share = found
    return share
