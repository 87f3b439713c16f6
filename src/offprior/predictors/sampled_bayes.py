"""The Bayes predictor by sampling, for families without a closed form."""

import sys
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from offprior.components import NoClosedForm
from offprior.compute.precision import as_double, double
from offprior.compute.randomness import key_for
from offprior.errors import Problem, SettingError
from offprior.families.family import Family
from offprior.families.linear import Linear
from offprior.families.relu_network import ReluNetwork
from offprior.mixture import Mixture
from offprior.posterior import Posterior, latents, posterior, smc
from offprior.predictors.bayes import NODES, mixed, noise_of
from offprior.predictors.predictor import BatchPrediction, Predictor


class Diagnostics(NamedTuple):
    """How well a posterior of one family was sampled."""

    family: str
    prompt: int
    length: int
    effective: float
    """The number of independent draws that would give posterior means at the queries as precise as those of all runs
    together, estimated from how the runs differ; at most the number of particles in all runs.
    """
    r_hat: float
    """Gelman and Rubin's potential scale reduction over halves of the runs (split R-hat), the largest over the queries.

    It is near 1 if the runs agree.
    """
    acceptance: float
    powers: float


class SampledBayes(Predictor):
    """The posterior mean under a mixture by tempered SMC (Del Moral, Doucet and Jasra 2006): sampled.

    For small studies: sampling takes about a second per prompt and context length. `runs` independent clouds of
    `particles` tasks each are weighted by their evidence. `diagnostics` keeps the effective sample size and split R-hat
    of every posterior of the last call, and a one-line summary is printed. Families with a closed form use it, unless
    `exact` is false. The same prompt gets the same draws, whatever other prompts are in the batch.

    Raises:
        SettingError: a family's tasks use a number of random bits that is not fixed; fewer than 2 runs or 4 particles.
    """

    outside_recipes: ClassVar[str] = "it takes seconds per prompt, for small studies in Python"

    def __init__(
        self,
        mixture: Mixture | None = None,
        particles: int = 256,
        runs: int = 4,
        moves: int = 16,
        seed: int = 0,
        label: str = "B (sampled)",
        exact: bool = True,
        noise: float | None = None,
        verbose: bool = True,
    ):
        small = [Linear(), ReluNetwork(dimension=1, hidden=2)]
        self.mixture = mixture if mixture is not None else Mixture(small)
        for key, value, least in (("runs", runs, 2), ("particles", particles, 4), ("moves", moves, 1)):
            if value < least:
                raise SettingError(Problem(key, f"must be at least {least}, got {value}"))
        self.particles, self.runs, self.moves = particles, runs, moves
        self.seed = seed
        self.label = label
        self.noise = noise_of(self.mixture, noise)
        self.verbose = verbose
        self.diagnostics: list[Diagnostics] = []
        self._closed = [_components(family) if exact else None for family in self.mixture.functions]
        for place, (family, closed) in enumerate(zip(self.mixture.functions, self._closed, strict=True)):
            if closed is None:
                try:
                    latents.latents_of(family.draw)
                except SettingError as error:
                    raise SettingError([problem.inside(f"families.{place}") for problem in error.problems]) from None

    def predict_batch(
        self,
        x: Float[Any, "B n d"],
        y: Float[Any, "B n"],
        queries: Float[Any, "B m d"],
        lengths: Sequence[int],
    ) -> BatchPrediction:
        """Returns posterior means and variances [B, L, m] of the noise-free value."""
        return BatchPrediction(*mixed(self.classes(x, y, queries, lengths), self._weights)[:2])

    def predictive(
        self, x: Float[Any, "B n d"], y: Float[Any, "B n"], queries: Float[Any, "B m d"], noise: float
    ) -> None:
        """Returns None: sampled posteriors keep no distribution of their values."""
        return None

    def family_posterior(self, x: Float[Any, "n d"], y: Float[Any, " n"]) -> Float[np.ndarray, " families"]:
        """Returns the probability of each of the mixture's families, given a context."""
        log_mass = self._log_mass(x, y)
        return np.exp(log_mass - np.logaddexp.reduce(log_mass))

    def log_evidence(self, x: Float[Any, "n d"], y: Float[Any, " n"]) -> float:
        """Returns the log-density of a context's y given its x, in nats."""
        return float(np.logaddexp.reduce(self._log_mass(x, y)))

    def classes(
        self, x: Float[Any, "B n d"], y: Float[Any, "B n"], queries: Float[Any, "B m d"], lengths: Sequence[int]
    ) -> Posterior:
        """Computes the posteriors under each of the mixture's families alone; a sampled one has no quadrature error."""
        x, y, queries = as_double(x), as_double(y), as_double(queries)
        diagnostics: list[Diagnostics] = []  # local to this call, because several threads may call at once
        parts = []
        for name, family, closed in zip(self.mixture.family_names, self.mixture.functions, self._closed, strict=True):
            if closed is not None:
                exact = posterior([closed], x, y, queries, lengths, self.noise)
                parts.append([exact.log_evidence, exact.mean, exact.variance, exact.quadrature_error])
            else:
                parts.append(self._sampled(name, family, x, y, queries, lengths, diagnostics))
        self.diagnostics = diagnostics
        if self.verbose and diagnostics:
            print(self._summary(diagnostics), file=sys.stderr)
        return Posterior(*(np.concatenate(columns, axis=2) for columns in zip(*parts, strict=True)))

    def summary(self) -> str:
        """Summarises the last call's sampled posteriors in one line."""
        return self._summary(self.diagnostics)

    def _summary(self, diagnostics: Sequence[Diagnostics]) -> str:
        if not diagnostics:
            return f"{self.label}: nothing was sampled, every family has a closed form"
        effective = np.asarray([one.effective for one in diagnostics])
        r_hat = np.asarray([one.r_hat for one in diagnostics])
        return (
            f"{self.label}: {len(effective)} posteriors sampled; effective sample size at least {effective.min():.0f}, "
            f"{np.median(effective):.0f} in the middle; split R-hat at most {r_hat.max():.3f}, above 1.05 in "
            f"{(r_hat > 1.05).sum()}"
        )

    @property
    def _weights(self) -> Float[np.ndarray, " families"]:
        own = np.asarray(self.mixture.weights, np.float64)
        return own / own.sum()

    def _log_mass(self, x: Any, y: Any) -> Float[np.ndarray, " families"]:
        x, y = as_double(x)[None], as_double(y)[None]
        return mixed(self.classes(x, y, x[:, :1], [y.shape[1]]), self._weights)[2][0, 0]

    def _sampled(
        self,
        name: str,
        family: Family,
        x: np.ndarray,
        y: np.ndarray,
        queries: np.ndarray,
        lengths: Sequence[int],
        diagnostics: list[Diagnostics],
    ) -> list[np.ndarray]:
        """Returns log-evidence, mean, variance and not-a-number for the quadrature error, [B, L, 1, ...].

        A row is added to `diagnostics` for each posterior.
        """
        log_evidence, mean, variance = [], [], []
        with double():
            key = key_for(self.seed, "sampled posterior", name)
            for prompt in range(len(x)):
                for length in lengths:
                    mask = (np.arange(x.shape[1]) < length).astype(float)
                    data = (x[prompt], y[prompt], mask, queries[prompt])
                    clouds = _clouds(family, key, data, self.noise, self.particles, self.runs, self.moves)
                    values, of_runs, acceptance, powers, last = (np.asarray(part) for part in clouds)
                    if (last < 1).any():
                        raise SettingError(
                            f"{self.label}: {name}: sampling did not reach the posterior of prompt {prompt} at "
                            f"{length} pairs; use more moves, more particles or more noise"
                        )
                    found = _summary(values, of_runs)
                    log_evidence.append(found[0] - length * np.log(2 * np.pi * self.noise**2) / 2)
                    mean.append(found[1])
                    variance.append(found[2])
                    quality = effective_size(values), split_r_hat(values), float(acceptance.mean())
                    diagnostics.append(Diagnostics(name, prompt, int(length), *quality, float(powers.mean())))
        shape = (len(x), len(lengths), 1)
        of_queries = (*shape, queries.shape[1])
        return [
            np.reshape(log_evidence, shape),
            np.reshape(mean, of_queries),
            np.reshape(variance, of_queries),
            np.full(shape, np.nan),
        ]


