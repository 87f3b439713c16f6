"""Cuts the boxes of a quadrature that are too wide for a posterior; a prompt's context lengths share them.

A box is cut if the posterior at any length needs it, along the axes that need it, and dropped if all lengths find it
empty. All boxes cut in a round, of all prompts, are evaluated together.

With little noise a posterior may have many narrow modes, which a coarse grid cannot see. The boxes are then first made
for a higher noise, at which the grid sees all modes, and cut as the noise is lowered: a mode of the posterior is also a
mode at a higher noise, only wider. At a higher noise, boxes are dropped if they hold nothing and cannot hold anything
at the next level.

Integrals over one law are accurate to 10⁻⁸ of the evidence per box, over two to 10⁻⁶, over three to 10⁻⁴. If a prompt
would need more boxes than it may have, the estimated error says so, also at a higher noise: an unresolved box there may
hide a mode below.
"""

from collections.abc import Iterator

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from offprior.components import Components
from offprior.components.boxes import orders_of, shape_of
from offprior.laws.law import PANEL_NODES
from offprior.posterior.cuts import LOWER, Boxes, affordable, begin, cut, joined
from offprior.posterior.gram import pairs
from offprior.posterior.prefixes import box_masses, predictions
from offprior.posterior.prompts import PaddedPrompts, filled, parts, rounded_up
from offprior.posterior.quadrature_nodes import Sums, columns_of

TOLERANCE = (1e-8, 1e-8, 1e-6, 1e-4, 1e-3)
"""Estimated error of a box's integral over 0, 1, 2, 3 or 4 laws, as a share of the evidence, that leads to a cut."""
ROUGH = (1e-6, 1e-6, 1e-3, 1e-2, 1e-2)
"""The same at a higher noise, where it is enough to see the modes."""
NEGLIGIBLE = (1e-12, 1e-12, 1e-9, 1e-7, 1e-6)
"""Share of the evidence below which a box is dropped."""
ROUNDS = 24
"""The most rounds of cuts at one level of noise."""
MOST_PANELS = 2048
"""The most boxes of a prompt on one axis, for all its lengths; if they are too few, the estimated error shows it."""
MOST_NODES = 1 << 19
"""The most nodes of a prompt's boxes on several axes, likewise."""
TOGETHER = 512 * PANEL_NODES
"""The most nodes that a compiled program processes together, so that its data stay in the caches."""
BOXES_OF_PIECE, NODES_OF_PIECE = 16, 1024
"""Boxes of a prompt from which predictions are made at once, or fewer if they have many nodes.

A single size is used, so that one program is compiled.
"""
ROOM_OF_LENGTHS = 4
"""Context lengths of predictions are padded to multiples of this, for the same reason."""
ROOM_OF_MASSES = 16
"""Context lengths of evaluated boxes are padded to multiples of this; padding takes almost no time."""


def of_axes(table: tuple[float, ...], group: Components) -> float:
    """Returns the table's entry for the group's number of axes, or the last entry if there are more."""
    assert group.locate is not None
    return table[min(sum(step is None for step in group.locate.steps), len(table) - 1)]


def boxes_of(group: Components) -> int:
    """Returns the initial number of boxes on an axis."""
    return group.boxes or group.node_count // PANEL_NODES


def most_boxes(group: Components) -> int:
    """Returns the most boxes of a prompt, for all its lengths."""
    assert group.locate is not None
    nodes = int(np.prod(orders_of(group.locate)))
    return MOST_PANELS if len(group.locate.steps) == 1 else MOST_NODES // nodes


def noise_levels(group: Components, x: Float[np.ndarray, "b n d"], noise: float) -> list[float]:
    """Returns the levels of noise from the first down to `noise`, which is the only one if the grid sees all modes.

    The grid sees all modes if the function's values at neighbouring nodes differ by no more than the noise.
    """
    if group.locate is None or x.size == 0:
        return [noise]
    farthest = np.abs(x).reshape(-1, x.shape[-1]).max(0)
    at = np.asarray(_columns_compiled(group, jnp.asarray(farthest[None, None])))[:, 0, 0]
    at = at.reshape(len(at), *shape_of(group.locate, boxes_of(group)))
    scales = np.abs(np.asarray(group.scales)).max(0)
    smooth = [1 + axis for axis, known in enumerate(group.locate.steps) if known is None]
    steps = [(np.abs(np.diff(at, axis=axis)).reshape(len(at), -1).max(1) * scales).max() for axis in smooth]
    levels = [noise]
    while levels[0] < max(steps):
        levels.insert(0, levels[0] * LOWER)
    return levels


