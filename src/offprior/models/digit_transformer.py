"""A decoder that reads and writes numbers as digits, like a language model."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, Int, Key, PRNGKeyArray

from offprior.errors import Problem, SettingError
from offprior.models.model import Model, Network
from offprior.networks.decoder import Affine, Block, Normalisation, mark_matrices
from offprior.networks.heads import PredictiveMoments
from offprior.parameter import parameter

DIGITS = 2
"""Digits of a number."""
TAIL = 1e-3
"""Share of the prior's y beyond each end of the range that digits can write."""


class DigitTransformer(Model):
    """Numbers as text: every x and y is two digits, and the model is trained by cross-entropy on all of them.

    A prompt is one sequence of tokens, x then y, pair after pair, read causally. Numbers outside the range that two
    digits can write are cut off. The prediction is exact given the network: the mean over all values of y's two digits.
    """

    layers: int = parameter(4, "attention blocks", minimum=1)
    heads: int = parameter(4, "attention heads of a block", minimum=1)
    width: int = parameter(128, "numbers that represent a token between blocks", minimum=1)
    hidden: int = parameter(0, "units of the feed-forward layer; 0 means four times the width", minimum=0)
    base: int = parameter(10, "different digits; a number has base² values", minimum=2, maximum=64)
    x_range: tuple[float, float] = parameter((-5.0, 5.0), "the range of x that digits can write", static=True)

    def __check_init__(self):
        if self.heads > 0 and self.width % self.heads:
            raise SettingError(Problem("heads", f"width {self.width} is not divisible by {self.heads} heads"))
        if not self.x_range[0] < self.x_range[1]:
            raise SettingError(Problem("x_range", f"{list(self.x_range)} is not a range; write [low, high]"))

    def longest(self, points: int) -> int | None:
        return points

    def initialise(
        self, key: PRNGKeyArray, *, dimension: int, points: int, targets: Float[Array, " samples"]
    ) -> "DigitNetwork":
        table, role, positions, blocks, read_out = jax.random.split(key, 5)
        period = DIGITS * (dimension + 1)
        low, high = jnp.quantile(targets, jnp.asarray([TAIL, 1 - TAIL]))
        sizes = {"width": self.width, "heads": self.heads, "hidden": self.hidden or 4 * self.width}
        return DigitNetwork(
            settings=self,
            dimension=dimension,
            points=points,
            y_range=jnp.stack([low, jnp.maximum(high, low + 1e-6)]).astype(jnp.float32),
            table=0.02 * jax.random.normal(table, (self.base, self.width)),
            roles=0.02 * jax.random.normal(role, (period, self.width)),
            positions=0.02 * jax.random.normal(positions, (points + 1, self.width)),
            blocks=tuple(
                Block.initialise(block, **sizes, layers=self.layers, norm="pre", activation="gelu")
                for block in jax.random.split(blocks, self.layers)
            ),
            final_norm=Normalisation.initialise(self.width),
            read_out=Affine.initialise(read_out, self.width, self.base),
        )


