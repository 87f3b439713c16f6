"""Draws the figures of a page, in several processes if there are many: matplotlib keeps only one core busy."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import joblib

from offprior import catalog
from offprior.compute.devices import cores
from offprior.errors import in_a_line
from offprior.figures._look import REPORT, Look
from offprior.figures.figure import Figure, ReportData
from offprior.report import images

FEWEST_A_PROCESS = 10
"""The number of figures that make it worth starting a process, which takes two seconds."""
MOST_PROCESSES = 8


class Undrawn(str):
    """Why the figure of another package could not be drawn."""


class Named(NamedTuple):
    """A figure, the name of its files, its layout, and the suffixes of the files to write."""

    name: str
    figure: Figure
    look: Look = REPORT
    suffixes: tuple[str, ...] = images.SUFFIXES


def drawn(figures: Sequence[Named], data: ReportData, folder: Path) -> list[str | None]:
    """Draws figures and writes their files into `folder`; returns each one's SVG for a page.

    An empty figure gives None, and one of another package that fails gives an `Undrawn` with the reason.
    """
    processes = min(cores(), MOST_PROCESSES, len(figures) // FEWEST_A_PROCESS)
    if processes < 2:
        return _share(figures, data, folder)
    # Each process gets every n-th figure, because similar figures are neighbours and take similar time.
    shares = [figures[first::processes] for first in range(processes)]
    parallel = joblib.Parallel(n_jobs=processes, backend="loky", max_nbytes=None)
    parts = parallel(joblib.delayed(_share)(share, data, folder) for share in shares)
    found: list[str | None] = [None] * len(figures)
    for first, part in enumerate(parts):
        found[first::processes] = part
    return found


def _share(figures: Sequence[Named], data: ReportData, folder: Path) -> list[str | None]:
    return [_one(each, data, folder) for each in figures]


def _one(each: Named, data: ReportData, folder: Path) -> str | None:
    try:
        canvas = each.figure.draw(data, each.look)
        return None if canvas is None else images.save(canvas, folder, each.name, each.suffixes)
    except Exception as error:
        if catalog.is_ours(type(each.figure)):
            raise
        # Another package's figure may fail in any way; a report does without it.
        return Undrawn(in_a_line(error))