# Uncompiled, this would take longer than everything else for a single prompt.
_columns_compiled = eqx.filter_jit(columns_of)


def refined(
    group: Components, prompts: PaddedPrompts, levels: list[float], variance: bool, memory_bytes: int
) -> tuple[Sums, Float[np.ndarray, "b L"]]:
    """Returns the sums of the prompts' posteriors, [b, L(, m)], and the estimated error of the evidence."""
    assert group.locate is not None
    boxes, unresolved = refined_boxes(group, prompts, levels, memory_bytes)
    nodes = int(np.prod(orders_of(group.locate)))
    together = together_of(group, prompts.lengths, prompts.queries.shape[1], memory_bytes, nodes)
    return _predicted(group, prompts, boxes, levels[-1], variance, together), unresolved


def refined_boxes(
    group: Components, prompts: PaddedPrompts, levels: list[float], memory_bytes: int
) -> tuple[Boxes, Float[np.ndarray, "b L"]]:
    """Returns the boxes that the prompts' posteriors need, and the estimated error of the evidence."""
    assert group.locate is not None
    count, nodes = len(prompts.queries), int(np.prod(orders_of(group.locate)))
    most = most_boxes(group)
    boxes = begin(group.locate, boxes_of(group), count, prompts.lengths)
    together = together_of(group, rounded_up(prompts.lengths, ROOM_OF_MASSES), 0, memory_bytes, nodes)
    unresolved = np.zeros((prompts.lengths, count))
    for level in levels:
        boxes = _evaluated(group, prompts, boxes, level, together)
        is_last = level == levels[-1]
        tolerance = of_axes(TOLERANCE if is_last else ROUGH, group)
        is_short = np.zeros(count, bool)
        for _ in range(ROUNDS):
            totals = boxes.totals()[:, boxes.prompt]
            wanted = (boxes.log_error > totals[:, None] + np.log(tolerance)).any(0)
            least = totals + np.log(of_axes(NEGLIGIBLE, group))
            if not is_last:
                least = least - boxes.may_gain()
            # "At least", because for far data the highest value is above the threshold only by rounding.
            is_kept = np.asarray((boxes.log_mass >= least).any(0) | wanted.any(0))
            along = affordable(boxes, wanted, is_kept, most)
            is_short[boxes.prompt[(wanted & ~along).any(0)]] = True
            if not along.any():
                boxes = boxes.at(is_kept)
                break
            is_cut = np.asarray(along.any(0))
            children = _evaluated(group, prompts, cut(boxes.at(is_cut), along[:, is_cut]), level, together)
            boxes = joined(boxes.at(is_kept & ~is_cut), children)
        if is_last or is_short.any():
            errors = np.add.reduceat(boxes.errors(boxes.totals()), boxes.starts(), axis=1)
            unresolved = np.maximum(unresolved, errors if is_last else np.where(is_short, errors, 0.0))
    return boxes, unresolved.T


def _evaluated(group: Components, prompts: PaddedPrompts, boxes: Boxes, noise: float, together: int) -> Boxes:
    """Returns the boxes with their mass and error at a level of noise."""
    log_mass, log_error = np.empty_like(boxes.log_mass), np.empty_like(boxes.log_error)
    rows_of_lengths = rounded_up(prompts.lengths, ROOM_OF_MASSES)
    for rows, size in parts(len(boxes.prompt), together):
        low, width = (filled(each[:, rows].T, size).T for each in (boxes.low, boxes.width))
        points = prompts.at(filled(boxes.prompt[rows], size))
        found = box_masses(group, points, low, width, noise, rows_of_lengths)
        for whole, part in zip((log_mass, log_error), found, strict=True):
            whole[..., rows] = np.asarray(part)[: prompts.lengths, ..., : rows.stop - rows.start]
    return boxes._replace(log_mass=log_mass, log_error=log_error)


