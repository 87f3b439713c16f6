"""The exact optimal predictor under a prior: B under the pretraining mixture, C under a prior that holds a probe."""

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int

from offprior.components import FIXED_GRID, Components, approximations, equal, merged
from offprior.errors import ApproximationWarning, Problem, QuadratureWarning, SettingError
from offprior.families.family import Family, TaskFamily
from offprior.families.token_process import TokenProcess
from offprior.laws.law import concrete
from offprior.mixture import Mixture
from offprior.posterior import Posterior, posterior
from offprior.posterior.normal_components import has_normal_components, normal_components
from offprior.posterior.token_posterior import mixed_posterior
from offprior.predictive.normal_mixture import NormalMixture
from offprior.predictors.predictor import BatchPrediction, Predictor
from offprior.prompt_check import many_prompts

MOST_ERROR = 0.5
"""Estimated error, as a share of the evidence, above which a warning is given; boxes of four laws are cut at 0.001."""
NODES = 256
"""Quadrature nodes to start from; the engine refines them where a posterior is narrower."""


class Bayes(Predictor):
    """The Bayes predictor: the exact posterior mean under a mixture (arXiv 2112.10510, section 3).

    `extra` adds further mixtures with their shares of the prior; `mixture` keeps the rest. The noise is the mixture's
    own (its floor if it has none), whatever the test noise; `noise` overrides it. It is assumed normal: under
    `noise_degrees` the posterior is not exact. Double precision limits how small the noise may be relative to y: at
    10⁻⁵ of y's values log evidences are right to 10⁻⁴ nats, at 10⁻⁷ to about one.

    `nodes` rarely needs a change: it sets the initial grid, which is refined for each prompt. A warning is given if the
    estimated error exceeds half of the evidence, or if a law is on a fixed grid (next to more than 256 known
    functions). `quadrature_gap` checks the choice by doubling the nodes on every axis; raise `nodes` if the gap is too
    large.

    Raises:
        NoClosedForm: a family has no exact posterior.
        SettingError: shares in `extra` that are negative, or leave nothing for `mixture`.
    """

    outside_recipes: ClassVar[str] = "B and C are always evaluated"

    def __init__(
        self,
        mixture: Mixture | None = None,
        nodes: int = NODES,
        label: str = "B",
        extra: Sequence[tuple[float, Mixture]] = (),
        noise: float | None = None,
    ):
        self.mixture = mixture if mixture is not None else Mixture()
        self.nodes = nodes
        self.label = label
        self.extra = tuple(extra)
        if self.mixture.vocabulary:
            self.noise, self.groups = 0.0, []
            self.families, self.weights = token_prior(self.mixture, self.extra)
        else:
            self.noise = noise_of(self.mixture, noise)
            self.groups, self.weights = prior_of(self.mixture, self.extra, nodes)

    def __repr__(self) -> str:
        approximate = f"; approximate: {self.approximation}" if self.approximation else ""
        further = f", and {len(self.extra)} further mixtures" if self.extra else ""
        return f"Bayes predictor {self.label} of {self.mixture.summary}{further}{approximate}"

    @classmethod
    def including(
        cls, mixture: Mixture, probe_mixtures: Sequence[Mixture], nodes: int = NODES, label: str = "C"
    ) -> "Bayes":
        """Builds C: half of the prior is `mixture`, half is spread evenly over a probe's prompt distributions."""
        return cls(mixture, nodes, label, evenly(probe_mixtures))

    @property
    def approximation(self) -> str:
        """What is approximate beyond a refined quadrature, in words; empty if nothing is."""
        return approximations(self.groups)

    def predict_batch(
        self,
        x: Float[Any, "B n d"],
        y: Float[Any, "B n"],
        queries: Float[Any, "B m d"],
        lengths: Sequence[int],
    ) -> BatchPrediction:
        """Returns posterior means and variances [B, L, m] of the noise-free value, in double precision."""
        of_groups = posterior(self.groups, x, y, queries, lengths, self.noise)
        warn_of_quadrature(of_groups)
        self._warn_of_fixed_grids(of_groups)
        return BatchPrediction(*mixed(of_groups, self.weights)[:2])

    def predictive(
        self, x: Float[Any, "B n d"], y: Float[Any, "B n"], queries: Float[Any, "B m d"], noise: float
    ) -> NormalMixture | None:
        """Returns the exact distribution of a new output, with the noise that B assumes, whatever `noise` is.

        It mixes one normal distribution per component, and per node of the quadrature of a law. None if subsets of
        columns are sampled.
        """
        if not has_normal_components(self.groups):
            return None
        found = normal_components(self.groups, self.weights, x, y, queries, self.noise)
        log_weights = np.broadcast_to(found.log_weights[:, None], found.mean.shape)
        return NormalMixture(log_weights, found.mean, found.variance + self.noise**2)

    def next_tokens(self, tokens: Int[Any, "B n"], lengths: Sequence[int]) -> Float[np.ndarray, "B L vocabulary"]:
        """Returns the posterior predictive probabilities of the next token, for a mixture of token processes."""
        return mixed_posterior(self.families, self.weights, tokens, lengths).predictive

    def classes(
        self, x: Float[Any, "B n d"], y: Float[Any, "B n"], queries: Float[Any, "B m d"], lengths: Sequence[int]
    ) -> Posterior:
        """Computes the posteriors under each of the mixture's families alone."""
        return posterior(self.groups[: len(self.mixture.families)], x, y, queries, lengths, self.noise)

    def family_posterior(self, x: Float[Any, "n d"], y: Float[Any, " n"]) -> Float[np.ndarray, " families"]:
        """Returns the probability of each of the mixture's families given a context; `extra` has the rest."""
        log_mass = self._log_mass(x, y)
        return np.exp(log_mass - np.logaddexp.reduce(log_mass))[: len(self.mixture.families)]

    def log_evidence(self, x: Float[Any, "n d"], y: Float[Any, " n"]) -> float:
        """Returns the log-density of a context's y given its x, in nats."""
        return float(np.logaddexp.reduce(self._log_mass(x, y)))

    def quadrature_gap(
        self, x: Float[Any, "B n d"], y: Float[Any, "B n"], queries: Float[Any, "B m d"], lengths: Sequence[int]
    ) -> float:
        """Bounds the error of posterior means due to the quadrature.

        The bound is the larger of two numbers: the change when the quadrature starts from twice the nodes on every
        axis, and the change that its own estimated error allows.

        Raises:
            SettingError: a number is missing or not finite; shapes or lengths do not fit together.
        """
        x, y, queries, lengths = many_prompts(x, y, queries, lengths, self.input_dimension)
        twice = Bayes(self.mixture, 2 * self.nodes, self.label, self.extra, self.noise)
        found, finer = (posterior(bayes.groups, x, y, queries, lengths, self.noise) for bayes in (self, twice))
        (mean, _, log_mass), (finer_mean, _, _) = (mixed(each, self.weights) for each in (found, finer))
        share = np.exp(log_mass - np.logaddexp.reduce(log_mass, axis=-1)[..., None])
        error = share * np.nan_to_num(found.quadrature_error, posinf=np.inf)
        reach = np.sqrt(found.variance) + np.abs(found.mean - mean[:, :, None])
        return float(
            max(np.abs(mean - finer_mean).max(initial=0.0), (error[..., None] * reach).sum(2).max(initial=0.0))
        )

    def _warn_of_fixed_grids(self, found: Posterior) -> None:
        """Warns if a law is integrated on a grid that is not refined, whose error is unknown."""
        if np.isnan(found.quadrature_error).any():
            message = f"{self.label}: {FIXED_GRID}; it may be far off (Bayes.quadrature_gap says by how much)"
            warnings.warn(message, ApproximationWarning, stacklevel=3)

    def _log_mass(self, x: Any, y: Any) -> Float[np.ndarray, " groups"]:
        x, y = np.asarray(x, np.float64)[None], np.asarray(y, np.float64)[None]
        found = posterior(self.groups, x, y, x[:, :1], [y.shape[1]], self.noise, variance=False)
        self._warn_of_fixed_grids(found)
        return found.log_evidence[0, 0] + _logarithm(self.weights)


