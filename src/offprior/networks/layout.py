"""How a prompt becomes tokens: what each token holds, its position and what it may see.

Two layouts of pairs, each with two visibilities (`attention`), and one of sequences:

- ``alternating``: x₁ y₁ x₂ y₂ …, two tokens per pair; y is zero-padded to the width of x (Garg et al. 2022, section 2).
- ``paired``: one token per pair, the embedding of x plus the embedding of y (Müller et al. 2022, section 3); a query
  is a token with x only.
- ``sequence``: one token per place, the embedding of the token before it; always causal.

``causal`` lets a context token see itself and earlier tokens, ``context`` lets it see the whole context. A query sees
the context and itself, never another query, and stands at the position after the context.

An instruction, a learned token that may name the prompt's family, precedes all of them (`instructed`).
"""

from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

Tokens = Literal["alternating", "paired", "sequence"]
Attention = Literal["causal", "context"]


class Layout(eqx.Module):
    """The tokens of one prompt before embedding."""

    x: Float[Array, "t d"]
    """The x of a token, or zero."""
    y: Float[Array, " t"]
    """The y of a token, or zero."""
    has_y: Bool[Array, " t"]
    """Whether the token holds a y (and, in the alternating layout, only a y)."""
    position: Int[Array, " t"]
    """Index into the learned positions."""
    visible: Bool[Array, "t t"]
    """Whether the token of the row may see the token of the column."""
    wanted: Bool[Array, " r"]
    """Which of the tokens that are read are predictions; the others lie inside the context, and do not count."""
    first: int = eqx.field(static=True)
    """The first token at which a prediction is read."""
    stride: int = eqx.field(static=True)
    """The step from one token that is read to the next."""

    @property
    def read(self) -> slice:
        """The tokens at which predictions are read."""
        return slice(self.first, None, self.stride)


class AttentionByPair(NamedTuple):
    """The weights with which query tokens attend to a context of n pairs; each query's weights sum to 1."""

    pairs: Float[Any, "*rows n"]
    """The weight on each pair, summed over its tokens."""
    on_x: Float[Any, "*rows n"] | None
    """The weight on the token of a pair's x; None if a pair is one token."""
    on_y: Float[Any, "*rows n"] | None
    """The weight on the token of a pair's y; None if a pair is one token."""
    own: Float[Any, "*rows"]
    """The weight on the query's own token."""
    instruction: Float[Any, "*rows"]
    """The weight on the instruction's token; 0 without one."""


def tokens_a_pair(tokens: Tokens) -> int:
    """Returns the number of tokens of one context pair."""
    return 2 if tokens == "alternating" else 1


def instructed(layout: Layout) -> Layout:
    """Prepends the instruction's token, which all other tokens see, and which sees only itself."""
    before = jnp.ones((1, 1), dtype=bool)
    visible = jnp.block(
        [
            [before, jnp.zeros((1, layout.visible.shape[1]), dtype=bool)],
            [jnp.ones((layout.visible.shape[0], 1), dtype=bool), layout.visible],
        ]
    )
    return Layout(
        x=jnp.pad(layout.x, ((1, 0), (0, 0))),
        y=jnp.pad(layout.y, (1, 0)),
        has_y=jnp.pad(layout.has_y, (1, 0)),
        position=jnp.pad(layout.position, (1, 0)),
        visible=visible,
        wanted=layout.wanted,
        first=layout.first + 1,
        stride=layout.stride,
    )


def curve_layout(
    tokens: Tokens,
    attention: Attention,
    x: Float[Array, "n d"],
    y: Float[Array, " n"],
    queries: Float[Array, "m d"],
    length: Int[Array, ""],
) -> Layout:
    """Lays out many queries after one context, for one pass.

    Only the first `length` pairs are context. The others keep the shape and are not visible to any token, so that one
    compiled program serves every context length.
    """
    n, m = x.shape[0], queries.shape[0]
    pair_x, pair_y, pair_has_y, pair_of = _pair_tokens(tokens, x, y)
    count = pair_of.shape[0]
    context = pair_of < length
    order = jnp.arange(count)
    among_context = context[None, :] & jnp.ones((count, 1), dtype=bool)
    if attention == "causal":
        among_context &= order[None, :] <= order[:, None]
    # A padded token still sees itself: an empty row of a softmax would be not-a-number.
    among_context |= jnp.eye(count, dtype=bool)
    visible = jnp.block(
        [
            [among_context, jnp.zeros((count, m), dtype=bool)],
            [jnp.broadcast_to(context[None, :], (m, count)), jnp.eye(m, dtype=bool)],
        ]
    )
    per_pair = tokens_a_pair(tokens)
    return Layout(
        x=jnp.concatenate([pair_x, queries]),
        y=jnp.concatenate([pair_y, jnp.zeros(m, y.dtype)]),
        has_y=jnp.concatenate([pair_has_y, jnp.zeros(m, dtype=bool)]),
        position=jnp.concatenate([order, jnp.full(m, per_pair * length)]),
        visible=visible,
        wanted=jnp.ones(m, dtype=bool),
        first=n * per_pair,
        stride=1,
    )


