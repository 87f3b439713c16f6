"""`offprior pretrain`: pretrains a recipe's models, the first half of `offprior run`."""

import contextlib
from collections.abc import Iterable
from pathlib import Path

from offprior.commands.stored_run import Run, begin
from offprior.commands.trial_of_parts import read_and_try
from offprior.compute.devices import use_one_device_per_core
from offprior.console.output import Console
from offprior.errors import Problem, SettingError
from offprior.recipe.recipe import Recipe, rate_in_words


def pretrain_run(
    recipe: str | Path,
    *,
    overrides: Iterable[str] = (),
    out: str | Path | None = None,
    seeds: int = 1,
    resume: bool = False,
    progress: bool = True,
) -> Run | None:
    """Pretrains the models of a recipe in a run's folder, which `probe_run` continues.

    If several processes train together (`offprior.compute.devices.join`), the first one has the folder; the others
    compute for it and return None.

    Args:
        recipe: the name of a recipe, or the path of its file.
        overrides: settings to change, as `section.key=value`.
        out: the run's folder; `runs/NAME` if None.
        seeds: the number of training seeds.
        resume: whether to continue an unfinished run in the folder.
        progress: whether to report progress.

    Raises:
        OffpriorError: the recipe is invalid, or the folder holds something else, or an unfinished run without `resume`.
    """
    from offprior.pretraining import processes

    use_one_device_per_core()
    wanted = read_and_try(recipe, overrides)
    if wanted.study is not None and processes.count() > 1:
        raise SettingError(Problem("study", "a study is trained by one process; leave out --distributed", wanted.name))
    with contextlib.ExitStack() as stack:

        def made_ready() -> Run:
            return stack.enter_context(begin(wanted, out=out, seeds=seeds, resume=resume))

        begun = processes.by_the_first(made_ready)
        # A resumed run may have more seeds than this command requests.
        asked = processes.as_the_first_says(len(begun.manifest["seeds"]) if begun is not None else 0)
        if begun is None:
            _compute_for_the_first(wanted, asked)
            return None
        said = rate_in_words(recipe, wanted)
        Console(stderr=True, quiet=not progress).print(said, soft_wrap=True)
        _pretrain(begun, progress)
    Console(quiet=not progress).print(f"pretrained; continue with: offprior probe {begun.folder}", soft_wrap=True)
    return begun


def _pretrain(run_: Run, progress: bool) -> None:
    from offprior.commands import recipe_run, study_run

    job = recipe_run.Job(run_, run_.recipe)
    if job.recipe.study is not None:
        study_run.train(job, progress)
    else:
        recipe_run.pretrain([job], progress)


def _compute_for_the_first(recipe: Recipe, seeds: int) -> None:
    from offprior.commands.recipe_run import learners, members
    from offprior.pretraining.pretrain import pretrain_population

    pretrain_population(recipe.model, members(recipe, learners(recipe, range(seeds), None)))
