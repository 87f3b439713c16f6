"""The inside of a pretrained network during a prediction: its attention at a query, and its residual stream."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from offprior.compute.precision import single
from offprior.errors import OffpriorError
from offprior.models.model import Network, Trace
from offprior.networks.layout import AttentionByPair
from offprior.predictors.predictor import Predictor
from offprior.predictors.pretrained import Pretrained, even_chunk, filled_up
from offprior.prompt_check import as_numbers, as_single, many_prompts, one_prompt


class Inside:
    """Access to the inside of a pretrained model; contexts are padded as for its predictions.

    Raises:
        OffpriorError: the predictor is not a pretrained network.
    """

    def __init__(self, model: Predictor):
        if not isinstance(model, Pretrained):
            raise OffpriorError(f"{model.label} has no network to look into; give a pretrained model")
        self.model = model

    def attention(self, x: Float[Any, "n *d"], y: Float[Any, " n"], query: Float[Any, "*d"] | float) -> AttentionByPair:
        """Returns the weights, per layer and head, with which one query attends to its whole context.

        They are the softmax's own (Vaswani et al. 2017, section 3.2.1): `pairs` [layers, heads, n], `own` and
        `instruction` [layers, heads] add up to 1. A weight says what is mixed into the query's token in that layer, not
        what the prediction depends on. Inputs of one dimension may be given as x [n] and a number.

        Raises:
            OffpriorError: the network does not expose its attention, or the context is longer than it can take.
            ValueError: the shapes do not fit together.
        """
        return jax.tree.map(lambda array: array[0, :, :, 0], self._of_prompt(x, y, query).attention)

    def streams(
        self, x: Float[Any, "n *d"], y: Float[Any, " n"], query: Float[Any, "*d"] | float
    ) -> Float[np.ndarray, "s w"]:
        """Returns the residual stream at one query's token: the embedding, then the output of each layer.

        Raises:
            OffpriorError: the network does not expose its layers, or the context is longer than it can take.
            ValueError: the shapes do not fit together.
        """
        return self._of_prompt(x, y, query).streams[0, :, 0]

    @single()
    def trace(
        self,
        x: Float[Any, "b n d"],
        y: Float[Any, "b n"],
        queries: Float[Any, "b m d"],
        lengths: Int[Any, " b"],
    ) -> Trace:
        """Calls `Network.trace` on many prompts and returns NumPy arrays; n is the longest context.

        Weights on pairs beyond a prompt's length are 0.

        Args:
            x: the contexts' inputs.
            y: the contexts' outputs.
            queries: the inputs at which to predict.
            lengths: the context length of each prompt, in pairs.

        Raises:
            OffpriorError: the network does not expose its inside, or a context is longer than it can take.
        """
        lengths = np.asarray(lengths, np.int32)
        longest = int(lengths.max())
        x, y, queries, _ = many_prompts(x, y, queries, lengths.tolist(), self.model.input_dimension)
        room = self.model.room(longest)
        x, y, queries = (
            as_single(*named) for named in (("x", x[:, :longest]), ("y", y[:, :longest]), ("queries", queries))
        )
        x, y = np.pad(x, ((0, 0), (0, room - longest), (0, 0))), np.pad(y, ((0, 0), (0, room - longest)))
        count = len(lengths)
        chunk = even_chunk(count, 2 * room + queries.shape[1])
        parts = []
        for start in range(0, count, chunk):
            part = (filled_up(array[start : start + chunk], chunk) for array in (x, y, queries, lengths))
            parts.append(jax.tree.map(np.asarray, _trace(self.model.network, *map(jnp.asarray, part))))
        whole = jax.tree.map(lambda *arrays: np.concatenate(arrays)[:count], *parts)
        of_pairs = whole.attention._asdict()
        for name in ("pairs", "on_x", "on_y"):
            if of_pairs[name] is not None:
                of_pairs[name] = of_pairs[name][..., :longest]
        return whole._replace(attention=AttentionByPair(**of_pairs))

    def _of_prompt(self, x: Any, y: Any, query: Any) -> Trace:
        x, query = as_numbers("x", x), as_numbers("query", query)
        x = x.reshape(-1, 1) if x.ndim == 1 else x
        x, y, queries = one_prompt(x, y, query.reshape(1, -1), self.model.input_dimension)
        return self.trace(x[None], y[None], queries[None], np.asarray([len(y)]))


@eqx.filter_jit
def _trace(
    network: Network,
    x: Float[Array, "b n d"],
    y: Float[Array, "b n"],
    queries: Float[Array, "b m d"],
    lengths: Int[Array, " b"],
) -> Trace:
    return network.trace(x, y, queries, lengths)
