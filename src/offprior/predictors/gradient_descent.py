"""A few steps of gradient descent on the context."""

import functools
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from offprior.compute.randomness import key_for
from offprior.parameter import parameter
from offprior.predictors.predictor import LABEL, Algorithm, without_variance

NETWORK_RATE = 5e-3
DECAYS, SMALL = (0.9, 0.999), 1e-8
"""Adam's constants (Kingma and Ba 2015, algorithm 1)."""

Network = tuple[Float[Array, "d hidden"], Float[Array, " hidden"]]
"""The weights of a two-layer network."""


class GradientDescent(Algorithm):
    """A few steps of gradient descent on a context's squared error (arXiv 2212.07677 for the linear model).

    `linear` starts from zero weights and descends the mean of (y − w·x)²/2. Its default rate is the inverse of that
    loss's largest curvature, computed for each context. `relu` is a two-layer network in single precision, trained with
    Adam on the whole context from the same random weights for every prompt. The code of arXiv 2208.01066 uses 100
    hidden units, 100 steps and the rate 0.005; leaving out biases, and the initial weights, are our choice.
    """

    model: Literal["linear", "relu"] = parameter("linear", "model that is fitted")
    steps: int = parameter(1, "steps", minimum=0)
    rate: float | None = parameter(None, "step size; null is 1/curvature for linear, 0.005 for relu", above=0)
    hidden: int = parameter(100, "hidden units of relu", minimum=1)
    first: int = parameter(0, "seed of relu's first weights", minimum=0)
    label: str = parameter("gradient descent", LABEL)

    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        return without_variance(self._linear(x, y, queries) if self.model == "linear" else self._relu(x, y, queries))

    def _linear(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> Float[np.ndarray, "B m"]:
        curvatures, axes = np.linalg.eigh(np.einsum("bki,bkj->bij", x, x) / y.shape[1])
        curvatures = np.maximum(curvatures, 0.0)
        steepest = np.maximum(curvatures[:, -1:], np.finfo(float).tiny)
        rate = 1 / steepest if self.rate is None else np.full_like(steepest, float(self.rate))
        # After t steps the part along an axis is (1 − (1 − rate·curvature)ᵗ)/curvature times the gradient at 0.
        left = 1 - rate * curvatures
        with np.errstate(over="ignore"):
            taken = sum((rate * left**step for step in range(self.steps)), np.zeros_like(left))
        gradient = np.einsum("bkd,bk->bd", x, y) / y.shape[1]
        weights = np.einsum("bdi,bi->bd", axes, taken * np.einsum("bdi,bd->bi", axes, gradient))
        return np.einsum("bmd,bd->bm", queries, weights)

    def _relu(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> Float[np.ndarray, "B m"]:
        rate = jnp.asarray(NETWORK_RATE if self.rate is None else float(self.rate), jnp.float32)
        prompts = (jnp.asarray(array, jnp.float32) for array in (x, y, queries))
        return np.asarray(_trained(self.first_weights(x.shape[2]), *prompts, rate, self.steps), np.float64)

    def first_weights(self, dimension: int) -> Network:
        """Draws the relu network's first weights for `dimension` numbers: normal, with values as large as inputs."""
        first, second = jax.random.split(key_for(self.first, "gradient descent"))
        return (
            jax.random.normal(first, (dimension, self.hidden), jnp.float32) / np.float32(np.sqrt(dimension)),
            jax.random.normal(second, (self.hidden,), jnp.float32) * np.float32(np.sqrt(2 / self.hidden)),
        )


def _value(network: Network, x: Float[Array, "n d"]) -> Float[Array, " n"]:
    return jax.nn.relu(x @ network[0]) @ network[1]


@functools.partial(jax.jit, static_argnames=("steps",))
def _trained(
    start: Network,
    x: Float[Array, "B k d"],
    y: Float[Array, "B k"],
    queries: Float[Array, "B m d"],
    rate: Float[Array, ""],
    steps: int,
) -> Float[Array, "B m"]:
    def of_prompt(x: Array, y: Array, queries: Array) -> Array:
        def loss(network: Network) -> Array:
            return jnp.square(_value(network, x) - y).mean()

        def step(number: Array, state: tuple[Network, Network, Network]) -> tuple[Network, Network, Network]:
            network, *averages = state
            gradient = jax.grad(loss)(network)
            count = number.astype(jnp.float32) + 1
            first, second = (
                jax.tree.map(lambda old, g, beta=beta, power=power: beta * old + (1 - beta) * g**power, old, gradient)
                for old, beta, power in zip(averages, DECAYS, (1, 2), strict=True)
            )
            scale = jnp.sqrt(1 - DECAYS[1] ** count) / (1 - DECAYS[0] ** count)
            small = SMALL * jnp.sqrt(1 - DECAYS[1] ** count)
            network = jax.tree.map(lambda w, m, v: w - rate * scale * m / (jnp.sqrt(v) + small), network, first, second)
            return network, first, second

        nothing = jax.tree.map(jnp.zeros_like, start)
        return _value(jax.lax.fori_loop(0, steps, step, (start, nothing, nothing))[0], queries)

    return jax.vmap(of_prompt)(x, y, queries)
