"""Where the boxes of a quadrature are too wide for a posterior they are cut; a prompt's context lengths share them.

A box is cut where the posterior at any length needs it, along the axes that need it, and dropped where all lengths find
nothing in it. Whatever is cut in a round, of all prompts, is evaluated together.

With little noise a posterior may have many narrow modes, which a coarse grid cannot see. The boxes are then made for
higher noise first, at which the grid sees all, and cut as the noise is lowered: a mode of the posterior is a mode at a
higher noise too, only wider. At a higher noise boxes are dropped that hold nothing and can hold nothing at the next.

What is integrated over one law is known to 10⁻⁸ of the evidence a box, over two to 10⁻⁶, over three to 10⁻⁴. Where a
prompt would need more boxes than it may have, the estimated error says so, at a higher noise too: what was not resolved
there may hide a mode below.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from offprior.boxes import orders_of, shape_of
from offprior.components import Components
from offprior.conjugate import pairs
from offprior.laws import PANEL_NODES
from offprior.posterior.cuts import LOWER, Boxes, affordable, begin, cut, joined
from offprior.posterior.nodes import Sums, columns_of
from offprior.posterior.prefixes import box_masses, predictions
from offprior.posterior.prompts import Prompts, filled, parts, rounded_up

TOLERANCE = (1e-8, 1e-8, 1e-6, 1e-4, 1e-3)
"""Estimated error of a box's integral over 0, 1, 2, 3 or 4 laws, as a share of the evidence, above which it is cut."""
ROUGH = (1e-6, 1e-6, 1e-3, 1e-2, 1e-2)
"""The same at a higher noise, where the modes need to be seen and no more."""
NEGLIGIBLE = (1e-12, 1e-12, 1e-9, 1e-7, 1e-6)
"""Share of the evidence below which a box is dropped."""
ROUNDS = 24
"""Cuts at one level of noise, at most."""
MOST_PANELS = 2048
"""Boxes of a prompt on one axis, at all of its lengths; the estimated error tells where they were too few."""
MOST_NODES = 1 << 19
"""Nodes of a prompt's boxes on several axes, for the same."""
TOGETHER = 512 * PANEL_NODES
"""Nodes that a compiled program looks at together, at most: what is known of them stays in the caches."""
BOXES_OF_PIECE, NODES_OF_PIECE = 16, 1024
"""Predictions are made from so many boxes of a prompt at once, or from fewer with so many nodes. It is one number, so
that one program is compiled."""
ROOM_OF_LENGTHS = 4
"""Context lengths at which predictions are made are filled up to multiples of this, for the same reason."""
ROOM_OF_MASSES = 16
"""Context lengths at which boxes are looked at; those that are not there take next to no time."""


def of_axes(table: tuple[float, ...], group: Components) -> float:
    """The entry for so many axes, the last where there are more."""
    assert group.locate is not None
    return table[min(sum(step is None for step in group.locate.steps), len(table) - 1)]


def boxes_of(group: Components) -> int:
    """Into how many boxes an axis is cut to begin with."""
    return group.boxes or group.node_count // PANEL_NODES


def most_boxes(group: Components) -> int:
    """Boxes of a prompt, at all of its lengths."""
    assert group.locate is not None
    nodes = int(np.prod(orders_of(group.locate)))
    return MOST_PANELS if len(group.locate.steps) == 1 else MOST_NODES // nodes


