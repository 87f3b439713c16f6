"""The optimisers: how a gradient changes the weights at a given learning rate.

The learning rate is passed in at every step, so that it can be a traced leaf: a population may have one rate per
member.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float
from optax import contrib

from offprior.models.model import Network
from offprior.pretraining.gradient import Sharing
from offprior.pretraining.training import Training

STACKED = contrib.MuonDimensionNumbers(reduction_axis=1, output_axis=2)


AVERAGED = 0.9
"""How close schedule-free training evaluates gradients to the average of all iterates, rather than to the last one."""


def optimiser(
    training: Training, network: Network, rate: Float[Array, ""], shared: Sharing | None = None
) -> optax.GradientTransformation:
    """Returns the transformation from a gradient to the change of the weights.

    Muon (Jordan et al. 2024; `optax.contrib.scale_by_muon`) orthogonalises the matrices inside the blocks; embeddings,
    heads, biases and norms are left to Adam, as its authors advise. Schedule-free is AdamW whose gradients are taken
    between the last iterate and a running average; the average makes the predictions (Defazio et al. 2024,
    `optax.contrib.schedule_free`).
    """
    step = optax.chain(_direction(training, network, shared), optax.stateless(_scale(-rate)))
    if training.optimiser == "schedule-free":
        return contrib.schedule_free(step, learning_rate=rate, b1=AVERAGED)
    return step


def predicting(training: Training, network: Network, state: Any) -> Network:
    """Returns the weights to predict with, on the host, if they differ from those in training."""
    if training.optimiser != "schedule-free":
        return network

    def average(now: Any, last: Any, stays: bool) -> Any:
        return now if stays else (np.asarray(now) - np.float32(1 - AVERAGED) * np.asarray(last)) / np.float32(AVERAGED)

    return jax.tree.map(average, network, state.z, network.frozen())


def _direction(training: Training, network: Network, shared: Sharing | None) -> optax.GradientTransformation:
    """Clips, preconditions and decays: the whole update except for the learning rate."""
    momentum = 0.0 if training.optimiser == "schedule-free" else 0.9  # schedule-free averages instead
    adam = optax.scale_by_adam(b1=momentum, b2=0.98 if training.optimiser == "muon" else 0.999)
    by_label: dict[str, optax.GradientTransformation] = {"frozen": optax.set_to_zero(), "vector": adam}
    if training.optimiser == "muon":
        muon = contrib.scale_by_muon(weight_dimension_numbers=_all(STACKED))
        by_label["matrix"] = _in_stacks(optax.chain(muon, optax.stateless(_scale_by_shape)), shared)
    chain = [optax.clip_by_global_norm(training.clip), optax.partition(by_label, labels(training, network))]
    if training.optimiser != "adam":
        chain.append(optax.add_decayed_weights(training.weight_decay, mask=_decayed(network)))
    return optax.chain(*chain)


def labels(training: Training, network: Network) -> Any:
    """Assigns every parameter to the part of the optimiser that updates it."""
    muon = training.optimiser == "muon"

    def label(stays: bool, is_matrix: bool) -> str:
        if muon and is_matrix:
            return "matrix"
        return "frozen" if stays else "vector"

    return jax.tree.map(label, network.frozen(), network.matrices())


def _decayed(network: Network) -> Any:
    """Restricts weight decay to matrices that are trained."""
    arrays = eqx.filter(network, eqx.is_array)
    return jax.tree.map(lambda array, stays: array.ndim >= 2 and not stays, arrays, network.frozen())


def _in_stacks(transformation: optax.GradientTransformation, shared: Sharing | None) -> optax.GradientTransformation:
    """Applies `transformation` to matrices in stacks of one shape, each device taking its part of a stack.

    Otherwise every device would compute all of it: with two cores, that is a sixth of a step of the demo.
    """

    def stacks(tree: Any) -> dict[str, Array]:
        by_shape: dict[str, list[Array]] = {}
        for matrix in jax.tree.leaves(tree):
            shape = matrix.shape[-2:]
            by_shape.setdefault("{}x{}".format(*shape), []).append(matrix.reshape(-1, *shape))
        return {name: jnp.concatenate(matrices) for name, matrices in by_shape.items()}

    def update(updates: Any, state: Any, parameters: Any = None) -> tuple[Any, Any]:
        del parameters
        stacked = stacks(updates)
        if shared is not None:
            stacked = {name: shared.shard(stack) for name, stack in stacked.items()}
        moved, state = transformation.update(stacked, state)
        if shared is not None:
            moved = shared.replicated(moved)
        taken = dict.fromkeys(moved, 0)
        leaves, structure = jax.tree.flatten(updates)
        for place, matrix in enumerate(leaves):
            name, count = "{}x{}".format(*matrix.shape[-2:]), matrix.size // (matrix.shape[-1] * matrix.shape[-2])
            leaves[place] = moved[name][taken[name] : taken[name] + count].reshape(matrix.shape)
            taken[name] += count
        return jax.tree.unflatten(structure, leaves), state

    return optax.GradientTransformation(lambda parameters: transformation.init(stacks(parameters)), update)


def _scale(factor: Float[Array, ""]) -> Any:
    return lambda updates, _: jax.tree.map(lambda update: (factor * update).astype(update.dtype), updates)


def _scale_by_shape(updates: Any, _: Any) -> Any:
    """Scales by √max(1, outputs/inputs), so that a rate found at one width suits others (Jordan et al. 2024)."""
    return jax.tree.map(lambda update: update * max(1.0, update.shape[-1] / update.shape[-2]) ** 0.5, updates)


def _all(dimensions: contrib.MuonDimensionNumbers):
    """Returns the same dimension numbers for every array; places masked by the partition stay empty."""
    return lambda updates: jax.tree.map(lambda _: dimensions, updates)
