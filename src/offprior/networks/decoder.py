"""A decoder of attention and feed-forward blocks, as pure functions of its weights.

Shapes in names: B prompts, T tokens, Q tokens that are read, W width.
"""

from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from offprior.networks.attention import attend
from offprior.networks.matrix_products import product

Attend = Callable[[Array, Array, Array, Array], Array]
"""Maps queries, keys, values and visibility to the mixed values, as `offprior.networks.attention.attend`."""
Norm = Literal["pre", "post"]
Activation = Literal["gelu", "relu", "squared-relu"]

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "gelu": jax.nn.gelu,
    "relu": jax.nn.relu,
    "squared-relu": lambda x: jnp.square(jax.nn.relu(x)),
}


class Affine(eqx.Module):
    """A matrix and a bias, x·W + b, computed in the number type of x."""

    weight: Float[Array, "*stack inputs outputs"]
    bias: Float[Array, "*stack outputs"]

    @classmethod
    def initialise(cls, key: PRNGKeyArray, inputs: int, outputs: int, gain: float = 1.0, stack: int | None = None):
        """Draws weights of standard deviation gain/√inputs with zero biases; `stack` of them along a leading axis."""
        shape = (inputs, outputs) if stack is None else (stack, inputs, outputs)
        bias = (outputs,) if stack is None else (stack, outputs)
        return cls(gain * inputs**-0.5 * jax.random.normal(key, shape), jnp.zeros(bias))

    def __call__(self, x: Float[Array, "*rows inputs"]) -> Float[Array, "*rows outputs"]:
        weight, bias = self.weight.astype(x.dtype), self.bias.astype(x.dtype)
        return product(x, weight) + jnp.broadcast_to(bias, (*x.shape[:-1], bias.shape[-1]))

    def __getitem__(self, place: int) -> "Affine":
        """Returns one element of a stack."""
        return Affine(self.weight[place], self.bias[place])


class Normalisation(eqx.Module):
    """Layer normalisation over the width (Ba et al. 2016), statistics in single precision."""

    scale: Float[Array, " width"]
    bias: Float[Array, " width"]

    @classmethod
    def initialise(cls, width: int):
        """Creates the identity after standardisation."""
        return cls(jnp.ones(width), jnp.zeros(width))

    def __call__(self, x: Float[Array, "*rows width"]) -> Float[Array, "*rows width"]:
        x32 = x.astype(jnp.float32)
        centred = x32 - x32.mean(-1, keepdims=True)
        standard = centred * jax.lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + 1e-5)
        shape = (1,) * (x.ndim - 1) + self.scale.shape
        return (standard * self.scale.reshape(shape) + self.bias.reshape(shape)).astype(x.dtype)


class Block(eqx.Module):
    """Attention, then a feed-forward layer, each added to its input."""

    attention_norm: Normalisation
    projections: Affine
    """Query, key and value projections, stacked."""
    output: Affine
    feedforward_norm: Normalisation | None
    """None, like `up` and `down`, for a block of attention alone."""
    up: Affine | None
    down: Affine | None
    heads: int = eqx.field(static=True)
    norm: Norm = eqx.field(static=True)
    activation: Activation = eqx.field(static=True)

    @classmethod
    def initialise(
        cls, key: PRNGKeyArray, *, width: int, heads: int, hidden: int, layers: int, norm: Norm, activation: Activation
    ):
        """Draws weights, residual outputs scaled by 1/√(2·layers) as in GPT-2 (Radford et al. 2019, section 2.3).

        With 0 `hidden` units the block is attention alone.
        """
        projections, output, up, down = jax.random.split(key, 4)
        residual = (2 * layers) ** -0.5
        return cls(
            attention_norm=Normalisation.initialise(width),
            projections=Affine.initialise(projections, width, width, stack=3),
            output=Affine.initialise(output, width, width, gain=residual),
            feedforward_norm=Normalisation.initialise(width) if hidden else None,
            up=Affine.initialise(up, width, hidden) if hidden else None,
            down=Affine.initialise(down, hidden, width, gain=residual) if hidden else None,
            heads=heads,
            norm=norm,
            activation=activation,
        )

    def __call__(
        self,
        x_BxTxW: Float[Array, "b t w"],
        visible: Bool[Array, "b t t"],
        rows: slice = slice(None),
        attend: Attend = attend,
    ) -> Float[Array, "b q w"]:
        """Returns the features at `rows`, as the last block reads only some; another `attend` may record weights."""
        if self.norm == "pre":
            read_BxQxW = x_BxTxW[:, rows] + self._attend(self.attention_norm(x_BxTxW), visible, rows, attend)
            if self.feedforward_norm is None:
                return read_BxQxW
            return read_BxQxW + self._feed_forward(self.feedforward_norm(read_BxQxW))
        read_BxQxW = self.attention_norm(x_BxTxW[:, rows] + self._attend(x_BxTxW, visible, rows, attend))
        if self.feedforward_norm is None:
            return read_BxQxW
        return self.feedforward_norm(read_BxQxW + self._feed_forward(read_BxQxW))

    def matrices(self) -> list[Any]:
        """Returns the weights that are matrices."""
        parts = (self.projections, self.output, self.up, self.down)
        return [part.weight for part in parts if part is not None]

    def _attend(
        self, x_BxTxW: Float[Array, "b t w"], visible: Bool[Array, "b t t"], rows: slice, attend: Attend
    ) -> Float[Array, "b q w"]:
        queries, keys, values = (
            project(x).reshape(*x.shape[:2], self.heads, -1)
            for project, x in zip(
                (self.projections[place] for place in range(3)), (x_BxTxW[:, rows], x_BxTxW, x_BxTxW), strict=True
            )
        )
        mixed = attend(queries, keys, values, visible[:, rows])
        return self.output(mixed.reshape(*mixed.shape[:2], -1))

    def _feed_forward(self, x_BxQxW: Float[Array, "b q w"]) -> Float[Array, "b q w"]:
        assert self.up is not None and self.down is not None
        return self.down(ACTIVATIONS[self.activation](self.up(x_BxQxW)))


def mark_matrices(nothing: Any) -> Any:
    """Marks the matrices inside the blocks of a network, in a pytree like the network that marks nothing."""
    return eqx.tree_at(
        lambda network: [matrix for block in network.blocks for matrix in block.matrices()],
        nothing,
        replace_fn=lambda _: True,
    )
