"""Where the panels of a quadrature are too wide for a posterior they are cut; a prompt's context lengths share them.

A panel is cut where the posterior at any length needs it, and dropped where all lengths find nothing in it. Whatever is
cut in a round, of all prompts, is evaluated together.

With little noise a posterior may have many narrow modes, which a coarse grid cannot see. The panels are then made for
higher noise first, at which the grid sees all, and cut as the noise is lowered: a mode of the posterior is a mode at a
higher noise too, only wider. At a higher noise panels are dropped that hold nothing and can hold nothing at the next.
"""

from collections.abc import Iterator
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from offprior.components import Components
from offprior.conjugate import pairs
from offprior.laws import PANEL_NODES
from offprior.posterior.nodes import Sums, columns_of
from offprior.posterior.prefixes import Points, panel_masses, predictions

TOLERANCE = 1e-8
"""Estimated error of a panel's integral, as a share of the evidence, above which it is cut."""
ROUGH = 1e-6
"""The same at a higher noise, where the modes need to be seen and no more."""
CHILDREN = 2
ROUNDS = 24
"""Cuts at one level of noise, at most."""
MOST_PANELS = 2048
"""Of a prompt, at all of its lengths; the estimated error tells where they were too few."""
NEGLIGIBLE = 1e-12
"""Share of the evidence below which a panel is dropped."""
LOWER = 4.0
"""Factor between two levels of noise."""
TOGETHER = 512
"""Panels that a compiled program looks at together, at most: what is known of them stays in the caches."""
FEWEST = 32
"""The same at least, so that few programs are compiled."""
FEWEST_OF_PROMPT = 16
"""Panels of a prompt with which predictions are made, at least and for the same reason."""
ROOM, ROOM_OF_LENGTHS, ROOM_OF_QUERIES = 64, 4, 8
"""Points, lengths at which panels are looked at, and queries are filled up to multiples of these, also for that reason.
Points that are not there take no time."""


class Prompts(NamedTuple):
    """Prompts as the compiled programs take them, with a point before the first that is not counted."""

    points: Points
    queries: Float[np.ndarray, "b room d"]
    asked: int
    """Queries of each."""
    lengths: int
    """Context lengths at which their posteriors are asked for."""

    def at(self, prompt: Int[np.ndarray, " parts"]) -> Points:
        """Points of some of them, a prompt as often as it is named."""
        return self.points._replace(x=self.points.x[:, :, prompt], y=self.points.y[:, prompt])


class Panels(NamedTuple):
    """Panels of the unit interval, in the order of their prompts, and what is known of them at each length."""

    prompt: Int[np.ndarray, " panels"]
    low: Float[np.ndarray, " panels"]
    width: Float[np.ndarray, " panels"]
    log_mass: Float[np.ndarray, "L panels"]
    """Logarithm of the evidence they hold."""
    log_error: Float[np.ndarray, "L panels"]
    """Of its estimated error."""

    def at(self, which: np.ndarray) -> "Panels":
        """Some of them."""
        return Panels(*(each[..., which] for each in self))

    def totals(self) -> Float[np.ndarray, "L b"]:
        """Log-evidence of each prompt; each has a panel at least."""
        starts = np.flatnonzero(np.diff(self.prompt, prepend=-1))
        highest = np.maximum.reduceat(self.log_mass, starts, axis=1)
        return highest + np.log(np.add.reduceat(np.exp(self.log_mass - highest[:, self.prompt]), starts, axis=1))

    def may_gain(self) -> Float[np.ndarray, "L panels"]:
        """By how much, at most, a panel's log-evidence may gain on the best of its prompt at the next lower noise.

        There a misfit, the coefficients' prior included, is between once and LOWER² times what it was. What fits well
        with unlikely coefficients alone gains on what has likely ones and fits worse.
        """
        starts = np.flatnonzero(np.diff(self.prompt, prepend=-1))
        best = np.maximum.reduceat(self.log_mass - np.log(self.width), starts, axis=1)
        return (LOWER**2 - 1) * np.maximum(-best, 0.0)[:, self.prompt]


def noise_levels(group: Components, x: Float[np.ndarray, "b n d"], noise: float) -> list[float]:
    """The noise at which to begin, and the levels down to `noise`, which is the only one where the grid sees all.

    The grid sees all where the function's values at neighbouring nodes differ by no more than the noise.
    """
    if group.locate is None or x.size == 0:
        return [noise]
    farthest = np.abs(x).reshape(-1, x.shape[-1]).max(0)
    at = np.asarray(_columns_compiled(group, jnp.asarray(farthest[None, None])))[:, 0, 0]
    step = (np.abs(np.diff(at, axis=1)).max(1) * np.abs(np.asarray(group.scales)).max(0)).max()
    levels = [noise]
    while levels[0] < step:
        levels.insert(0, levels[0] * LOWER)
    return levels


# Operation by operation it takes longer than all the rest of a single prompt.
_columns_compiled = eqx.filter_jit(columns_of)


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


