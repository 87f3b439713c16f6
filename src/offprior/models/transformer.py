"""A small decoder-only transformer in which every disputed choice is a switch."""

import functools
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, Int, Key, PRNGKeyArray

from offprior.compute.randomness import fold
from offprior.errors import Problem, SettingError
from offprior.models.model import Model, Network, Trace
from offprior.networks import layout as layouts
from offprior.networks.attention import attend, attend_and_tell
from offprior.networks.decoder import Affine, Attend, Block, Normalisation, mark_matrices
from offprior.networks.heads import BucketHead, Head, PredictiveMoments, SoftmaxHead, initial_head
from offprior.parameter import parameter


class Transformer(Model):
    """A decoder-only transformer whose token layout, mask, positions, normalisation and head are independent switches.

    Sources of the presets: ``deepmind``, Yadlowsky et al. (arXiv 2311.00871), which is Garg et al.'s (arXiv 2208.01066)
    "standard"; ``mueller``, the PFN tutorial of October 2023 and arXiv 2410.01565.
    """

    layers: int = parameter(4, "attention and feed-forward blocks", minimum=1)
    heads: int = parameter(4, "attention heads of a block", minimum=1)
    width: int = parameter(128, "numbers that represent a token between blocks", minimum=1)
    hidden: int = parameter(0, "units of the feed-forward layer; 0 means four times the width", minimum=0)
    tokens: Literal["alternating", "paired", "sequence"] = parameter(
        "alternating", "two tokens per pair, x then y; or one, their sum; or a sequence of tokens, for token processes"
    )
    attention: Literal["causal", "context"] = parameter(
        "causal", "context tokens see only earlier ones; or the whole context"
    )
    positions: Literal["learned", "none"] = parameter("learned", "a learned vector per position; or none")
    norm: Literal["pre", "post"] = parameter("pre", "normalise a block's input; or its output")
    head: Literal["value", "gaussian", "buckets", "softmax"] = parameter(
        "value",
        "a number, trained by squared error; a mean and a variance; a density in buckets; or a probability per token",
    )
    buckets: int = parameter(1000, "buckets of the density, at the prior's quantiles", minimum=3)
    head_hidden: int = parameter(
        0, "hidden units of the buckets head; 0 means those of the feed-forward layer", minimum=0
    )
    activation: Literal["gelu", "relu", "squared-relu"] = parameter("gelu", "activation of the feed-forward layer")
    instruction: int = parameter(
        0,
        "families that a learned first token can name, as many as the mixture has; 0 means no such token",
        minimum=0,
        added=True,
    )
    attention_only: bool = parameter(False, "leave out the feed-forward layers", added=True)

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "deepmind": {
            "layers": 12, "heads": 8, "width": 256, "hidden": 1024, "tokens": "alternating", "attention": "causal",
            "positions": "learned", "norm": "pre", "head": "value", "activation": "gelu",
        },
        "mueller": {
            "layers": 4, "heads": 4, "width": 128, "hidden": 256, "tokens": "paired", "attention": "context",
            "positions": "none", "norm": "post", "head": "buckets", "buckets": 1000, "activation": "gelu",
        },
    }  # fmt: skip

    @classmethod
    def preset(cls, name: str, **changes: Any) -> "Transformer":
        """Returns a published architecture by its name, with `changes` to single switches."""
        if name not in cls.presets:
            raise SettingError([Problem("preset", f"unknown preset {name!r}; choose from {', '.join(cls.presets)}")])
        return cls(**{**cls.presets[name], **changes})

    def __check_init__(self):
        if self.heads > 0 and self.width % self.heads:
            fitting = [str(h) for h in range(1, self.width + 1) if self.width % h == 0][:8]
            message = f"width {self.width} is not divisible by {self.heads} heads; choose {', '.join(fitting)}"
            raise SettingError([Problem("heads", message, about=("width",))])
        is_sequence = self.tokens == "sequence"
        wrong = {
            "head": is_sequence != (self.head == "softmax") and "a sequence of tokens, and nothing else, has softmax",
            "attention": is_sequence and self.attention != "causal" and "a sequence of tokens is causal",
            "instruction": is_sequence and self.instruction and "a sequence of tokens has none",
        }
        if any(wrong.values()):
            raise SettingError([Problem(key, said, about=("tokens",)) for key, said in wrong.items() if said])

    @property
    def feedforward(self) -> int:
        """The number of units in the feed-forward layer; 0 if there is none."""
        return 0 if self.attention_only else self.hidden or 4 * self.width

    @property
    def predicts_tokens(self) -> bool:
        return self.tokens == "sequence"

    def longest(self, points: int) -> int | None:
        return None if self.positions == "none" else points

    def initialise(
        self, key: PRNGKeyArray, *, dimension: int, points: int, targets: Float[Array, " samples"]
    ) -> "TransformerNetwork":
        read_in, y_in, blocks, positions, head = jax.random.split(key, 5)
        return TransformerNetwork(
            settings=self,
            points=points,
            read_in=Affine.initialise(read_in, dimension, self.width),
            y_in=Affine.initialise(y_in, 1, self.width) if self.tokens == "paired" else None,
            positions=self._initial_positions(positions, points),
            blocks=tuple(self._initial_block(block) for block in jax.random.split(blocks, self.layers)),
            final_norm=Normalisation.initialise(self.width) if self.norm == "pre" else None,
            head=initial_head(
                self.head,
                head,
                width=self.width,
                hidden=self.head_hidden or self.hidden or 4 * self.width,
                buckets=self.buckets,
                targets=targets,
                tokens=dimension,
            ),
            instructions=self._initial_instructions(key),
        )

    def _initial_block(self, key: PRNGKeyArray) -> Block:
        sizes = {"width": self.width, "heads": self.heads, "hidden": self.feedforward, "layers": self.layers}
        return Block.initialise(key, **sizes, norm=self.norm, activation=self.activation)

    def _initial_positions(self, key: PRNGKeyArray, points: int) -> Float[Array, "p w"] | None:
        if self.positions == "none":
            return None
        # A query after a full context stands one pair further.
        count = (points + 1) * layouts.tokens_a_pair(self.tokens)
        return 0.02 * jax.random.normal(key, (count, self.width))

    def _initial_instructions(self, key: PRNGKeyArray) -> Float[Array, "i w"] | None:
        if not self.instruction:
            return None
        # One for each family, and one that names none. It has its own key, so that other weights do not depend on it.
        return 0.02 * jax.random.normal(fold(key, "instruction"), (self.instruction + 1, self.width))


