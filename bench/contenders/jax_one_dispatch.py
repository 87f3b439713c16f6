"""(c) Jitted JAX as one would write it: prompts drawn on the device, one step a dispatch, nothing fetched."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from contenders.contender import Contender, Job


def initialised(key: Any, job: Job) -> dict[str, Any]:
    """Weights as offprior has them: normal, 1/√inputs, residual outputs over √(2·layers)."""
    w, keys = job.width, iter(jax.random.split(key, 4 * job.layers + 4))

    def affine(inputs: int, outputs: int, gain: float = 1.0) -> dict[str, Any]:
        return {"w": gain * inputs**-0.5 * jax.random.normal(next(keys), (inputs, outputs)), "b": jnp.zeros(outputs)}

    def norm() -> dict[str, Any]:
        return {"scale": jnp.ones(w), "b": jnp.zeros(w)}

    residual = (2 * job.layers) ** -0.5
    return {
        "read_in": affine(1, w),
        "positions": 0.02 * jax.random.normal(next(keys), (2 * job.pairs, w)),
        "blocks": [
            {
                "norm": norm(),
                "qkv": affine(w, 3 * w),
                "out": affine(w, w, residual),
                "second_norm": norm(),
                "up": affine(w, 4 * w),
                "down": affine(4 * w, w, residual),
            }
            for _ in range(job.layers)
        ],
        "norm": norm(),
        "read_out": affine(w, 1),
    }


def apply(weights: dict[str, Any], x: jax.Array, y: jax.Array, job: Job) -> jax.Array:
    """Predictions [b, n]."""
    compute = jnp.dtype(job.precision)

    def affine(part: dict[str, Any], h: jax.Array) -> jax.Array:
        return h @ part["w"].astype(h.dtype) + part["b"].astype(h.dtype)

    def norm(part: dict[str, Any], h: jax.Array) -> jax.Array:
        h32 = h.astype(jnp.float32)
        centred = h32 - h32.mean(-1, keepdims=True)
        standard = centred * jax.lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + 1e-5)
        return (standard * part["scale"] + part["b"]).astype(h.dtype)

    tokens = jnp.stack([x, y], axis=2).reshape(x.shape[0], -1, 1)
    h = (affine(weights["read_in"], tokens) + weights["positions"][: tokens.shape[1]]).astype(compute)
    for block in weights["blocks"]:
        qkv = affine(block["qkv"], norm(block["norm"], h)).reshape(*h.shape[:2], 3, job.heads, -1)
        mixed = jax.nn.dot_product_attention(qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2], is_causal=True)
        h = h + affine(block["out"], mixed.reshape(h.shape))
        h = h + affine(block["down"], jax.nn.gelu(affine(block["up"], norm(block["second_norm"], h))))
    return affine(weights["read_out"], norm(weights["norm"], h).astype(jnp.float32))[:, ::2, 0]


def drawn(key: Any, job: Job) -> tuple[jax.Array, jax.Array]:
    """Prompts as in `drawn_on_the_host`."""
    keys = jax.random.split(key, 7)
    b, n = job.batch, job.pairs
    low, high = job.frequency
    x = jax.random.uniform(keys[0], (b, n), minval=-5, maxval=5)
    lines = jax.random.normal(keys[1], (b, 1)) * x
    frequency = jax.random.uniform(keys[2], (b, 1), minval=low, maxval=high)
    amplitude = jax.random.rayleigh(keys[3], 1.0, (b, 1))
    waves = amplitude * jnp.sin(frequency * x + jax.random.uniform(keys[4], (b, 1), maxval=2 * jnp.pi))
    y = jnp.where(jax.random.bernoulli(keys[5], 0.5, (b, 1)), lines, waves)
    return x, y + job.noise * jax.random.normal(keys[6], (b, n))


class JaxOneDispatch(Contender):
    """Default settings of jax; the buffers of the weights are reused."""

    def begin(self, job: Job) -> int:
        self.job, optimiser = job, optax.adam(job.rate)
        first, self.key = jax.random.split(jax.random.key(job.seed))
        self.weights = initialised(first, job)
        self.moments = optimiser.init(self.weights)

        @functools.partial(jax.jit, donate_argnums=(0, 1))
        def step(weights: Any, moments: Any, key: Any) -> tuple[Any, Any, Any]:
            key, draw = jax.random.split(key)
            x, y = drawn(draw, job)
            loss = lambda weights: jnp.square(apply(weights, x, y, job) - y).mean()  # noqa: E731
            updates, moments = optimiser.update(jax.grad(loss)(weights), moments)
            return optax.apply_updates(weights, updates), moments, key

        self.step = step
        self.steps(1)
        return sum(leaf.size for leaf in jax.tree.leaves(self.weights))

    def steps(self, count: int) -> int:
        for _ in range(count):
            self.weights, self.moments, self.key = self.step(self.weights, self.moments, self.key)
        jax.block_until_ready(self.weights)
        return count

    def predict(self, x: np.ndarray, y: np.ndarray, length: int) -> np.ndarray:
        seen = (jnp.asarray(a[:, : length + 1], jnp.float32) for a in (x, y))
        return np.asarray(jax.jit(apply, static_argnums=3)(self.weights, *seen, self.job)[:, length])

    def about(self) -> str:
        return f"jax {jax.__version__}, {jax.devices()[0].device_kind}"


contender = JaxOneDispatch
