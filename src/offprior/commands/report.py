"""`offprior report`: the report of a run, or of several in the same figures."""

from collections.abc import Sequence
from pathlib import Path

from offprior.commands import printed_tables
from offprior.commands.stored_run import Run
from offprior.console.output import Console
from offprior.errors import OffpriorError


def report(
    folders: Sequence[Path],
    *,
    style: str = "page",
    width: float | None = None,
    only: Sequence[str] = (),
    out: Path | None = None,
) -> Path:
    """Writes the report of a run, one report of several runs, or their figures and tables for a paper.

    Args:
        folders: the runs.
        style: "page" or "paper".
        width: width of a paper's figures [inches].
        only: a paper's figures and tables by name; all if empty.
        out: the folder of a paper's figures; `report/paper` in the first run's folder if None.

    Returns:
        The report's page, or the folder of a paper's figures.

    Raises:
        OffpriorError: no run is given, or one that has not been probed; `width`, `only` or `out` are given for a page;
            a name in `only` is unknown.
    """
    from offprior.report.paper import check_style

    if not folders:
        raise OffpriorError("report: no run was given; offprior list runs shows them")
    check_style(style, width=width, only=only, out=out)
    if style == "paper":
        return report_for_paper(folders, width=width, only=only, out=out)
    return report_run(folders[0]) if len(folders) == 1 else report_runs(folders)


def report_runs(folders: Sequence[str | Path]) -> Path:
    """Writes one report of several runs from their stored tables, with the errors of all runs in the same figures.

    Returns:
        The report's page.
    """
    from offprior.report.report import write_report

    written = write_report([Run(folder).folder for folder in folders])
    Console().print(f"The report: {written}", soft_wrap=True)
    return written


def report_for_paper(
    folders: Sequence[str | Path], *, width: float | None = None, only: Sequence[str] = (), out: Path | None = None
) -> Path:
    """Writes figures and LaTeX tables of a run, or of several runs in the same figures, for a paper; lists them.

    Args:
        folders: the runs.
        width: width of the figures [inches]; None for the default of `write_paper`.
        only: figures and tables by name; all if empty.
        out: the folder to write to; `report/paper` in the first run's folder if None.

    Returns:
        The folder of the figures.
    """
    from offprior.report.paper import paper_of

    folder, written = paper_of([Run(each).folder for each in folders], width=width, only=only, out=out)
    figures = sorted({file.stem for file in written if file.suffix == ".pdf"})
    tables = sorted(file.name for file in written if file.suffix == ".tex")
    for name in (*(f"{figure}.pdf, {figure}.svg" for figure in figures), *tables):
        Console().print(f"  {name}", soft_wrap=True)
    Console().print(f"Figures: {len(figures)}, tables: {len(tables)}, in {folder}", soft_wrap=True)
    return folder


def report_run(folder: str | Path, *, progress: bool = True) -> Path:
    """Writes a run's report again from its stored tables; returns its page."""
    return report_and_print(Run(folder), Console(quiet=not progress))


def report_and_print(run_: Run, console: Console) -> Path:
    """Writes a run's report; prints its verdicts, its headline and the path of the report, which is returned."""
    from offprior.analysis.errors_of_predictors import errors
    from offprior.analysis.failures import failures_in_words
    from offprior.analysis.verdict import is_judged
    from offprior.report.headline import summary
    from offprior.report.report import write_and_read

    Console(stderr=True, quiet=console.quiet).print("writing the report")
    written, data = write_and_read(run_.folder)
    if run_.recipe.study is not None:
        printed_tables.print_study(run_.study(), console)
    else:
        if is_judged(data.metrics):
            printed_tables.print_verdicts(data.verdicts, console)
        else:
            printed_tables.print_errors(errors(data.evaluation), console)
        console.print(summary(data))
        for line in failures_in_words(data.evaluation, "model", "the model"):
            console.print(line, soft_wrap=True)
    console.print(f"The report: {written}", soft_wrap=True)
    if run_.recipe.study is None and run_.recipe.mixture.dimension == 1:
        console.print(f"Drag a prompt: offprior explore {run_.folder}", soft_wrap=True)
    return written
