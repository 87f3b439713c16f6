"""Prompts as the compiled programs of the refinement take them."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from offprior.posterior.prefixes import Points

ROOM, ROOM_OF_QUERIES = 128, 8
"""Points and queries are filled up to multiples of these, so that few programs are compiled. Points that are not there
take no time."""
FEW = 8
"""Where an eighth of the things that a program looks at together is enough, it looks at that many, and at no other
number: for the same reason."""


class Prompts(NamedTuple):
    """Prompts with a point before the first that is not counted."""

    points: Points
    queries: Float[np.ndarray, "b room d"]
    asked: int
    """Queries of each."""
    lengths: int
    """Context lengths at which their posteriors are asked for."""

    def at(self, prompt: Int[np.ndarray, " parts"]) -> Points:
        """Points of some of them, a prompt as often as it is named."""
        return self.points._replace(x=self.points.x[:, :, prompt], y=self.points.y[:, prompt])


def prompts_of(
    x: Float[np.ndarray, "b n d"],
    y: Float[np.ndarray, "b n"],
    queries: Float[np.ndarray, "b m d"],
    lengths: tuple[int, ...],
) -> Prompts:
    """Prompts whose posteriors are asked for at some lengths, in rising order."""
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
    return Prompts(points, np.pad(queries, room), asked, len(lengths))


def rounded_up(number: int, step: int) -> int:
    """The least multiple of `step` that is at least `number`."""
    return -(-number // step) * step


def parts(count: int, most: int) -> Iterator[tuple[slice, int]]:
    """So many things in parts, each with the size that it is filled up to: the most, or an eighth of it."""
    few = max(1, most // FEW)
    for start in range(0, count, most):
        stop = min(start + most, count)
        yield slice(start, stop), few if stop - start <= few else most


def filled(array: np.ndarray, size: int) -> np.ndarray:
    """Filled up with copies of the first entry, so that parts of every size run the same program."""
    missing = size - len(array)
    return array if missing == 0 else np.concatenate([array, np.repeat(array[:1], missing, axis=0)])
