"""The base classes of architectures: a `Model` holds the settings, a `Network` the weights."""

import abc
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, Int, Key, PRNGKeyArray

from offprior.errors import OffpriorError, Problem, SettingError
from offprior.networks.heads import Head, PredictiveMoments
from offprior.networks.layout import AttentionByPair
from offprior.parameter import Part


class Trace(NamedTuple):
    """The inside of a forward pass at the tokens of its m queries, with L layers of H heads and width w."""

    answer: PredictiveMoments
    """The resulting prediction, [b, m]."""
    streams: Float[Any, "b s m w"]
    """The residual stream: the embedded query, then the output of each of the L layers; s = L + 1."""
    attention: AttentionByPair
    """Attention of each layer and head; its rows are [b, L, H, m]."""


class Network(eqx.Module):
    """The weights of an architecture, and what they compute."""

    @abc.abstractmethod
    def training_loss(
        self,
        x: Float[Array, "b n d"],
        y: Float[Array, "b n"],
        keys: Key[Array, " b"],
        compute: DTypeLike = jnp.float32,
        instruction: Int[Array, " b"] | None = None,
    ) -> tuple[Float[Array, "b r"], Bool[Array, "b r"]]:
        """Returns the loss of each prediction, and which predictions count.

        A prompt's losses are a pure function of the prompt and its key.

        Args:
            x: the prompts' inputs.
            y: the prompts' outputs.
            keys: one key per prompt.
            compute: the number type of the large products; weights and losses stay in single precision.
            instruction: the index of each prompt's family, or `named_families` for a prompt whose family is not named;
                for networks that have `named_families`.
        """

    @abc.abstractmethod
    def curve(
        self,
        x: Float[Array, "b n d"],
        y: Float[Array, "b n"],
        queries: Float[Array, "b m d"],
        length: Int[Array, ""],
        instruction: Int[Array, " b"] | None = None,
    ) -> PredictiveMoments:
        """Predicts y at every query from the first `length` pairs, in one pass.

        Args:
            x: the prompts' inputs.
            y: the prompts' outputs.
            queries: the inputs at which to predict.
            length: the context length in pairs.
            instruction: as in `training_loss`; None names no family.

        Returns:
            Mean and variance, both [b, m]. The variance is that of the noisy y, or not-a-number if the model has none.
        """

    def outputs(
        self,
        x: Float[Array, "b n d"],
        y: Float[Array, "b n"],
        queries: Float[Array, "b m d"],
        length: Int[Array, ""],
    ) -> Float[Array, "b m o"]:
        """Returns the raw outputs from which `read_head` makes the predictions of `curve`.

        Raises:
            OffpriorError: the network has no head of this library.
        """
        raise OffpriorError(f"{type(self).__name__} has no head with a distribution: it defines no `outputs`")

    @property
    def read_head(self) -> Head | None:
        """The head that reads `outputs`; None if the network does not define them."""
        return None

    def trace(
        self,
        x: Float[Array, "b n d"],
        y: Float[Array, "b n"],
        queries: Float[Array, "b m d"],
        lengths: Int[Array, " b"],
        instruction: Int[Array, " b"] | None = None,
    ) -> Trace:
        """Returns the intermediate values of `curve`; every prompt has its own context length.

        Raises:
            OffpriorError: the architecture has no residual stream and no softmax attention, or does not expose them.
        """
        name = type(self).__name__
        raise OffpriorError(f"{name} does not expose its attention and its layers; define {name}.trace")

    def next_tokens(self, x: Float[Array, "b n v"]) -> Float[Array, "b n v"]:
        """Returns the probabilities of each token at every place of sequences, in one causal pass.

        Args:
            x: the token before each place, one-hot, with zeros before the first.

        Raises:
            OffpriorError: the network predicts real values.
        """
        raise OffpriorError(f"{type(self).__name__} predicts real values, not tokens: it defines no `next_tokens`")

    @abc.abstractmethod
    def sequence_length(self, points: int) -> int:
        """Returns the number of pairs in a training prompt whose context has up to `points` pairs."""

    def tokens(self, points: int) -> int:
        """Returns the number of tokens of such a training prompt, which determines the memory it needs."""
        return 2 * self.sequence_length(points)

    @property
    def named_families(self) -> int:
        """How many families an instruction can name; 0 if the network takes none."""
        return 0

    def made_by(self) -> "Model | None":
        """Returns the model that the network was made by; None if it does not keep that, and so cannot be saved."""
        return None

    def matrices(self) -> Any:
        """Returns a pytree like the network, True at the matrices between layers, which Muon orthogonalises."""
        return jax.tree.map(lambda _: False, eqx.filter(self, eqx.is_array))

    def frozen(self) -> Any:
        """Returns a pytree like the network, True at the leaves that training does not change."""
        return jax.tree.map(lambda _: False, eqx.filter(self, eqx.is_array))


class Model(Part):
    """The settings of an architecture."""

    presets: ClassVar[dict[str, dict[str, Any]]] = {}
    """Named settings, for recipes: `preset: NAME`."""

    @abc.abstractmethod
    def initialise(
        self, key: PRNGKeyArray, *, dimension: int, points: int, targets: Float[Array, " samples"]
    ) -> Network:
        """Creates fresh weights.

        Args:
            key: the random key.
            dimension: how many numbers an input has.
            points: the longest context, in pairs.
            targets: values of y drawn from the pretraining mixture, for heads that are fitted to the prior.
        """

    @abc.abstractmethod
    def longest(self, points: int) -> int | None:
        """Returns the longest context of a network made for `points` pairs; None if there is no limit."""

    @property
    def predicts_tokens(self) -> bool:
        """Whether its networks predict tokens, not real values."""
        return False

    def check_vocabulary(self, vocabulary: int) -> None:
        """Checks that the model fits a mixture of token processes (`vocabulary` > 0), or one of functions (0).

        Raises:
            SettingError: it does not.
        """
        if self.predicts_tokens == bool(vocabulary):
            return
        kinds = "tokens", "real values"
        own, wanted = kinds if self.predicts_tokens else kinds[::-1]
        message = f"the model predicts {own}, but the mixture's families have {wanted}"
        hint = "; write tokens: sequence and head: softmax" if vocabulary else ""
        raise SettingError(Problem("", f"{message}{hint}", about=("mixture.families",)))

    def skeleton(self, *, dimension: int, points: int) -> Network:
        """Creates a network of the right shapes without numbers, for a checkpoint to fill."""

        def initialise() -> Network:
            targets = jnp.linspace(-1.0, 1.0, 8)
            return self.initialise(jax.random.key(0), dimension=dimension, points=points, targets=targets)

        return eqx.filter_eval_shape(initialise)
