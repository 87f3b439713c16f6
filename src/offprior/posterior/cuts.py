"""The boxes that a quadrature is cut into for each prompt, what each holds, and which are cut next."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from offprior.components.boxes import Locate, edges_of

LOWER = 4.0
"""Ratio of each noise level to the next lower one."""


class Boxes(NamedTuple):
    """Boxes of the unit cube, in the order of their prompts, and what is known about them at each length."""

    prompt: Int[np.ndarray, " boxes"]
    low: Float[np.ndarray, "axes boxes"]
    width: Float[np.ndarray, "axes boxes"]
    log_mass: Float[np.ndarray, "L boxes"]
    """Logarithm of the evidence that each box holds."""
    log_error: Float[np.ndarray, "L axes boxes"]
    """Logarithm of that evidence's estimated error along each axis."""

    def at(self, which: np.ndarray) -> "Boxes":
        """Selects some of the boxes."""
        return Boxes(*(each[..., which] for each in self))

    def totals(self) -> Float[np.ndarray, "L b"]:
        """Returns the log-evidence of each prompt; each prompt has at least one box."""
        highest = np.maximum.reduceat(self.log_mass, self.starts(), axis=1)
        mass = np.add.reduceat(np.exp(self.log_mass - highest[:, self.prompt]), self.starts(), axis=1)
        return highest + np.log(mass)

    def errors(self, totals: Float[np.ndarray, "L b"]) -> Float[np.ndarray, "L boxes"]:
        """Returns the estimated error of each box, as a share of its prompt's evidence."""
        # The exponent is capped: the error of a single unresolved box may far exceed all known evidence.
        return np.exp(np.minimum(self.log_error - totals[:, None, self.prompt], 30.0)).sum(1)

    def may_gain(self) -> Float[np.ndarray, "L boxes"]:
        """Bounds how much a box's log-evidence may gain on its prompt's best box at the next lower noise.

        At that noise a misfit, including the coefficients' prior, is between 1 and LOWER² times what it was. A box
        that fits well only with unlikely coefficients gains on a box that fits worse with likely ones.
        """
        best = np.maximum.reduceat(self.log_mass - np.log(self.width).sum(0), self.starts(), axis=1)
        return (LOWER**2 - 1) * np.maximum(-best, 0.0)[:, self.prompt]

    def starts(self) -> Int[np.ndarray, " b"]:
        """Returns the index of each prompt's first box."""
        return np.flatnonzero(np.diff(self.prompt, prepend=-1))


def begin(locate: Locate, boxes: int, prompts: int, lengths: int) -> Boxes:
    """Creates the initial boxes of a quadrature, for each prompt."""
    edges = edges_of(locate, boxes)
    low = np.stack([each.ravel() for each in np.meshgrid(*(ends[:-1] for ends in edges), indexing="ij")])
    width = np.stack([each.ravel() for each in np.meshgrid(*(np.diff(ends) for ends in edges), indexing="ij")])
    axes, count = low.shape
    all_ = prompts * count
    prompt = np.repeat(np.arange(prompts), count)
    empty = np.zeros((lengths, all_)), np.zeros((lengths, axes, all_))
    return Boxes(prompt, np.tile(low, prompts), np.tile(width, prompts), *empty)


def affordable(
    boxes: Boxes, wanted: Bool[np.ndarray, "axes boxes"], is_kept: Bool[np.ndarray, " boxes"], most: int
) -> Bool[np.ndarray, "axes boxes"]:
    """Selects wanted cuts, worst boxes first, so that no prompt ends up with more than `most` boxes."""
    is_cut: np.ndarray = np.asarray(wanted.any(0))
    children = 1 << wanted.sum(0)
    room = most - np.bincount(boxes.prompt[is_kept & ~is_cut], minlength=boxes.prompt[-1] + 1)
    if (np.bincount(boxes.prompt, np.where(is_cut, children, 0)) <= room).all():
        return wanted
    error = (boxes.log_error.max(1) - boxes.totals()[:, boxes.prompt]).max(0)
    order = np.lexsort((-error, boxes.prompt, ~is_cut))[: is_cut.sum()]
    # A box that is not cut still takes one place.
    sums = np.cumsum(children[order] - 1)
    prompt = boxes.prompt[order]
    first = np.flatnonzero(np.diff(prompt, prepend=-1))
    before = np.concatenate([[0], sums])[first]
    spent = sums - before[np.cumsum(np.diff(prompt, prepend=-1) != 0) - 1]
    room = room - np.bincount(boxes.prompt[is_cut], minlength=len(room))
    allowed = np.zeros(len(is_cut), bool)
    allowed[order] = spent <= room[prompt]
    return wanted & allowed


def cut(boxes: Boxes, along: Bool[np.ndarray, "axes boxes"]) -> Boxes:
    """Halves boxes along each axis marked in `along`; two axes give quarters."""
    for axis in range(len(along)):
        twice = np.repeat(np.arange(along.shape[1]), 1 + along[axis])
        is_second = np.diff(twice, prepend=-1) == 0
        halved = along[axis][twice]
        boxes, along = boxes.at(twice), along[:, twice]
        boxes.width[axis, halved] /= 2
        boxes.low[axis, is_second] += boxes.width[axis, is_second]
    return boxes


def joined(one: Boxes, other: Boxes) -> Boxes:
    """Joins both sets of boxes, in the order of their prompts."""
    both = Boxes(*(np.concatenate(parts, axis=-1) for parts in zip(one, other, strict=True)))
    return both.at(np.argsort(both.prompt, kind="stable"))