def prior_of(
    mixture: Mixture, extra: Sequence[tuple[float, Mixture]], nodes: int
) -> tuple[list[Components], Float[np.ndarray, " groups"]]:
    """Returns the families' components, then those of `extra`, with their weights; equal components are merged."""
    taken = sum(share for share, _ in extra)
    if any(share < 0 for share, _ in extra) or not taken < 1:
        message = f"the shares {[share for share, _ in extra]} must be at least 0 and sum to less than 1"
        raise SettingError(Problem("extra", message))
    own = np.asarray(mixture.weights, np.float64)
    groups = [family.components(nodes) for family in mixture.functions]
    weights = list((1 - taken) * own / own.sum())
    for share, other in extra:
        of_families = np.asarray(other.weights, np.float64)
        for weight, family in zip(share * of_families / of_families.sum(), other.functions, strict=True):
            if weight > 0:
                _add(groups, weights, family.components(nodes), float(weight), len(own))
    return groups, np.asarray(weights)


def check_posterior(family: TaskFamily) -> None:
    """Checks that a family has an exact posterior.

    Raises:
        NoClosedForm: it has none.
    """
    if isinstance(family, TokenProcess):
        if family.memory() is None:
            family.grid(8)
    elif isinstance(family, Family):
        family.components(8)


