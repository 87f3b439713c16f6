"""What an architecture has to offer: a `Model` is its settings, a `Network` its weights."""

import abc
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, Int, Key, PRNGKeyArray

from offprior.errors import OffpriorError
from offprior.networks.heads import Moments
from offprior.networks.layout import AttentionByPair


class Trace(NamedTuple):
    """What a forward pass held at the tokens of its m queries, with L layers of H heads and width w."""

    answer: Moments
    """The prediction that came of it, [b, m]."""
    streams: Float[Any, "b s m w"]
    """The residual stream: the embedded query, then what each of the L layers leaves; s = L + 1."""
    attention: AttentionByPair
    """Attention of each layer and head; its rows are [b, L, H, m]."""


class Network(eqx.Module):
    """Weights, and what they compute."""

    @abc.abstractmethod
    def training_loss(
        self,
        x: Float[Array, "b n d"],
        y: Float[Array, "b n"],
        keys: Key[Array, " b"],
        compute: DTypeLike = jnp.float32,
        instruction: Int[Array, " b"] | None = None,
    ) -> tuple[Float[Array, "b r"], Bool[Array, "b r"]]:
        """Loss of each prediction, and which of them count; a prompt's own are a pure function of it and of its key.

        `compute` is the sort of number in which the large products are computed; weights and losses stay in single
        precision. `instruction` names each prompt's family, or is `named_families` where none is named; it is for
        networks that have `named_families`.
        """

    @abc.abstractmethod
    def curve(
        self,
        x: Float[Array, "b n d"],
        y: Float[Array, "b n"],
        queries: Float[Array, "b m d"],
        length: Int[Array, ""],
        instruction: Int[Array, " b"] | None = None,
    ) -> Moments:
        """Predictive mean and variance of y at every query given the first `length` pairs, in one pass.

        Both are [b, m]; the variance is of the noisy y, not-a-number where the model has none. `instruction` is that of
        `training_loss`; without one no family is named.
        """

    def trace(
        self,
        x: Float[Array, "b n d"],
        y: Float[Array, "b n"],
        queries: Float[Array, "b m d"],
        lengths: Int[Array, " b"],
        instruction: Int[Array, " b"] | None = None,
    ) -> Trace:
        """What `curve` computes on the way to its answer; every prompt has a context length of its own.

        Raises:
            OffpriorError: the architecture has no residual stream and no attention by a softmax, or does not tell them.
        """
        name = type(self).__name__
        raise OffpriorError(f"{name} does not tell its attention and its layers; it has to define {name}.trace")

    @abc.abstractmethod
    def sequence_length(self, points: int) -> int:
        """Pairs in a training prompt whose context has up to `points` of them."""

    def tokens(self, points: int) -> int:
        """Tokens that such a training prompt takes; what sets the memory it needs."""
        return 2 * self.sequence_length(points)

    @property
    def named_families(self) -> int:
        """How many families an instruction can name; 0 where the network takes none."""
        return 0

    def frozen(self) -> Any:
        """A pytree like the network's, True at the leaves that training leaves alone."""
        return jax.tree.map(lambda _: False, eqx.filter(self, eqx.is_array))


class Model(eqx.Module):
    """The settings of an architecture."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {}
    """Named settings, for recipes: `preset: NAME`."""

    @abc.abstractmethod
    def initialise(
        self, key: PRNGKeyArray, *, dimension: int, points: int, targets: Float[Array, " samples"]
    ) -> Network:
        """Fresh weights for inputs of `dimension` and contexts of up to `points` pairs.

        `targets` are values of y drawn from the pretraining mixture, for heads that are fitted to the prior.
        """

    @abc.abstractmethod
    def longest(self, points: int) -> int | None:
        """The longest context that a network made for `points` pairs can take; None where there is no limit."""

    def skeleton(self, *, dimension: int, points: int) -> Network:
        """A network of the right shapes without its numbers, for a checkpoint to fill."""

        def initialise() -> Network:
            targets = jnp.linspace(-1.0, 1.0, 8)
            return self.initialise(jax.random.key(0), dimension=dimension, points=points, targets=targets)

        return eqx.filter_eval_shape(initialise)
