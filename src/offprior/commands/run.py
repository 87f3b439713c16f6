"""`offprior run`: pretrains and probes a recipe, and writes its report."""

from collections.abc import Iterable
from pathlib import Path

from offprior.commands.report import report_and_print
from offprior.commands.stored_run import Run, begin
from offprior.commands.trial_of_parts import read_and_try
from offprior.compute.devices import use_one_device_per_core
from offprior.console.output import Console
from offprior.errors import OffpriorError
from offprior.predictors.bayes import check_posterior
from offprior.recipe.recipe import Recipe, rate_in_words
from offprior.storage import run_folder


def run(
    recipe: str | Path,
    *,
    overrides: Iterable[str] = (),
    out: str | Path | None = None,
    seeds: int = 1,
    resume: bool = False,
    report: bool = True,
    progress: bool = True,
) -> Run:
    """Pretrains and probes a recipe, and writes its report with the verdicts.

    A finished run of the same recipe in the same folder is not repeated; only its report is written again. A recipe
    with a `study` is run at each of its places (`Run.study`, `Run.places`).

    Args:
        recipe: the name of a recipe, or the path of its file.
        overrides: settings to change, as `section.key=value`.
        out: the run's folder; `runs/NAME` if None.
        seeds: the number of models to train, which differ only in their seeds.
        resume: whether to continue an unfinished run in `out`.
        report: whether to write the report and print the verdicts.
        progress: whether to report progress.

    Raises:
        OffpriorError: the recipe is invalid, or the folder holds something else, or an unfinished run without `resume`.
        KeyboardInterrupt: the user pressed Ctrl-C; the training so far can be resumed.
    """
    use_one_device_per_core()
    console = Console(stderr=True, quiet=not progress)
    wanted = read_and_try(recipe, overrides)
    _tell_what_has_no_posterior(wanted, console)
    with begin(wanted, out=out, seeds=seeds, resume=resume) as begun:
        if begun.finished:
            console.print(f"{begun.folder}: this run is finished; its report is written again", soft_wrap=True)
        else:
            console.print(rate_in_words(recipe, wanted), soft_wrap=True)
            _carry_out(begun, progress)
            begun.update(finished=run_folder.now())
        if report:
            report_and_print(begun, Console(quiet=not progress))
    return begun


def _carry_out(run_: Run, progress: bool) -> None:
    from offprior.commands import recipe_run, study_run

    job = recipe_run.Job(run_, run_.recipe)
    if job.recipe.study is not None:
        study_run.carry_out(job, progress)
    else:
        recipe_run.probe(job, recipe_run.pretrain([job], progress)[0], job.recipe.probes, progress)


def _tell_what_has_no_posterior(recipe: Recipe, console: Console) -> None:
    """Warns, before training starts, about every family without an exact posterior."""
    for place, family in enumerate(recipe.mixture.families):
        try:
            check_posterior(family)
        except OffpriorError as error:
            lacks = "there will be no B, no C and no verdict, only errors beside other predictors"
            line = f"{recipe.name}: mixture.families.{place}: {error}; {lacks}"
            console.print(f"warning: {line}", soft_wrap=True)