def noise_levels(group: Components, x: Float[np.ndarray, "b n d"], noise: float) -> list[float]:
    """The noise at which to begin, and the levels down to `noise`, which is the only one where the grid sees all.

    The grid sees all where the function's values at neighbouring nodes differ by no more than the noise.
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


# Operation by operation it takes longer than all the rest of a single prompt.
_columns_compiled = eqx.filter_jit(columns_of)


def refined(
    group: Components, prompts: Prompts, levels: list[float], variance: bool, memory_bytes: int
) -> tuple[Sums, Float[np.ndarray, "b L"]]:
    """What the posteriors of prompts sum to, [b, L(, m)], and the estimated error of the evidence."""
    assert group.locate is not None
    count, nodes = len(prompts.queries), int(np.prod(orders_of(group.locate)))
    most = most_boxes(group)
    boxes = begin(group.locate, boxes_of(group), count, prompts.lengths)
    together = _together(group, rounded_up(prompts.lengths, ROOM_OF_MASSES), 0, memory_bytes, nodes)
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
            # "At least": of far data the highest is no more than rounding above what is dropped.
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
    piece_count = _together(group, prompts.lengths, prompts.queries.shape[1], memory_bytes, nodes)
    return _predicted(group, prompts, boxes, levels[-1], variance, piece_count), unresolved.T


def _evaluated(group: Components, prompts: Prompts, boxes: Boxes, noise: float, together: int) -> Boxes:
    """Boxes, with what they hold at a level of noise."""
    log_mass, log_error = np.empty_like(boxes.log_mass), np.empty_like(boxes.log_error)
    rows_of_lengths = rounded_up(prompts.lengths, ROOM_OF_MASSES)
    for rows, size in parts(len(boxes.prompt), together):
        low, width = (filled(each[:, rows].T, size).T for each in (boxes.low, boxes.width))
        points = prompts.at(filled(boxes.prompt[rows], size))
        found = box_masses(group, points, low, width, noise, rows_of_lengths)
        for whole, part in zip((log_mass, log_error), found, strict=True):
            whole[..., rows] = np.asarray(part)[: prompts.lengths, ..., : rows.stop - rows.start]
    return boxes._replace(log_mass=log_mass, log_error=log_error)


def _predicted(group: Components, prompts: Prompts, boxes: Boxes, noise: float, variance: bool, together: int) -> Sums:
    """What boxes sum to, in pieces of so many boxes of a prompt; the last is filled up with boxes of width 0."""
    assert group.locate is not None
    size = max(1, min(BOXES_OF_PIECE, NODES_OF_PIECE // int(np.prod(orders_of(group.locate)))))
    counts, starts = np.bincount(boxes.prompt), boxes.starts()
    pieces = -(-counts // size)
    owner = np.repeat(np.arange(len(counts)), pieces)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    first = starts[owner] + size * number
    count = np.minimum(counts[owner] - size * number, size)
    shape = (len(owner), prompts.lengths)
    sums = Sums(np.zeros(shape), *(np.zeros((*shape, prompts.queries.shape[1])) for _ in range(2)))
    rows_of_lengths = rounded_up(prompts.lengths, ROOM_OF_LENGTHS)
    for rows, block in parts(len(owner), max(1, together // size)):
        piece = filled(np.arange(rows.start, rows.stop), block)
        place = first[piece][:, None] + np.arange(size)[None, :]
        is_there = np.arange(size)[None, :] < count[piece][:, None]
        place = np.minimum(place, len(boxes.prompt) - 1)
        low, width = (np.where(is_there[:, None], np.moveaxis(each[:, place], 0, 1), 0.0) for each in boxes[1:3])
        prompt = owner[piece]
        at, queries = prompts.at(prompt), prompts.queries[prompt]
        found = predictions(group, at, queries, low, width, noise, rows_of_lengths, variance)
        for whole, part in zip(sums, found, strict=True):
            whole[rows] = np.asarray(part)[: rows.stop - rows.start, : prompts.lengths]
    whole = _together_again(sums, np.cumsum(pieces) - pieces, owner)
    return Sums(whole.log_evidence, *(moment[..., : prompts.asked] for moment in whole[1:]))


def _together_again(sums: Sums, starts: np.ndarray, owner: np.ndarray) -> Sums:
    """The parts of each prompt as one."""
    if len(starts) == len(owner):
        return sums
    highest = np.maximum.reduceat(sums.log_evidence, starts)
    share = np.exp(sums.log_evidence - highest[owner])
    mass = np.add.reduceat(share, starts)
    share = (share / mass[owner])[..., None]
    mean = np.add.reduceat(share * sums.mean, starts)
    spread = sums.variance + np.square(sums.mean - mean[owner])
    return Sums(highest + np.log(mass), mean, np.add.reduceat(share * spread, starts))


def _together(group: Components, lengths: int, queries: int, memory: int, nodes: int) -> int:
    """Boxes whose arrays take about as many bytes as they may, a power of two."""
    columns, second = len(group.fixed), len(pairs(len(group.fixed) + 1))
    numbers = lengths * (3 + 2 * columns + second) + 4 * second + queries * (2 * columns + second)
    fitting = max(1, min(TOGETHER // nodes, memory // (8 * nodes * numbers)))
    return 1 << (fitting.bit_length() - 1)