class DigitNetwork(Network):
    """The weights of a `DigitTransformer`."""

    settings: DigitTransformer = eqx.field(static=True)
    dimension: int = eqx.field(static=True)
    points: int = eqx.field(static=True)
    y_range: Float[Array, "2"]
    """The range of y that digits can write; it is fitted to the prior and not trained."""
    table: Float[Array, "base w"]
    roles: Float[Array, "p w"]
    """What a digit stands for: the first or second digit of one of x's numbers, or of y."""
    positions: Float[Array, "n w"]
    """The number of the pair."""
    blocks: tuple[Block, ...]
    final_norm: Normalisation
    read_out: Affine

    @property
    def period(self) -> int:
        """The number of tokens per pair."""
        return DIGITS * (self.dimension + 1)

    def training_loss(
        self,
        x: Float[Array, "b n d"],
        y: Float[Array, "b n"],
        keys: Key[Array, " b"],
        compute: DTypeLike = jnp.float32,
        instruction: Int[Array, " b"] | None = None,
    ) -> tuple[Float[Array, "b r"], Bool[Array, "b r"]]:
        tokens = self.pair_digits(x, y)
        read, place = tokens[:, :-1], jnp.arange(tokens.shape[1] - 1)
        visible = jnp.broadcast_to(place[None] <= place[:, None], (len(read), len(place), len(place)))
        outputs = self._outputs(read, place, visible, compute)
        chosen = jnp.take_along_axis(outputs, tokens[:, 1:, None], axis=2)[..., 0]
        losses = jax.nn.logsumexp(outputs, axis=-1) - chosen
        return losses, jnp.ones(losses.shape, bool)

    def curve(
        self,
        x: Float[Array, "b n d"],
        y: Float[Array, "b n"],
        queries: Float[Array, "b m d"],
        length: Int[Array, ""],
        instruction: Int[Array, " b"] | None = None,
    ) -> PredictiveMoments:
        base, asked = self.settings.base, queries.shape[1]
        context, of_x = self.pair_digits(x, y), self.x_digits(queries)
        firsts = jnp.broadcast_to(jnp.arange(base), (*queries.shape[:2], base))
        # A query's tokens: its digits of x, then every first digit of y, each of which is asked for the second.
        own = jnp.concatenate([of_x, firsts], axis=2)
        tokens = jnp.concatenate([context, own.reshape(len(x), -1)], axis=1)
        place, visible = self._after_context(context.shape[1], asked, length)
        visible = jnp.broadcast_to(visible, (len(x), *visible.shape))
        outputs = self._outputs(tokens, place, visible, first=context.shape[1])
        share = jax.nn.softmax(outputs.reshape(len(x), asked, own.shape[2], base), axis=-1)
        share = (share[:, :, of_x.shape[2] - 1, :, None] * share[:, :, of_x.shape[2] :]).reshape(len(x), asked, -1)
        low, high = jax.lax.stop_gradient(self.y_range)
        step = (high - low) / base**DIGITS
        values = low + step * (jnp.arange(base**DIGITS).astype(step.dtype) + 0.5)
        mean = share @ values
        return PredictiveMoments(mean, share @ jnp.square(values) - jnp.square(mean) + jnp.square(step) / 12)

    def _after_context(self, count: int, asked: int, length: Int[Array, ""]) -> tuple[Array, Bool[Array, "t t"]]:
        """Returns the places of a context's and of the queries' tokens, and which token sees which.

        Only the first `length` pairs are context. No query sees another, and no first digit of y another one.
        """
        of_x = DIGITS * self.dimension
        own = of_x + self.settings.base
        order, among = jnp.arange(count), jnp.arange(asked * own)
        known = order < length * self.period
        in_context = (known[None] & (order[None] <= order[:, None])) | jnp.eye(count, dtype=bool)
        query, step = among // own, among % own
        earlier = (step[None] <= step[:, None]) & (step[None] < of_x)
        in_query = (query[None] == query[:, None]) & earlier | jnp.eye(len(among), dtype=bool)
        visible = jnp.block(
            [
                [in_context, jnp.zeros((count, len(among)), dtype=bool)],
                [jnp.broadcast_to(known[None], (len(among), count)), in_query],
            ]
        )
        begin = (length * self.period).astype(step.dtype)
        return jnp.concatenate([order, begin + jnp.minimum(step, of_x)]), visible

    def pair_digits(self, x: Float[Array, "b n d"], y: Float[Array, "b n"]) -> Int[Array, "b t"]:
        """Writes pairs as digits, x then y."""
        of_y = self._written(y, *jax.lax.stop_gradient(self.y_range))
        return jnp.concatenate([self.x_digits(x), of_y], axis=2).reshape(len(x), self.period * x.shape[1])

    def x_digits(self, x: Float[Array, "b n d"]) -> Int[Array, "b n digits"]:
        """Writes inputs as digits, two for each number."""
        return self._written(x, *self.settings.x_range).reshape(*x.shape[:2], DIGITS * self.dimension)

    def _written(self, numbers: Float[Array, "*rows"], low: Any, high: Any) -> Int[Array, "*rows 2"]:
        levels = self.settings.base**DIGITS
        level = jnp.clip(jnp.floor((numbers - low) * (levels / (high - low))), 0, levels - 1).astype(jnp.int32)
        return jnp.stack([level // self.settings.base, level % self.settings.base], axis=-1)

    def _outputs(
        self,
        tokens: Int[Array, "b t"],
        place: Int[Array, " t"],
        visible: Bool[Array, "b t t"],
        compute: DTypeLike = jnp.float32,
        first: int = 0,
    ) -> Float[Array, "b r base"]:
        where = self.roles[place % self.period] + self.positions[place // self.period]
        features = (self.table[tokens] + where[None]).astype(compute)
        for block in self.blocks[:-1]:
            features = block(features, visible)
        features = self.blocks[-1](features, visible, slice(first, None))
        return self.read_out(self.final_norm(features.astype(jnp.float32)))

    def sequence_length(self, points: int) -> int:
        return points + 1

    def tokens(self, points: int) -> int:
        return self.period * self.sequence_length(points)

    def made_by(self) -> DigitTransformer:
        return self.settings

    def matrices(self) -> Any:
        """Returns the matrices inside the blocks, without embeddings and the read-out."""
        return mark_matrices(super().matrices())

    def frozen(self) -> Any:
        return eqx.tree_at(lambda network: network.y_range, super().frozen(), True)