def refined(
    group: Components, prompts: Prompts, levels: list[float], variance: bool, memory_bytes: int
) -> tuple[Sums, Float[np.ndarray, "b L"]]:
    """What the posteriors of prompts sum to, [b, L(, m)], and the estimated error of the evidence."""
    count, wide = len(prompts.queries), group.node_count // PANEL_NODES
    prompt, place = (each.ravel() for each in np.indices((count, wide)))
    width = np.full(len(prompt), 1 / wide)
    panels = Panels(prompt, place / wide, width, *np.zeros((2, prompts.lengths, len(prompt))))
    together = _together(group, prompts, memory_bytes)
    for level in levels:
        panels = _evaluated(group, prompts, panels, level, together)
        is_last = level == levels[-1]
        tolerance = TOLERANCE if is_last else ROUGH
        for _ in range(ROUNDS):
            totals = panels.totals()[:, panels.prompt]
            is_cut = (panels.log_error > totals + np.log(tolerance)).any(0)
            least = totals + np.log(NEGLIGIBLE)
            if not is_last:
                least = least - panels.may_gain()
            is_kept = (panels.log_mass > least).any(0)
            counts = [np.bincount(panels.prompt[which], minlength=count) for which in (is_cut, is_kept & ~is_cut)]
            is_cut &= (CHILDREN * counts[0] + counts[1] <= MOST_PANELS)[panels.prompt]
            if not is_cut.any():
                panels = panels.at(is_kept)
                break
            children = _evaluated(group, prompts, _children(panels.at(is_cut)), level, together)
            panels = _joined(panels.at(is_kept & ~is_cut), children)
    errors = np.exp(panels.log_error - panels.totals()[:, panels.prompt])
    starts = np.flatnonzero(np.diff(panels.prompt, prepend=-1))
    sums = _predicted(group, prompts, panels, levels[-1], variance, together)
    return sums, np.add.reduceat(errors, starts, axis=1).T


def _children(panels: Panels) -> Panels:
    whole = panels.at(np.repeat(np.arange(len(panels.prompt)), CHILDREN))
    width = whole.width / CHILDREN
    return whole._replace(low=whole.low + width * np.tile(np.arange(CHILDREN), len(panels.prompt)), width=width)


def _joined(one: Panels, other: Panels) -> Panels:
    both = Panels(*(np.concatenate(parts, axis=-1) for parts in zip(one, other, strict=True)))
    return both.at(np.argsort(both.prompt, kind="stable"))


def _evaluated(group: Components, prompts: Prompts, panels: Panels, noise: float, together: int) -> Panels:
    """Panels, with what they hold at a level of noise."""
    log_mass, log_error = np.empty_like(panels.log_mass), np.empty_like(panels.log_error)
    for rows, size in _parts(len(panels.prompt), together):
        low, width, prompt = (filled(each[rows], size) for each in (panels.low, panels.width, panels.prompt))
        found = panel_masses(group, prompts.at(prompt), low, width, noise, rounded_up(prompts.lengths, ROOM_OF_LENGTHS))
        for whole, part in zip((log_mass, log_error), found, strict=True):
            whole[:, rows] = np.asarray(part)[: prompts.lengths, : rows.stop - rows.start]
    return panels._replace(log_mass=log_mass, log_error=log_error)


def _predicted(
    group: Components, prompts: Prompts, panels: Panels, noise: float, variance: bool, together: int
) -> Sums:
    """What panels sum to; prompts with about as many of them go together, filled up with panels of width 0."""
    counts = np.bincount(panels.prompt)
    starts = np.cumsum(counts) - counts
    shape = (len(counts), prompts.lengths)
    sums = Sums(np.zeros(shape), *(np.zeros((*shape, prompts.queries.shape[1])) for _ in range(2)))
    sizes = np.maximum(1 << np.ceil(np.log2(counts)).astype(int), FEWEST_OF_PROMPT)
    for size in np.unique(sizes).tolist():
        alike = np.flatnonzero(sizes == size)
        for rows, block in _parts(len(alike), max(1, together // size)):
            prompt = filled(alike[rows], block)
            place = starts[prompt][:, None] + np.arange(size)[None, :]
            is_there = np.arange(size)[None, :] < counts[prompt][:, None]
            place = np.minimum(place, len(panels.prompt) - 1)
            low, width = (np.where(is_there, each[place], 0.0) for each in (panels.low, panels.width))
            at, queries = prompts.at(prompt), prompts.queries[prompt]
            found = predictions(group, at, queries, low, width, noise, prompts.lengths, variance)
            for whole, part in zip(sums, found, strict=True):
                whole[alike[rows]] = np.asarray(part)[: rows.stop - rows.start]
    return Sums(sums.log_evidence, *(moment[..., : prompts.asked] for moment in sums[1:]))


def _parts(count: int, most: int) -> Iterator[tuple[slice, int]]:
    """So many things in parts, each with the size that it is filled up to: the most, or a few smaller ones."""
    for start in range(0, count, most):
        size = most
        while size >= 4 * max(1, min(FEWEST, most)) and size // 4 >= count - start:
            size //= 4
        yield slice(start, min(start + most, count)), size


def filled(array: np.ndarray, size: int) -> np.ndarray:
    """Filled up with copies of the first entry, so that parts of every size run the same program."""
    missing = size - len(array)
    return array if missing == 0 else np.concatenate([array, np.repeat(array[:1], missing, axis=0)])


def _together(group: Components, prompts: Prompts, memory: int) -> int:
    """Panels whose arrays take about as many bytes as they may, a power of two."""
    columns, second, m = len(group.fixed), len(pairs(len(group.fixed) + 1)), prompts.queries.shape[1]
    numbers = prompts.lengths * (3 + columns + second) + 4 * second + m * (columns + second)
    fitting = max(FEWEST, memory // (8 * PANEL_NODES * numbers))
    return min(TOGETHER, 1 << (fitting.bit_length() - 1))