def _predicted(
    group: Components, prompts: PaddedPrompts, boxes: Boxes, noise: float, variance: bool, together: int
) -> Sums:
    """Sums over boxes in pieces of a fixed number per prompt; the last piece is padded with boxes of width 0."""
    owner, parts_of_boxes = pieces(group, boxes, together)
    shape = (len(owner), prompts.lengths)
    sums = Sums(np.zeros(shape), *(np.zeros((*shape, prompts.queries.shape[1])) for _ in range(2)))
    rows_of_lengths = rounded_up(prompts.lengths, ROOM_OF_LENGTHS)
    for rows, prompt, low, width in parts_of_boxes:
        at, queries = prompts.at(prompt), prompts.queries[prompt]
        found = predictions(group, at, queries, low, width, noise, rows_of_lengths, variance)
        for whole, part in zip(sums, found, strict=True):
            whole[rows] = np.asarray(part)[: rows.stop - rows.start, : prompts.lengths]
    whole = _together_again(sums, np.flatnonzero(np.diff(owner, prepend=-1)), owner)
    return Sums(whole.log_evidence, *(moment[..., : prompts.asked] for moment in whole[1:]))


def pieces(
    group: Components, boxes: Boxes, together: int
) -> tuple[Int[np.ndarray, " pieces"], Iterator[tuple[slice, np.ndarray, np.ndarray, np.ndarray]]]:
    """Splits each prompt's boxes into pieces of one size, about `together` boxes of which are computed at once.

    Returns:
        The prompt of each piece; and blocks of pieces, each with the slice of its pieces, their prompts, and the
            boxes' ends and widths, [pieces, axes, boxes]. Padding has a width of 0.
    """
    assert group.locate is not None
    size = max(1, min(BOXES_OF_PIECE, NODES_OF_PIECE // int(np.prod(orders_of(group.locate)))))
    counts, starts = np.bincount(boxes.prompt), boxes.starts()
    of_prompts = -(-counts // size)
    owner = np.repeat(np.arange(len(counts)), of_prompts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(of_prompts) - of_prompts, of_prompts)
    first = starts[owner] + size * number
    count = np.minimum(counts[owner] - size * number, size)

    def blocks() -> Iterator[tuple[slice, np.ndarray, np.ndarray, np.ndarray]]:
        for rows, block in parts(len(owner), max(1, together // size)):
            piece = filled(np.arange(rows.start, rows.stop), block)
            place = first[piece][:, None] + np.arange(size)[None, :]
            is_there = np.arange(size)[None, :] < count[piece][:, None]
            place = np.minimum(place, len(boxes.prompt) - 1)
            low, width = (np.where(is_there[:, None], np.moveaxis(each[:, place], 0, 1), 0.0) for each in boxes[1:3])
            yield rows, owner[piece], low, width

    return owner, blocks()


def _together_again(sums: Sums, starts: np.ndarray, owner: np.ndarray) -> Sums:
    """Combines the pieces of each prompt."""
    if len(starts) == len(owner):
        return sums
    highest = np.maximum.reduceat(sums.log_evidence, starts)
    share = np.exp(sums.log_evidence - highest[owner])
    mass = np.add.reduceat(share, starts)
    share = (share / mass[owner])[..., None]
    mean = np.add.reduceat(share * sums.mean, starts)
    spread = sums.variance + np.square(sums.mean - mean[owner])
    return Sums(highest + np.log(mass), mean, np.add.reduceat(share * spread, starts))


def together_of(group: Components, lengths: int, queries: int, memory: int, nodes: int) -> int:
    """Returns how many boxes fit into about the allowed memory, as a power of two."""
    columns, second = len(group.fixed), len(pairs(len(group.fixed) + 1))
    numbers = lengths * (3 + 2 * columns + second) + 4 * second + queries * (2 * columns + second)
    fitting = max(1, min(TOGETHER // nodes, memory // (8 * nodes * numbers)))
    return 1 << (fitting.bit_length() - 1)
