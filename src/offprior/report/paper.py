"""Figures and tables of a run for a paper: at the width of its column, without titles, text as text."""

from collections.abc import Sequence
from pathlib import Path

from offprior import catalog
from offprior.analysis.verdict import is_judged
from offprior.columns import IN_DISTRIBUTION
from offprior.errors import OffpriorError, choose_from, nearest
from offprior.figures._look import paper
from offprior.figures.figure import Figure, ReportData
from offprior.report import images
from offprior.report.latex import verdict_table
from offprior.report.names import slug
from offprior.report.report import PAPER, read_runs
from offprior.storage.files import beside

PAGE = "page"
STYLES = (PAGE, PAPER)
WIDTH = 3.25
"""Inches; a column of most conferences."""
SUFFIXES = ("pdf", "svg")
TABLE = "verdict-table"


def check_style(style: str, *, width: float | None, only: Sequence[str], out: str | Path | None) -> None:
    """Check that there is such a style, and that what is given is of it.

    Raises:
        OffpriorError: there is none, or `width`, `only` or `out` are given for a page.
    """
    if style not in STYLES:
        raise OffpriorError(f"--style: {style!r} is none; {choose_from(style, STYLES)}")
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
    """Write the figures of a run for a paper, or of several in the same figures; where they are, and the files.

    They go into the folder `paper` of the report, unless `out` names another.

    Raises:
        OffpriorError: as `write_paper` does; or a run has not been probed.
    """
    data, folder = read_runs(run_folder)
    folder = folder / PAPER if out is None else Path(out)
    return folder, write_paper(data, folder, width=WIDTH if width is None else width, only=only)


def write_paper(data: ReportData, folder: Path, *, width: float = WIDTH, only: Sequence[str] = ()) -> list[Path]:
    """Write figures `width` inches wide as PDF and SVG, and LaTeX tables of verdicts, into `folder`.

    Other files in the folder are left alone.

    Args:
        data: the tables of a run.
        folder: where the files go.
        width: of every figure; its type is about 8 points at that width.
        only: figures and tables by name: a kind (`error-by-strength`), one of its figures
            (`error-by-strength:convex`), or one panel of it (`error-by-strength:convex:40`). All, unless given: every
            figure of the report, and a table for each probe.

    Raises:
        OffpriorError: the width is out of range; a name is none that the run has, or has nothing to show in it.
    """
    look = paper(width)
    figures, panels, tables = _figures(data), {}, _tables(data)
    for name, figure in figures.items():
        panels |= {_name(name, part): panel for part, panel in figure.panels(data).items()}
    chosen = _chosen([*figures, *tables], list(panels), only)
    written = []
    for name in chosen:
        if name in tables:
            files = {"tex": verdict_table(data.cells(tables[name])).encode()}
        else:
            canvas = (figures | panels)[name].draw(data, look)
            if canvas is None:
                if only:
                    raise OffpriorError(f"--only: {name} has nothing to show in this run")
                continue
            files = images.rendered(canvas, SUFFIXES)
        for suffix, content in files.items():
            file = folder / f"{slug(name)}.{suffix}"
            with beside(file) as partial:
                partial.write_bytes(content)
            written.append(file)
    return written


def _figures(data: ReportData) -> dict[str, Figure]:
    """Every figure of the report, by its name; a report's order."""
    kinds = {name: catalog.find("figures", name)() for name in catalog.names("figures")}
    of_run = {name: kind for name, kind in kinds.items() if kind.belongs_to(data)}
    return {
        _name(name, added): figure
        for name, kind in sorted(of_run.items(), key=lambda entry: (entry[1].place, entry[0]))
        for added, figure in kind.variants(data).items()
    }


def _tables(data: ReportData) -> dict[str, str]:
    """The probes with verdicts, by the names of their tables."""
    probes = [probe for probe in data.probes if probe != IN_DISTRIBUTION] if is_judged(data.metrics) else []
    return {_name(TABLE, probe): probe for probe in probes}


def _name(whole: str, part: str) -> str:
    """error-by-strength:mixture-weight-with-sums; of words that need no quotes in a shell."""
    return f"{whole}:{slug(part)}" if part else whole


def _chosen(wholes: list[str], panels: list[str], only: Sequence[str]) -> list[str]:
    """The names asked for, each once: a name itself, or all whole figures whose names begin with it.

    Raises:
        OffpriorError: there is none of a name.
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
    """What to write in the place of a name that is none: the nearest, and all that could stand there."""
    kinds = list(dict.fromkeys(each.partition(":")[0] for each in wholes))
    every = list(dict.fromkeys([*kinds, *wholes, *panels]))
    close = nearest(name, every)
    parent = (close or "").rpartition(":")[0]
    choices = [each for each in every if each.rpartition(":")[0] == parent]
    hint = f"did you mean {close}? " if close else ""
    return f"--only: {asked!r} is no figure of this run; {hint}choose from {', '.join(choices)}"
