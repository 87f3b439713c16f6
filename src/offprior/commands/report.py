"""`offprior report`: the report of a run, or of several in the same figures."""

from collections.abc import Sequence
from pathlib import Path

from offprior.commands import printed_tables
from offprior.commands.stored_run import Run
from offprior.console.output import Console


def report_runs(folders: Sequence[str | Path]) -> Path:
    """One report over several runs, from their stored tables; errors of all runs in the same figures."""
    from offprior.report.report import write_report

    written = write_report([Run(folder).folder for folder in folders])
    Console().print(f"The report: {written}", soft_wrap=True)
    return written


def report_run(folder: str | Path, *, progress: bool = True) -> Path:
    """Write a run's report again, from its stored tables."""
    return report_and_print(Run(folder), Console(quiet=not progress))


def report_and_print(run_: Run, console: Console) -> Path:
    """Write a run's report, and print its verdicts, its headline and where the report is."""
    from offprior.analysis.errors_of_predictors import errors
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
    console.print(f"The report: {written}", soft_wrap=True)
    if run_.recipe.study is None and run_.recipe.mixture.dimension == 1:
        console.print(f"Drag a prompt: offprior explore {run_.folder}", soft_wrap=True)
    return written
