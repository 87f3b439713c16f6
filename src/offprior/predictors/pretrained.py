"""A pretrained network as a predictor like any other."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jaxtyping import Array, Float, Int

from offprior.errors import OffpriorError
from offprior.mixture import Mixture
from offprior.models.model import Network
from offprior.models.transformer import Transformer
from offprior.networks.heads import Moments
from offprior.precision import single
from offprior.predictors.predictor import BatchPrediction, Predictor
from offprior.prompt_check import as_single
from offprior.randomness import key_for

TOKENS_A_PASS = {"cpu": 1 << 12}
"""Tokens of one forward pass: larger batches are cut. What fits a processor's caches is three times as fast."""
TOKENS_ELSEWHERE = 1 << 17
"""So that attention's memory stays bounded."""

PAIRS = 20
"""Contexts are cut or filled up to the next multiple: short ones cost less, and few programs are compiled."""


class Pretrained(Predictor):
    """A network and the mixture that it was pretrained on, as a run's checkpoints have them.

    Built without arguments it is an untrained transformer of toy size, so that it can be shown unseen.
    """

    outside_recipes: ClassVar[str] = "what a run trains is always evaluated"
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

    def predict_batch(
        self,
        x: Float[Any, "b n d"],
        y: Float[Any, "b n"],
        queries: Float[Any, "b m d"],
        lengths: Sequence[int],
        instruction: Int[Any, " b"] | None = None,
    ) -> BatchPrediction:
        """Means and variances [b, lengths, m] of the noise-free value; one forward pass a context length.

        The variance is the head's less the noise's; not-a-number where the head has none. `instruction` names each
        prompt's family by its place in the mixture, to a network that takes one.

        Raises:
            OffpriorError: a context is longer than the network can take.
        """
        rooms = [(length, self.room(length)) for length in lengths]
        x, y, queries = (as_single(*named) for named in (("x", x), ("y", y), ("queries", queries)))
        # Pairs beyond the longest wanted context would only cost time.
        x, y = x[:, : max(lengths)], y[:, : max(lengths)]
        after = max(room for _, room in rooms) - x.shape[1]
        x, y = np.pad(x, ((0, 0), (0, after), (0, 0))), np.pad(y, ((0, 0), (0, after)))
        prompts, tokens = x.shape[0], 2 * x.shape[1] + queries.shape[1]
        chunk = even_chunk(prompts, tokens)
        means, variances = [], []
        for start in range(0, prompts, chunk):
            part = slice(start, start + chunk)
            context, outputs, asked = (jnp.asarray(filled_up(a[part], chunk)) for a in (x, y, queries))
            told = None if instruction is None else jnp.asarray(filled_up(instruction[part], chunk), jnp.int32)
            kept = min(chunk, prompts - start)
            of_lengths = [
                _curve(self.network, context[:, :room], outputs[:, :room], asked, jnp.asarray(length, jnp.int32), told)
                for length, room in rooms
            ]
            means.append(np.stack([np.asarray(moments.mean) for moments in of_lengths], axis=1)[:kept])
            variances.append(np.stack([np.asarray(moments.variance) for moments in of_lengths], axis=1)[:kept])
        noise = float(np.asarray(self.mixture.noise))
        variance = np.concatenate(variances).astype(np.float64) - noise**2
        return BatchPrediction(np.concatenate(means).astype(np.float64), np.maximum(variance, 0.0))

    def room(self, length: int) -> int:
        """The pairs to which a context of `length` is filled up, so that few programs are compiled.

        Raises:
            OffpriorError: it is longer than the network can take.
        """
        if self.longest is not None and length > self.longest:
            raise OffpriorError(f"the model takes contexts of up to {self.longest} pairs, {length} were given")
        room = -(-length // PAIRS) * PAIRS
        return room if self.longest is None else min(room, self.longest)


def even_chunk(prompts: int, tokens: int) -> int:
    """Prompts of so many tokens to put through a network at once: chunks of one size, as few as there may be."""
    most = max(1, TOKENS_A_PASS.get(jax.default_backend(), TOKENS_ELSEWHERE) // tokens)
    return math.ceil(prompts / math.ceil(prompts / most))


def filled_up(array: np.ndarray, size: int) -> np.ndarray:
    """The last chunk is filled up, so that every chunk runs the same compiled program."""
    missing = size - array.shape[0]
    return array if missing == 0 else np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])


@eqx.filter_jit
def _curve(
    network: Network,
    x: Float[Array, "b n d"],
    y: Float[Array, "b n"],
    queries: Float[Array, "b m d"],
    length: Int[Array, ""],
    instruction: Int[Array, " b"] | None,
) -> Moments:
    return network.curve(x, y, queries, length, instruction)
