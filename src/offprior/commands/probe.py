"""`offprior probe`: probes and reports a pretrained run, the second half of `offprior run`, or a finished one again."""

from collections.abc import Sequence
from pathlib import Path

from offprior.catalog import name_of
from offprior.commands.report import report_and_print
from offprior.commands.stored_run import Run
from offprior.console.output import Console
from offprior.storage import run_folder
from offprior.storage.files import locked


def probe_run(folder: str | Path, probes: Sequence[str] = (), *, report: bool = True, progress: bool = True) -> Run:
    """Probes a pretrained run, with the recipe's probes or with those named, and writes its report.

    New rows of a probe replace its old ones; the rows of other probes are kept. Without `report`, the old report is
    kept too.

    Args:
        folder: the run's folder.
        probes: names of probes; the recipe's if empty.
        report: whether to write the report and print the verdicts.
        progress: whether to report progress.

    Raises:
        OffpriorError: there is no run, or its pretraining is unfinished.
    """
    from offprior.commands import recipe_run, study_run
    from offprior.recipe.parts import part_from

    with locked(Run(folder).folder):
        found = Run(folder)  # read again, now that no other process can write to it
        job = recipe_run.Job(found, found.recipe)
        if found.recipe.study is None:
            recipe_run.check_pretrained(job)
        # The recipe's probes have the recipe's settings, others have their defaults.
        own = {name: [probe for probe in found.recipe.probes if name_of(type(probe)) == name] for name in probes}
        chosen = [probe for name in probes for probe in own[name] or [part_from("probes", name)]]
        if found.recipe.study is not None:
            study_run.probe_again(job, chosen, progress)
        else:
            models = recipe_run.pretrained(job)
            recipe_run.probe(job, models, chosen or found.recipe.probes, progress, keep=bool(probes))
        if not probes or found.finished:
            found.update(finished=run_folder.now())
        if report:
            report_and_print(found, Console(quiet=not progress))
    return found
