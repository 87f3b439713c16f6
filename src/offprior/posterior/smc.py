"""Tempered sequential Monte Carlo over independent standard normals.

Del Moral, Doucet and Jasra (J. R. Stat. Soc. B 68, 2006): a cloud drawn from the prior is moved to the posterior
through likelihoods raised to powers from 0 to 1. Each power is the largest that keeps the effective sample size of the
weights at a given share of the cloud; the cloud is then resampled by its weights and moved.

Moves are preconditioned Crank–Nicolson (Cotter, Roberts, Stuart and White, Stat. Sci. 28, 2013): z' = √(1 − s²)·z +
s·ξ, which preserves N(0, 1), so that only likelihoods decide on acceptance. The step s is drawn for each move,
logarithmically between 0.001 and 1, and so is the share of the numbers that it moves, from one of them to all. Nothing
has to be tuned, and numbers that encode a discrete choice are also moved singly.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

MOST_POWERS = 200
SMALLEST_STEP = 1e-3
EVEN = 0.5
"""Effective sample size after a step in the power, as a share of the cloud."""
HALVINGS = 50


class Cloud(NamedTuple):
    """Equally weighted draws from a posterior."""

    z: Float[Array, "particles latents"]
    log_evidence: Float[Array, ""]
    powers: Int[Array, ""]
    """The number of likelihood powers used."""
    acceptance: Float[Array, ""]
    """Share of the last power's moves that were accepted."""
    power: Float[Array, ""]
    """The last power: 1, unless there were too few steps."""


class _State(NamedTuple):
    key: PRNGKeyArray
    z: Float[Array, "particles latents"]
    log_likelihood: Float[Array, " particles"]
    log_evidence: Float[Array, ""]
    power: Float[Array, ""]
    powers: Int[Array, ""]
    acceptance: Float[Array, ""]


def tempered(
    log_likelihood: Callable[[Float[Array, " latents"]], Float[Array, ""]],
    latents: int,
    particles: int,
    moves: int,
    key: PRNGKeyArray,
) -> Cloud:
    """Draws z given the data, for z ~ N(0, I), and returns the log-evidence, whose exponential is unbiased."""
    of_cloud = jax.vmap(log_likelihood)

    def follow(state: _State) -> _State:
        key, of_drawing, of_moves = jax.random.split(state.key, 3)
        step = _step(state.log_likelihood, 1 - state.power)
        log_weights = step * state.log_likelihood
        log_mean = jax.nn.logsumexp(log_weights) - jnp.log(float(particles))
        which = _systematic(of_drawing, jax.nn.softmax(log_weights))
        power = jnp.where(step >= 1 - state.power, 1.0, state.power + step)

        def move(at: tuple[Array, Array], key: PRNGKeyArray) -> tuple[tuple[Array, Array], Array]:
            z, known = at
            of_step, of_share, of_mask, of_noise, of_choice = jax.random.split(key, 5)
            step = jnp.exp(jnp.log(SMALLEST_STEP) * jax.random.uniform(of_step, (particles, 1)))
            share = jnp.exp(-jnp.log(float(latents)) * jax.random.uniform(of_share, (particles, 1)))
            moved = jnp.sqrt(1 - step**2) * z + step * jax.random.normal(of_noise, z.shape, z.dtype)
            proposed = jnp.where(jax.random.uniform(of_mask, z.shape) < share, moved, z)
            following = of_cloud(proposed)
            taken = jnp.log(jax.random.uniform(of_choice, (particles,))) < power * (following - known)
            return (jnp.where(taken[:, None], proposed, z), jnp.where(taken, following, known)), taken.mean(
                dtype=known.dtype
            )

        start = state.z[which], state.log_likelihood[which]
        (z, known), taken = jax.lax.scan(move, start, jax.random.split(of_moves, moves))
        return _State(key, z, known, state.log_evidence + log_mean, power, state.powers + 1, taken.mean())

    of_prior, of_rest = jax.random.split(key)
    z = jax.random.normal(of_prior, (particles, latents))
    zero = jnp.zeros((), z.dtype)
    start = _State(of_rest, z, of_cloud(z), zero, zero, jnp.zeros((), int), zero)
    end = jax.lax.while_loop(lambda state: (state.power < 1) & (state.powers < MOST_POWERS), follow, start)
    return Cloud(end.z, end.log_evidence, end.powers, end.acceptance, end.power)


def _step(log_likelihood: Float[Array, " particles"], most: Float[Array, ""]) -> Float[Array, ""]:
    """Returns the largest step in the power that leaves the weights even enough."""
    spread = log_likelihood - log_likelihood.max()

    def is_even(step: Array) -> Array:
        weights = jnp.exp(step * spread)
        return weights.sum() ** 2 >= EVEN * weights.shape[0] * jnp.square(weights).sum()

    def halve(_: Any, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        even = is_even(middle)
        return jnp.where(even, middle, low), jnp.where(even, high, middle)

    # The bracket's upper end is used, so that a step is never zero.
    found = jax.lax.fori_loop(0, HALVINGS, halve, (jnp.zeros_like(most), most))[1]
    return jnp.where(is_even(most), most, found)


def _systematic(key: PRNGKeyArray, share: Float[Array, " particles"]) -> Int[Array, " particles"]:
    count = share.shape[0]
    places = (jnp.arange(count, dtype=share.dtype) + jax.random.uniform(key)) / count
    return jnp.minimum(jnp.searchsorted(jnp.cumsum(share), places), count - 1)