def effective_size(values: Float[np.ndarray, "runs particles m"]) -> float:
    """Estimates how many independent draws would give means as precise as those of all runs, from the runs' means."""
    within = values.var(axis=1, ddof=1).mean(0).sum()
    of_mean = values.mean(1).var(axis=0, ddof=1).sum() / len(values)
    most = float(values.shape[0] * values.shape[1])
    return most if of_mean * most <= within else float(within / of_mean)


def split_r_hat(values: Float[np.ndarray, "runs particles m"]) -> float:
    """Split R-hat: Gelman, Carlin, Stern, Dunson, Vehtari and Rubin, Bayesian Data Analysis, 3rd ed., section 11.4."""
    half = values.shape[1] // 2
    chains = np.concatenate([values[:, :half], values[:, half : 2 * half]])
    within = chains.var(axis=1, ddof=1).mean(0)
    between = chains.mean(1).var(axis=0, ddof=1)
    # If only rounding varies, there is nothing to disagree about.
    floor = 1e-18 * (1 + np.square(chains).mean((0, 1)))
    return float(np.sqrt(((half - 1) / half * within + between + floor) / (within + floor)).max())


def _components(family: Family) -> Any:
    try:
        return family.components(NODES)
    except NoClosedForm:
        return None


def _summary(values: np.ndarray, log_evidence: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Returns the log-evidence, mean and variance of all runs, each weighted by its evidence."""
    total = np.logaddexp.reduce(log_evidence)
    share = np.exp(log_evidence - total) / values.shape[1]
    mean = np.einsum("r,rpm->m", share, values)
    return total - np.log(len(values)), mean, np.einsum("r,rpm->m", share, (values - mean) ** 2)


class _Clouds(NamedTuple):
    """The results kept from the runs; the evidence lacks its term −(k/2)·log 2πσ²."""

    values: Float[Array, "*runs particles m"]
    """Values at the queries."""
    log_evidence: Float[Array, "*runs"]
    acceptance: Float[Array, "*runs"]
    powers: Int[Array, "*runs"]
    last: Float[Array, "*runs"]


@eqx.filter_jit
def _clouds(
    family: Family,
    key: PRNGKeyArray,
    data: tuple[Float[Any, "n d"], Float[Any, " n"], Float[Any, " n"], Float[Any, "m d"]],
    noise: float,
    particles: int,
    runs: int,
    moves: int,
) -> _Clouds:
    x, y, mask, queries = (jnp.asarray(array) for array in data)
    count = latents.latents_of(family.draw)

    def values_at(points: Float[Array, "n d"], z: Float[Array, " latents"]) -> Float[Array, " n"]:
        task = jax.tree.map(jnp.asarray, latents.task_of(family.draw, z))
        task = jax.tree.map(lambda leaf: leaf.astype(points.dtype) if leaf.dtype.kind == "f" else leaf, task)
        return family.evaluate(task, points)

    def log_likelihood(z: Float[Array, " latents"]) -> Float[Array, ""]:
        return -(mask * ((y - values_at(x, z)) / noise) ** 2).sum() / 2

    def run(key: PRNGKeyArray) -> _Clouds:
        cloud = smc.tempered(log_likelihood, count, particles, moves, key)
        values = jax.vmap(lambda z: values_at(queries, z))(cloud.z)
        return _Clouds(values, cloud.log_evidence, cloud.acceptance, cloud.powers, cloud.power)

    return jax.vmap(run)(jax.random.split(key, runs))
