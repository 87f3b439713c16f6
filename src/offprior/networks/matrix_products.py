"""Matrix products whose gradients have a memory layout that suits processors.

On two cores (328 × 512 by 512 × 128, float32) XLA's own gradient of the weights, xᵀ·dy, runs at half the speed of the
same product with the smaller matrix first; a training step of the transformer gains a tenth to a sixth.
"""

import jax
from jaxtyping import Array, Float


def product(x: Float[Array, "*rows inputs"], weight: Float[Array, "inputs outputs"]) -> Float[Array, "*rows outputs"]:
    """Returns x·W, with a gradient that is fast on a CPU."""
    return _product(x, weight) if jax.default_backend() == "cpu" else x @ weight


@jax.custom_vjp
def _product(x: Array, weight: Array) -> Array:
    return x @ weight


def _forward(x: Array, weight: Array) -> tuple[Array, tuple[Array, Array]]:
    return x @ weight, (x, weight)


def _backward(saved: tuple[Array, Array], change: Array) -> tuple[Array, Array]:
    x, weight = saved
    inputs, outputs = weight.shape
    of_x = change @ weight.T
    rows, changes = x.reshape(-1, inputs), change.reshape(-1, outputs)
    # The barriers keep a transposition separate: fused with what precedes it, it is read in the wrong memory order.
    if inputs <= outputs:
        return of_x, jax.lax.optimization_barrier(rows.T) @ changes
    return of_x, jax.lax.optimization_barrier(jax.lax.optimization_barrier(changes.T) @ rows).T


_product.defvjp(_forward, _backward)