class TransformerNetwork(Network):
    """The weights of a `Transformer`.

    Parameters used at 12/256/8 with 20-dimensional inputs and contexts of up to 40 pairs (41 pairs, 82 positions):
    9,504,257, read-in and read-out with their biases, as in Garg et al.'s "standard".
    """

    settings: Transformer = eqx.field(static=True)
    points: int = eqx.field(static=True)
    read_in: Affine
    y_in: Affine | None
    positions: Float[Array, "p w"] | None
    blocks: tuple[Block, ...]
    final_norm: Normalisation | None
    head: Head
    instructions: Float[Array, "i w"] | None = None

    def training_loss(
        self,
        x: Float[Array, "b n d"],
        y: Float[Array, "b n"],
        keys: Key[Array, " b"],
        compute: DTypeLike = jnp.float32,
        instruction: Int[Array, " b"] | None = None,
    ) -> tuple[Float[Array, "b r"], Bool[Array, "b r"]]:
        tokens = self.settings.tokens
        if self.settings.attention == "causal":
            layout = jax.vmap(lambda x, y: layouts.causal_training_layout(tokens, x, y))(x, y)
        else:
            # The context length is drawn anew for every prompt, from 0 up to all pairs but the queries.
            longest = x.shape[1] - self._queries()
            length = jax.vmap(lambda key: jax.random.randint(key, (), 0, longest + 1))(keys)
            layout = jax.vmap(lambda x, y, n: layouts.context_training_layout(tokens, x, y, n))(x, y, length)
        return self.head.loss(self._outputs(layout, instruction, compute), y), layout.wanted

    def curve(
        self,
        x: Float[Array, "b n d"],
        y: Float[Array, "b n"],
        queries: Float[Array, "b m d"],
        length: Int[Array, ""],
        instruction: Int[Array, " b"] | None = None,
    ) -> PredictiveMoments:
        return self.head.moments(self.outputs(x, y, queries, length, instruction))

    def outputs(self, x: Array, y: Array, queries: Array, length: Array, instruction: Array | None = None) -> Array:
        tokens, attention = self.settings.tokens, self.settings.attention
        layout = jax.vmap(lambda x, y, q: layouts.curve_layout(tokens, attention, x, y, q, length))(x, y, queries)
        return self._outputs(layout, instruction)

    @property
    def read_head(self) -> Head:
        return self.head

    def next_tokens(self, x: Float[Array, "b n v"]) -> Float[Array, "b n v"]:
        layout = jax.vmap(layouts.sequence_layout)(x)
        assert isinstance(self.head, SoftmaxHead)
        return self.head.probabilities(self._outputs(layout, None))

    def trace(
        self,
        x: Float[Array, "b n d"],
        y: Float[Array, "b n"],
        queries: Float[Array, "b m d"],
        lengths: Int[Array, " b"],
        instruction: Int[Array, " b"] | None = None,
    ) -> Trace:
        tokens, attention = self.settings.tokens, self.settings.attention
        make = functools.partial(layouts.curve_layout, tokens, attention)
        layout = jax.vmap(make)(x, y, queries, lengths)
        pairs, asked = x.shape[1], queries.shape[1]
        seen: list[Array] = []

        def attend_and_note(query: Array, key: Array, value: Array, visible: Array) -> Array:
            mixed, weights = attend_and_tell(query, key, value, visible)
            seen.append(weights[:, :, -asked:])
            return mixed

        # In a curve, the queries' tokens come last.
        streams = [features[:, -asked:] for features in self._streams(layout, instruction, attend=attend_and_note)]
        answer = self.head.moments(self._read_out(streams[-1]))
        by_pair = layouts.by_pair(tokens, jnp.stack(seen, axis=1), pairs, asked)
        return Trace(answer, jnp.stack(streams, axis=1), by_pair)

    @property
    def named_families(self) -> int:
        return self.settings.instruction

    def sequence_length(self, points: int) -> int:
        return points + self._queries()

    def tokens(self, points: int) -> int:
        pairs, settings = self.sequence_length(points), self.settings
        # A causal paired prompt has its queries in addition to its context.
        both = settings.tokens == "alternating" or (settings.tokens == "paired" and settings.attention == "causal")
        return (2 * pairs if both else pairs) + bool(settings.instruction)

    def made_by(self) -> Transformer:
        return self.settings

    def matrices(self) -> Any:
        """Returns the matrices inside the blocks, without embeddings and the head."""
        return mark_matrices(super().matrices())

    def frozen(self) -> Any:
        nothing = super().frozen()
        if isinstance(self.head, BucketHead):
            nothing = eqx.tree_at(lambda network: (network.head.borders, network.head.tails), nothing, (True, True))
        return nothing

    def _queries(self) -> int:
        # A causal pass predicts at every position, the last from a full context. A context pass needs queries beyond
        # it: three fifths as many, so that a prompt with a full context still teaches.
        return 1 if self.settings.attention == "causal" else max(1, (3 * self.points) // 5)

    def _outputs(
        self, layout: layouts.Layout, instruction: Int[Array, " b"] | None, compute: DTypeLike = jnp.float32
    ) -> Float[Array, "b r o"]:
        return self._read_out(self._streams(layout, instruction, compute)[-1])

    def _streams(
        self,
        layout: layouts.Layout,
        instruction: Int[Array, " b"] | None,
        compute: DTypeLike = jnp.float32,
        attend: Attend = attend,
    ) -> list[Float[Array, "b _ w"]]:
        """Returns the embedded tokens, then each block's output; the last one only at the tokens that are read."""
        embedded = self._embed(layout)
        if self.instructions is not None:
            layout = jax.vmap(layouts.instructed)(layout)
            none = jnp.full(embedded.shape[:1], self.settings.instruction)
            first = self.instructions[none if instruction is None else instruction]
            embedded = jnp.concatenate([first[:, None], embedded], axis=1)
        # The blocks may use low precision; the read-in and the read-out keep full precision.
        streams = [embedded.astype(compute)]
        for block in self.blocks[:-1]:
            streams.append(block(streams[-1], layout.visible, attend=attend))
        return [*streams, self.blocks[-1](streams[-1], layout.visible, layout.read, attend)]

    def _read_out(self, features: Float[Array, "b r w"]) -> Float[Array, "b r o"]:
        features = features.astype(jnp.float32)
        return self.head(features if self.final_norm is None else self.final_norm(features))

    def _embed(self, layout: layouts.Layout) -> Float[Array, "b t w"]:
        if self.settings.tokens == "sequence":
            embedded = self.read_in(layout.x)
        elif self.y_in is None:
            # The y of the alternating layout is zero-padded to the width of x and shares the read-in.
            first = layout.y[..., None] * jnp.eye(1, layout.x.shape[-1], dtype=layout.x.dtype)[None]
            embedded = self.read_in(layout.x + first)
        else:
            has_y = layout.has_y[..., None].astype(layout.x.dtype)
            embedded = self.read_in(layout.x) + has_y * self.y_in(layout.y[..., None])
        if self.positions is None:
            return embedded
        return embedded + self.positions[layout.position]