def by_pair(tokens: Tokens, weights: Float[Array, "*rows t"], pairs: int, queries: int) -> AttentionByPair:
    """Sums the weights on all tokens of a `curve_layout`, instructed or not, to weights on its pairs.

    `pairs` and `queries` are those of the layout; the rows belong to queries.
    """
    first = weights.shape[-1] - queries - pairs * tokens_a_pair(tokens)
    before, context, asked = jnp.split(weights, [first, weights.shape[-1] - queries], axis=-1)
    # No query sees another.
    own, instruction = asked.sum(-1), before.sum(-1)
    if tokens == "paired":
        return AttentionByPair(context, None, None, own, instruction)
    on_x, on_y = context[..., ::2], context[..., 1::2]
    return AttentionByPair(on_x + on_y, on_x, on_y, own, instruction)


def sequence_layout(x: Float[Array, "n d"]) -> Layout:
    """Lays out a sequence of tokens; the prediction at each place sees the tokens before it, which are its `x`."""
    order = jnp.arange(x.shape[0])
    nothing = jnp.zeros(x.shape[0], x.dtype)
    is_wanted = jnp.ones(x.shape[0], dtype=bool)
    return Layout(x, nothing, ~is_wanted, order, order[None, :] <= order[:, None], is_wanted, first=0, stride=1)


def causal_training_layout(tokens: Tokens, x: Float[Array, "n d"], y: Float[Array, " n"]) -> Layout:
    """Lays out a prompt so that a causal model predicts every position from the pairs before it, in one pass.

    The alternating layout reads its predictions at the x tokens. In the paired layout a context token already holds its
    y, so the queries are separate tokens.
    """
    if tokens == "sequence":
        return sequence_layout(x)
    n = x.shape[0]
    pair_x, pair_y, pair_has_y, _ = _pair_tokens(tokens, x, y)
    order = jnp.arange(pair_x.shape[0])
    causal = order[None, :] <= order[:, None]
    index = jnp.arange(n)
    if tokens == "alternating":
        return Layout(pair_x, pair_y, pair_has_y, order, causal, jnp.ones(n, dtype=bool), first=0, stride=2)
    before = index[None, :] < index[:, None]
    nothing = jnp.zeros((n, n), dtype=bool)
    return Layout(
        x=jnp.concatenate([pair_x, x]),
        y=jnp.concatenate([pair_y, jnp.zeros(n, y.dtype)]),
        has_y=jnp.concatenate([pair_has_y, jnp.zeros(n, dtype=bool)]),
        position=jnp.concatenate([order, index]),
        visible=jnp.block([[causal, nothing], [before, jnp.eye(n, dtype=bool)]]),
        wanted=jnp.ones(n, dtype=bool),
        first=n,
        stride=1,
    )


def context_training_layout(
    tokens: Tokens, x: Float[Array, "n d"], y: Float[Array, " n"], length: Int[Array, ""]
) -> Layout:
    """Lays out the first `length` pairs as context and the other x as queries (Müller et al. 2022, algorithm 1)."""
    n = x.shape[0]
    pair_x, pair_y, pair_has_y, pair_of = _pair_tokens(tokens, x, y)
    context = pair_of < length
    if tokens == "paired":
        has_y, pair_y = pair_has_y & context, jnp.where(context, pair_y, 0)
    else:
        has_y = pair_has_y
    itself = jnp.eye(context.shape[0], dtype=bool)
    order = jnp.arange(context.shape[0])
    per_pair = tokens_a_pair(tokens)
    return Layout(
        x=pair_x,
        y=pair_y,
        has_y=has_y,
        position=jnp.where(context, order, per_pair * length),
        visible=context[None, :] | itself,
        wanted=jnp.arange(n) >= length,
        first=0,
        stride=per_pair,
    )


def _pair_tokens(
    tokens: Tokens, x: Float[Array, "n d"], y: Float[Array, " n"]
) -> tuple[Float[Array, "t d"], Float[Array, " t"], Bool[Array, " t"], Int[Array, " t"]]:
    """Returns the tokens of the pairs, and the pair that each token belongs to."""
    n = x.shape[0]
    if tokens == "paired":
        return x, y, jnp.ones(n, dtype=bool), jnp.arange(n)
    is_y = jnp.arange(2 * n) % 2 == 1
    pair_of = jnp.arange(2 * n) // 2
    return (
        jnp.where(is_y[:, None], 0, jnp.repeat(x, 2, axis=0)),
        jnp.where(is_y, jnp.repeat(y, 2), 0),
        is_y,
        pair_of,
    )
