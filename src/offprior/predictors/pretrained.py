"""A pretrained network as a predictor like any other."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Float, Int

from offprior.compute.precision import single
from offprior.compute.randomness import key_for
from offprior.errors import OffpriorError
from offprior.mixture import Mixture
from offprior.models.model import Network
from offprior.models.transformer import Transformer
from offprior.networks.heads import PredictiveMoments
from offprior.predictive.distribution import Distribution
from offprior.predictors.predictor import BatchPrediction, Predictor
from offprior.prompt_check import as_single
from offprior.prompt_sampling import tokens_before
from offprior.recipe.parts import part_from, plain, settings_from
from offprior.storage.arrays import read_about, read_arrays, write_arrays

TOKENS_A_PASS = {"cpu": 1 << 12}
"""Tokens in one forward pass; larger batches are split. Passes that fit a CPU's caches are three times as fast."""
TOKENS_ELSEWHERE = 1 << 17
"""Tokens in one forward pass on other devices, so that attention's memory stays bounded."""

PAIRS = 20
"""Contexts are cut or padded to the next multiple: short ones cost less, and few programs are compiled."""


class Pretrained(Predictor):
    """A network and the mixture that it was pretrained on, as a run's checkpoints store them.

    Built without arguments, it is an untrained transformer of toy size, so that it can be shown in examples.
    """

    outside_recipes: ClassVar[str] = "a run's own models are always evaluated"
    trained = True

    @single()
    def __init__(
        self,
        network: Network | None = None,
        mixture: Mixture | None = None,
        *,
        trained_to: int = 40,
        limit: int | None = None,
        seed: int = 0,
        history: pd.DataFrame | None = None,
        label: str = "model",
    ):
        self.mixture = mixture if mixture is not None else Mixture()
        if network is None:
            toy = Transformer(layers=1, heads=2, width=16)
            limit = toy.longest(trained_to)
            network = toy.initialise(
                key_for(seed),
                dimension=self.mixture.dimension,
                points=trained_to,
                targets=jnp.linspace(-1, 1, 64),
            )
        self.network = network
        self.trained_to = trained_to
        self.longest = limit
        self.seed = seed
        self.history = history if history is not None else pd.DataFrame()
        self.label = label

    def __repr__(self) -> str:
        count = sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(self.network, eqx.is_array)))
        limit = "any length" if self.longest is None else f"at most {self.longest} pairs"
        return (
            f"{type(self.network).__name__} {self.label!r}, seed {self.seed}: {count:,} parameters, pretrained on "
            f"contexts of up to {self.trained_to} pairs of {self.mixture.summary}; takes {limit}"
        )

    def save(self, path: str | Path) -> None:
        """Writes the weights, the model's settings and the mixture to one safetensors file.

        Args:
            path: the file; it appears whole or not at all.

        Raises:
            OffpriorError: the network does not keep the settings of its model.
        """
        model = self.network.made_by()
        if model is None:
            name = type(self.network).__name__
            raise OffpriorError(f"{name} cannot be saved: {name}.made_by must return its model")
        about = {
            "model": plain(model),
            "mixture": plain(self.mixture),
            "trained_to": self.trained_to,
            "limit": self.longest,
            "seed": self.seed,
            "label": self.label,
        }
        write_arrays(Path(path), self.network, about)

    @classmethod
    @single()
    def load(cls, path: str | Path) -> "Pretrained":
        """Reads a file that `save` wrote.

        Raises:
            OffpriorError: the file is missing, torn, or written by something else.
        """
        path = Path(path)
        about = read_about(path)
        if "mixture" not in about:
            raise OffpriorError(f"{path}: this is the checkpoint of a run; open its folder with offprior.Run")
        model, mixture = part_from("models", about["model"]), settings_from(Mixture, about["mixture"])
        like = model.skeleton(dimension=mixture.dimension, points=about["trained_to"])
        network, _ = read_arrays(path, like)
        settings = {name: about[name] for name in ("trained_to", "limit", "seed", "label")}
        return cls(network, mixture, **settings)

    def predict_batch(
        self,
        x: Float[Any, "b n d"],
        y: Float[Any, "b n"],
        queries: Float[Any, "b m d"],
        lengths: Sequence[int],
        instruction: Int[Any, " b"] | None = None,
    ) -> BatchPrediction:
        """Returns means and variances [b, lengths, m] of the noise-free value; one forward pass per context length.

        The variance is the head's minus the noise's, or not-a-number if the head has none.

        Args:
            x: the contexts' inputs.
            y: the contexts' outputs.
            queries: the inputs at which to predict.
            lengths: context lengths in pairs.
            instruction: each prompt's family as an index into the mixture, for a network that takes an instruction;
                None gives no instruction.

        Raises:
            OffpriorError: a context is longer than the network can take.
        """
        means, variances = [], []
        for kept, told, passes in self._passes(x, y, queries, lengths, instruction):
            of_lengths = [_curve(self.network, *each, told) for each in passes]
            means.append(np.stack([np.asarray(moments.mean) for moments in of_lengths], axis=1)[:kept])
            variances.append(np.stack([np.asarray(moments.variance) for moments in of_lengths], axis=1)[:kept])
        noise = float(np.asarray(self.mixture.noise))
        variance = np.concatenate(variances).astype(np.float64) - noise**2
        return BatchPrediction(np.concatenate(means).astype(np.float64), np.maximum(variance, 0.0))

    def predictive(
        self, x: Float[Any, "b n d"], y: Float[Any, "b n"], queries: Float[Any, "b m d"], noise: float
    ) -> Distribution | None:
        """Returns the head's distribution of a new output, noise included; None if the head has none.

        Raises:
            OffpriorError: the context is longer than the network can take.
        """
        head = self.network.read_head
        if head is None:
            return None
        found = []
        for kept, _, (only,) in self._passes(x, y, queries, [y.shape[1]], None):
            found.append(np.asarray(_outputs(self.network, *only))[:kept])
        return head.distribution(np.concatenate(found))

    def _passes(
        self, x: Any, y: Any, queries: Any, lengths: Sequence[int], instruction: Int[Any, " b"] | None
    ) -> Iterator[tuple[int, Array | None, list[tuple[Array, Array, Array, Array]]]]:
        """Yields chunks of prompts: how many count, their instruction, and the arguments of one pass per length."""
        rooms = [(length, self.room(length)) for length in lengths]
        x, y, queries = (as_single(*named) for named in (("x", x), ("y", y), ("queries", queries)))
        # Pairs beyond the longest requested context would only cost time.
        x, y = x[:, : max(lengths)], y[:, : max(lengths)]
        after = max(room for _, room in rooms) - x.shape[1]
        x, y = np.pad(x, ((0, 0), (0, after), (0, 0))), np.pad(y, ((0, 0), (0, after)))
        prompts, tokens = x.shape[0], 2 * x.shape[1] + queries.shape[1]
        chunk = even_chunk(prompts, tokens)
        for start in range(0, prompts, chunk):
            part = slice(start, start + chunk)
            context, outputs, asked = (jnp.asarray(filled_up(a[part], chunk)) for a in (x, y, queries))
            told = None if instruction is None else jnp.asarray(filled_up(instruction[part], chunk), jnp.int32)
            passes = [
                (context[:, :room], outputs[:, :room], asked, jnp.asarray(length, jnp.int32)) for length, room in rooms
            ]
            yield min(chunk, prompts - start), told, passes

    def next_tokens(self, tokens: Int[Any, "B n"], lengths: Sequence[int]) -> Float[np.ndarray, "B L vocabulary"]:
        """Returns the probabilities of the next token [B, L, vocabulary], all lengths in one causal pass.

        Raises:
            OffpriorError: a prefix is longer than the network can take, or the network predicts real values.
        """
        read = np.asarray(tokens)[:, : self.room(max(lengths))].astype(np.int32)
        chunk = even_chunk(len(read), read.shape[1] + 1)
        found = []
        for start in range(0, len(read), chunk):
            before = tokens_before(jnp.asarray(filled_up(read[start : start + chunk], chunk)), self.mixture.vocabulary)
            found.append(np.asarray(_next_tokens(self.network, before), np.float64)[: len(read) - start])
        return np.concatenate(found)[:, list(lengths)]

    def room(self, length: int) -> int:
        """Returns the number of pairs to which a context of `length` is padded, so that few programs are compiled.

        Raises:
            OffpriorError: it is longer than the network can take.
        """
        if self.longest is not None and length > self.longest:
            raise OffpriorError(f"the model takes contexts of up to {self.longest} pairs, got {length}")
        room = -(-length // PAIRS) * PAIRS
        return room if self.longest is None else min(room, self.longest)


def even_chunk(prompts: int, tokens: int) -> int:
    """Returns how many prompts to pass through a network at once: as few chunks as possible, all of one size."""
    most = max(1, TOKENS_A_PASS.get(jax.default_backend(), TOKENS_ELSEWHERE) // tokens)
    return math.ceil(prompts / math.ceil(prompts / most))


def filled_up(array: np.ndarray, size: int) -> np.ndarray:
    """Pads the last chunk, so that every chunk runs the same compiled program."""
    missing = size - array.shape[0]
    return array if missing == 0 else np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])


@eqx.filter_jit
def _next_tokens(network: Network, x: Float[Array, "b n v"]) -> Float[Array, "b n v"]:
    return network.next_tokens(x)


@eqx.filter_jit
def _outputs(
    network: Network,
    x: Float[Array, "b n d"],
    y: Float[Array, "b n"],
    queries: Float[Array, "b m d"],
    length: Int[Array, ""],
) -> Float[Array, "b m o"]:
    return network.outputs(x, y, queries, length)


@eqx.filter_jit
def _curve(
    network: Network,
    x: Float[Array, "b n d"],
    y: Float[Array, "b n"],
    queries: Float[Array, "b m d"],
    length: Int[Array, ""],
    instruction: Int[Array, " b"] | None,
) -> PredictiveMoments:
    return network.curve(x, y, queries, length, instruction)
