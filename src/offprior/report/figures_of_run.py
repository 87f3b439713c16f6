"""The figures that belong to a run, those of other packages included as long as they work."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import NamedTuple

from offprior import catalog
from offprior.errors import in_a_line
from offprior.figures.figure import Figure, ReportData


class FigureOfRun(NamedTuple):
    """One figure of a report."""

    kind: str
    """The name of its class in the catalogue."""
    added: str
    """What tells it from the other figures of its class, as in `Figure.variants`; empty if it is the only one."""
    figure: Figure


def figures_of(data: ReportData) -> list[FigureOfRun]:
    """Returns the figures that a report of `data` can have, in the order of the report.

    A class of another package that cannot be imported, built or asked for its figures is skipped with a warning.
    """
    kinds: list[tuple[str, Figure]] = []
    for name, kind in catalog.working("figures").items():
        with skipped_if_foreign(name, kind):
            figure = kind()
            if figure.belongs_to(data):
                kinds.append((name, figure))
    found = []
    for name, figure in sorted(kinds, key=lambda entry: (entry[1].place, entry[0])):
        with skipped_if_foreign(name, type(figure)):
            found += [FigureOfRun(name, added, each) for added, each in figure.variants(data).items()]
    return found


@contextlib.contextmanager
def skipped_if_foreign(name: str, kind: type[Figure]) -> Iterator[None]:
    """Turns any error of another package's figure into a warning; errors of our own figures are raised."""
    try:
        yield
    except Exception as error:
        if catalog.is_ours(kind):
            raise
        warnings.warn(left_out(name, in_a_line(error)), stacklevel=2)


def left_out(name: str, why: str) -> str:
    """Returns the warning about a figure that is skipped."""
    return f"figures: {name} is left out: {why}"
