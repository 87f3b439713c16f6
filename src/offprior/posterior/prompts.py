"""Prompts in the form that the compiled programs of the refinement take."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from offprior.posterior.prefixes import Points

ROOM, ROOM_OF_QUERIES = 128, 8
"""Points and queries are padded to multiples of these, so that few programs are compiled; added points take no time."""
FEW = 8
"""A program runs on its full number of items or on an eighth of it, and on no other number, for the same reason."""


class PaddedPrompts(NamedTuple):
    """Prompts with an entry before the first point that does not count."""

    points: Points
    queries: Float[np.ndarray, "b room d"]
    asked: int
    """The number of queries of each prompt."""
    lengths: int
    """The number of context lengths at which posteriors are requested."""

    def at(self, prompt: Int[np.ndarray, " parts"]) -> Points:
        """Returns the points of the given prompts, which may repeat."""
        return self.points._replace(x=self.points.x[:, :, prompt], y=self.points.y[:, prompt])


def prompts_of(
    x: Float[np.ndarray, "b n d"],
    y: Float[np.ndarray, "b n"],
    queries: Float[np.ndarray, "b m d"],
    lengths: tuple[int, ...],
) -> PaddedPrompts:
    """Builds prompts whose posteriors are requested at `lengths`, in ascending order."""
    count = lengths[-1] + 1
    after = rounded_up(count, ROOM) - count
    row = np.full(count + after, -1)
    row[list(lengths)] = np.arange(len(lengths))
    points = Points(
        np.ascontiguousarray(np.pad(x[:, : count - 1], ((0, 0), (1, after), (0, 0))).transpose(1, 2, 0)),
        np.ascontiguousarray(np.pad(y[:, : count - 1], ((0, 0), (1, after))).T),
        (np.arange(count + after) > 0).astype(float),
        row,
        np.asarray(count),
    )
    asked = queries.shape[1]
    room = ((0, 0), (0, rounded_up(asked, ROOM_OF_QUERIES) - asked), (0, 0))
    return PaddedPrompts(points, np.pad(queries, room), asked, len(lengths))


def rounded_up(number: int, step: int) -> int:
    """Returns the least multiple of `step` that is at least `number`."""
    return -(-number // step) * step


def parts(count: int, most: int) -> Iterator[tuple[slice, int]]:
    """Splits `count` items into slices, each with the size that it is padded to: `most`, or an eighth of it."""
    few = max(1, most // FEW)
    for start in range(0, count, most):
        stop = min(start + most, count)
        yield slice(start, stop), few if stop - start <= few else most


def filled(array: np.ndarray, size: int) -> np.ndarray:
    """Pads with copies of the first entry, so that parts of every size run the same program."""
    missing = size - len(array)
    return array if missing == 0 else np.concatenate([array, np.repeat(array[:1], missing, axis=0)])
