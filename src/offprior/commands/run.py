"""`offprior run`: a recipe from its first line to its verdicts."""

from collections.abc import Iterable
from pathlib import Path

from offprior.commands.report import report_and_print
from offprior.commands.stored_run import Run, begin
from offprior.compute.devices import use_one_device_per_core
from offprior.console.output import Console
from offprior.errors import OffpriorError
from offprior.recipe.recipe import Recipe, rate_in_words, read
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
    """Pretrain, probe and report: a recipe from its first line to its verdicts.

    A finished run of the same recipe in the same folder is not run again, only reported. A recipe with a `study` is
    carried out at each of its places (`Run.study`, `Run.places`).

    Args:
        recipe: the name of a recipe, or the path of its file.
        overrides: settings to change, as `key.of.it=value`.
        out: the run's folder; `runs/NAME` unless given.
        seeds: how many models are trained, which differ in their seed alone.
        resume: go on with an unfinished run in `out`.
        report: write the report, and print the verdicts.
        progress: print what is being done.

    Raises:
        OffpriorError: a mistake in the recipe; the folder holds something else, or an unfinished run without `resume`.
        KeyboardInterrupt: Ctrl-C; what was trained so far can be resumed.
    """
    use_one_device_per_core()
    console = Console(stderr=True, quiet=not progress)
    wanted = read(recipe, overrides)
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
            family.components(8)
        except OffpriorError as error:
            lacks = "there will be no B, no C and no verdict, only errors beside other predictors"
            line = f"{recipe.name}: mixture.families.{place}: {error}; {lacks}"
            console.print(f"warning: {line}", soft_wrap=True)
