"""The optimisers, each as a direction that the loop multiplies by the step's learning rate.

The learning rate stays outside so that it can be a traced leaf: a population may hold a rate a member.
"""

from typing import Any

import equinox as eqx
import jax
import optax
from optax import contrib

from offprior.models.model import Network
from offprior.networks.decoder import Block
from offprior.pretraining.training import Training

MATRIX = contrib.MuonDimensionNumbers(reduction_axis=0, output_axis=1)
STACKED = contrib.MuonDimensionNumbers(reduction_axis=1, output_axis=2)


def direction(training: Training, network: Network) -> optax.GradientTransformation:
    """Clip, precondition, decay: everything of the update but the learning rate.

    Muon (Jordan et al. 2024; `optax.contrib.scale_by_muon`) orthogonalises the matrices inside the blocks; embeddings,
    heads, biases and norms are left to Adam, as its authors advise.
    """
    adam = optax.scale_by_adam(b1=0.9, b2=0.98 if training.optimiser == "muon" else 0.999)
    by_label: dict[str, optax.GradientTransformation] = {"frozen": optax.set_to_zero(), "vector": adam}
    if training.optimiser == "muon":
        for label, dimensions in (("matrix", MATRIX), ("stacked", STACKED)):
            by_label[label] = optax.chain(
                contrib.scale_by_muon(weight_dimension_numbers=_all(dimensions)), optax.stateless(_scale_by_shape)
            )
    chain = [optax.clip_by_global_norm(training.clip), optax.partition(by_label, labels(training, network))]
    if training.optimiser != "adam":
        chain.append(optax.add_decayed_weights(training.weight_decay, mask=_decayed(network)))
    return optax.chain(*chain)


def labels(training: Training, network: Network) -> Any:
    """For every parameter, the part of the optimiser that moves it."""
    frozen = network.frozen()
    vectors = jax.tree.map(lambda stays: "frozen" if stays else "vector", frozen)
    if training.optimiser != "muon":
        return vectors

    def inside_block(node: Any) -> Any:
        if not isinstance(node, Block):
            return node
        return eqx.tree_at(
            lambda block: (
                block.projections.weight,
                block.output.weight,
                block.up.weight,
                block.down.weight,
            ),
            node,
            ("stacked", "matrix", "matrix", "matrix"),
        )

    return jax.tree.map(inside_block, vectors, is_leaf=lambda node: isinstance(node, Block))


def _decayed(network: Network) -> Any:
    """Weight decay is for matrices that are trained."""
    arrays = eqx.filter(network, eqx.is_array)
    return jax.tree.map(lambda array, stays: array.ndim >= 2 and not stays, arrays, network.frozen())


def _scale_by_shape(updates: Any, _: Any) -> Any:
    """√max(1, outputs/inputs), which keeps a rate good for one width good for others (Jordan et al. 2024)."""
    return jax.tree.map(lambda update: update * max(1.0, update.shape[-1] / update.shape[-2]) ** 0.5, updates)


def _all(dimensions: contrib.MuonDimensionNumbers):
    """The same dimension numbers for every array; places masked by the partition stay empty."""
    return lambda updates: jax.tree.map(lambda _: dimensions, updates)