def token_prior(
    mixture: Mixture, extra: Sequence[tuple[float, Mixture]]
) -> tuple[list[TokenProcess], Float[np.ndarray, " families"]]:
    """Returns the mixture's families, then those of `extra`, with their weights; equal families are merged."""
    own = np.asarray(mixture.weights, np.float64)
    families: list[Any] = list(mixture.families)
    weights = list((1 - sum(share for share, _ in extra)) * own / own.sum())
    for share, other in extra:
        for weight, family in zip(np.asarray(other.weights, np.float64), other.families, strict=True):
            if weight <= 0:
                continue
            place = next((at for at, known in enumerate(families) if bool(eqx.tree_equal(known, family))), None)
            if place is None:
                families.append(family)
                weights.append(0.0)
                place = len(families) - 1
            weights[place] += share * float(weight)
    return families, np.asarray(weights)


def _add(groups: list[Components], weights: list[float], group: Components, weight: float, families: int) -> None:
    for place, known in enumerate(groups):
        if equal(known, group):
            weights[place] += weight
            return
        # The families' own posteriors are needed separately.
        union = merged(known, group, weight / (weights[place] + weight)) if place >= families else None
        if union is not None:
            groups[place], weights[place] = union, weights[place] + weight
            return
    groups.append(group)
    weights.append(weight)


def mixed(
    found: Posterior, weights: Float[np.ndarray, " G"]
) -> tuple[Float[np.ndarray, "B L m"], Float[np.ndarray, "B L m"], Float[np.ndarray, "B L G"]]:
    """Returns mean and variance under the weighted groups, and each group's log of weight times evidence."""
    log_mass = found.log_evidence + _logarithm(weights)[None, None]
    share = np.exp(log_mass - np.logaddexp.reduce(log_mass, axis=-1)[..., None])[..., None]
    mean = (share * found.mean).sum(2)
    spread = found.variance + (found.mean - mean[:, :, None]) ** 2
    return mean, (share * spread).sum(2), log_mass


def warn_of_quadrature(found: Posterior) -> None:
    """Warns if posteriors needed more boxes than they may have."""
    error = np.nan_to_num(found.quadrature_error, nan=0.0, posinf=np.inf).max(-1)
    if (is_far := error > MOST_ERROR).any():
        warning = QuadratureWarning(int(is_far.sum()), float(error.max()), MOST_ERROR)
        warnings.warn(warning, stacklevel=3)


def evenly(probe_mixtures: Sequence[Mixture]) -> list[tuple[float, Mixture]]:
    """Returns each of a probe's mixtures with its share of C's prior: a half, spread evenly."""
    return [(0.5 / len(probe_mixtures), each) for each in probe_mixtures]


def _logarithm(weights: Float[np.ndarray, " G"]) -> Float[np.ndarray, " G"]:
    return np.log(weights, out=np.full(len(weights), -np.inf), where=weights > 0)


def noise_of(mixture: Mixture, noise: float | None) -> float:
    """Returns the noise that a posterior assumes: the one given, or the mixture's own, or its floor.

    Raises:
        SettingError: it is not one number above 0.
    """
    found = concrete(mixture.bayes_noise) if noise is None else float(noise)
    if found is None or not found > 0:
        raise SettingError(Problem("noise", f"got {noise}; an exact posterior needs a noise of one number above 0"))
    return found
