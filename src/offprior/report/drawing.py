"""The figures of a page, drawn in several processes where there are many: matplotlib keeps one core busy at most."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import joblib

from offprior.compute.devices import cores
from offprior.figures._look import REPORT, Look
from offprior.figures.figure import Figure, ReportData
from offprior.report import images

FEWEST_A_PROCESS = 10
"""Figures for which a process is worth its start, of two seconds."""
MOST_PROCESSES = 8


class Named(NamedTuple):
    """A figure, the name of its files, how it is set, and which files there are."""

    name: str
    figure: Figure
    look: Look = REPORT
    suffixes: tuple[str, ...] = images.SUFFIXES


def drawn(figures: Sequence[Named], data: ReportData, folder: Path) -> list[str | None]:
    """Each figure's SVG, for a page; None where it has nothing to show. Its files are written into `folder`."""
    processes = min(cores(), MOST_PROCESSES, len(figures) // FEWEST_A_PROCESS)
    if processes < 2:
        return _share(figures, data, folder)
    # Every n-th figure to each: neighbours are of a kind, and take alike.
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
    canvas = each.figure.draw(data, each.look)
    return None if canvas is None else images.save(canvas, folder, each.name, each.suffixes)
