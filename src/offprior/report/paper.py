"""Figures and tables of a run for a paper: as wide as its column, without titles, with text stored as text."""

import warnings
from collections.abc import Sequence
from pathlib import Path

from offprior import catalog
from offprior.analysis.verdict import is_judged
from offprior.columns import IN_DISTRIBUTION
from offprior.errors import OffpriorError, choose_from, in_a_line, nearest
from offprior.figures._look import paper
from offprior.figures.figure import Figure, ReportData
from offprior.report import images
from offprior.report.figures_of_run import figures_of, left_out, skipped_if_foreign
from offprior.report.latex import verdict_table
from offprior.report.names import slug
from offprior.report.report import PAPER, read_runs
from offprior.storage.files import beside

PAGE = "page"
STYLES = (PAGE, PAPER)
WIDTH = 3.25
"""The column width of most conferences [inches]."""
SUFFIXES = ("pdf", "svg")
TABLE = "verdict-table"


def check_style(style: str, *, width: float | None, only: Sequence[str], out: str | Path | None) -> None:
    """Checks that a style exists, and that the options given apply to it.

    Args:
        style: "page" or "paper".
        width: width of a paper's figures [inches].
        only: names of a paper's figures and tables.
        out: the folder of a paper's figures.

    Raises:
        OffpriorError: the style is unknown, or `width`, `only` or `out` are given for a page.
    """
    if style not in STYLES:
        raise OffpriorError(f"--style: unknown style {style!r}; {choose_from(style, STYLES)}")
    given = {"--width": width is not None, "--only": bool(only), "--out": out is not None}
    if style == PAGE and any(given.values()):
        names = ", ".join(name for name, is_given in given.items() if is_given)
        raise OffpriorError(f"report: only --style {PAPER} takes {names}; a page has all figures, in the run's folder")


def paper_of(
    run_folder: str | Path | Sequence[str | Path],
    *,
    width: float | None = None,
    only: Sequence[str] = (),
    out: str | Path | None = None,
) -> tuple[Path, list[Path]]:
    """Writes the figures of a run, or of several runs in the same figures, for a paper.

    The files are written into the folder `paper` of the report, unless `out` names another.

    Args:
        run_folder: the folder of a run, or a list of folders.
        width: width of the figures [inches]; None for 3.25.
        only: names of figures and tables, as in `write_paper`.
        out: the folder to write to.

    Returns:
        The folder and the files.

    Raises:
        OffpriorError: as for `write_paper`, or a run has not been probed.
    """
    data, folder = read_runs(run_folder)
    folder = folder / PAPER if out is None else Path(out)
    return folder, write_paper(data, folder, width=WIDTH if width is None else width, only=only)


def write_paper(data: ReportData, folder: Path, *, width: float = WIDTH, only: Sequence[str] = ()) -> list[Path]:
    """Writes figures `width` inches wide as PDF and SVG, and LaTeX tables of verdicts, into `folder`.

    Other files in the folder are left unchanged.

    Args:
        data: the tables of a run.
        folder: where to write the files.
        width: width of every figure [inches]; type is about 8 points at that width.
        only: names of figures and tables: a kind (`error-by-strength`), one of its figures
            (`error-by-strength:convex`), or one panel of it (`error-by-strength:convex:40`). If empty, every figure of
            the report and a table for each probe are written.

    Returns:
        The files.

    Raises:
        OffpriorError: the width is out of range, or a name is unknown or has nothing to show in this run.
    """
    look = paper(width)
    figures, panels, tables = _figures(data), {}, _tables(data)
    for name, figure in figures.items():
        with skipped_if_foreign(name, type(figure)):
            panels |= {_name(name, part): panel for part, panel in figure.panels(data).items()}
    chosen = _chosen([*figures, *tables], list(panels), only)
    written = []
    for name in chosen:
        if name in tables:
            files = {"tex": verdict_table(data.cells(tables[name])).encode()}
        else:
            figure = (figures | panels)[name]
            try:
                canvas = figure.draw(data, look)
                files = {} if canvas is None else images.rendered(canvas, SUFFIXES)
            except Exception as error:
                if catalog.is_ours(type(figure)):
                    raise
                if only:
                    raise OffpriorError(f"--only: {name} cannot be drawn: {in_a_line(error)}") from error
                warnings.warn(left_out(name, in_a_line(error)), stacklevel=2)
                continue
            if canvas is None and only:
                raise OffpriorError(f"--only: {name} has nothing to show in this run")
        for suffix, content in files.items():
            file = folder / f"{slug(name)}.{suffix}"
            with beside(file) as partial:
                partial.write_bytes(content)
            written.append(file)
    return written


def _figures(data: ReportData) -> dict[str, Figure]:
    """Returns every figure of the report by its name, in the order of a report."""
    return {_name(kind, added): figure for kind, added, figure in figures_of(data)}


def _tables(data: ReportData) -> dict[str, str]:
    """Returns the probes with verdicts, by the names of their tables."""
    probes = [probe for probe in data.probes if probe != IN_DISTRIBUTION] if is_judged(data.metrics) else []
    return {_name(TABLE, probe): probe for probe in probes}


def _name(whole: str, part: str) -> str:
    """Returns a name such as error-by-strength:mixture-weight-with-sums, which needs no quotes in a shell."""
    return f"{whole}:{slug(part)}" if part else whole


def _chosen(wholes: list[str], panels: list[str], only: Sequence[str]) -> list[str]:
    """Returns the requested names, each once: a name itself, or all whole figures whose names begin with it.

    Raises:
        OffpriorError: nothing has a requested name.
    """
    found: list[str] = []
    for asked in only:
        name = ":".join(slug(part) for part in asked.split(":"))
        exact = [each for each in (*wholes, *panels) if each == name]
        begun = [each for each in (*wholes, *panels) if each.startswith(f"{name}:")]
        chosen = exact or [each for each in begun if each in wholes] or begun
        if not chosen:
            raise OffpriorError(_unknown(asked, name, wholes, panels))
        found += chosen
    return list(dict.fromkeys(found)) if only else wholes


def _unknown(asked: str, name: str, wholes: list[str], panels: list[str]) -> str:
    """Returns the message for an unknown name: the nearest name, and all names that could replace it."""
    kinds = list(dict.fromkeys(each.partition(":")[0] for each in wholes))
    every = list(dict.fromkeys([*kinds, *wholes, *panels]))
    close = nearest(name, every)
    parent = (close or "").rpartition(":")[0]
    choices = [each for each in every if each.rpartition(":")[0] == parent]
    hint = f"did you mean {close}? " if close else ""
    return f"--only: {asked!r} is not a figure of this run; {hint}choose from {', '.join(choices)}"
