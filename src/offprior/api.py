"""A recipe carried out from Python: what the commands of the same names do."""

import contextlib
import functools
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from offprior import listing, runs
from offprior.devices import one_device_a_core
from offprior.errors import OffpriorError, Problem, SettingError
from offprior.files import locked
from offprior.output import Console
from offprior.recipe import Recipe, rate_in_words, read
from offprior.runs import MANIFEST, RECIPE, RUNS, RunFolder
from offprior.table import MODEL

SMALLEST_FREE_BYTES = 50_000_000
"""What checkpoints and tables of a small run take."""


class Run(RunFolder):
    """A recipe carried out, in a folder."""

    @functools.cached_property
    def recipe(self) -> Recipe:
        """The recipe, read back from the folder."""
        return read(self.folder / RECIPE)

    def models(self) -> list[Any]:
        """The pretrained models, one a seed, as predictors.

        Raises:
            OffpriorError: a checkpoint is missing or cannot be read.
        """
        return [model for model in self._pretrained() if model.label == MODEL]

    def specialists(self) -> list[Any]:
        """The models that were trained on one family alone, one a family and seed, as predictors.

        Raises:
            OffpriorError: a checkpoint is missing or cannot be read.
        """
        return [model for model in self._pretrained() if model.label != MODEL]

    def places(self) -> list["Run"]:
        """The runs at the places of a study, in the order in which they were begun."""
        return [Run(path.parent) for path in sorted(self.folder.glob(f"place-*/{MANIFEST}"))]

    def study(self) -> Any:
        """What a study shows (`offprior.evaluation.along_places.StudyResult`): its curve, and where it crosses.

        Raises:
            OffpriorError: the run is no study, or has not been probed.
        """
        from offprior.evaluation.along_places import probes_read, study_result

        study = self.recipe.study
        if study is None:
            raise SettingError(Problem("study", "the run's recipe has none", str(self.folder)))
        return study_result(self.evaluation(probe=probes_read(study)), study)

    def table(self, place: int | None = None) -> Any:
        """The evaluation table: errors, metrics, verdicts; of a study that of one place, by its number.

        Raises:
            OffpriorError: the run has not been probed; it is a study and no place was given.
        """
        from offprior.table import Table

        if self.recipe.study is None:
            return Table(self.evaluation())
        rows = self.evaluation(**({} if place is None else {"place": [place]}))
        if place is None or rows.empty:
            numbers = ", ".join(str(number) for number in rows["place"].unique())
            given = "no place was given" if place is None else f"it has no place {place}"
            raise SettingError(
                Problem("place", f"{given}; a study has one table per place ({numbers})", str(self.folder))
            )
        return Table(rows)

    def _pretrained(self) -> list[Any]:
        from offprior.experiment import Job, pretrained

        return pretrained(Job(self, self.recipe))

    def report(self) -> Path:
        """Write the report, and return the path of its HTML file."""
        from offprior.report.report import write_report

        return write_report(self.folder)


def run(
    recipe: str | Path,
    *,
    set: Iterable[str] = (),
    out: str | Path | None = None,
    seeds: int = 1,
    resume: bool = False,
    progress: bool = True,
) -> Run:
    """Pretrain, probe and report: a recipe from its first line to its verdicts.

    A finished run of the same recipe in the same folder is not run again, only reported. A recipe with a `study` is
    carried out at each of its places (`Run.study`, `Run.places`).

    Raises:
        OffpriorError: a mistake in the recipe; the folder holds something else, or an unfinished run without `resume`.
        KeyboardInterrupt: Ctrl-C; what was trained so far can be resumed.
    """
    one_device_a_core()
    console = Console(stderr=True, quiet=not progress)
    wanted = read(recipe, set)
    _tell_what_has_no_posterior(wanted, console)
    with begin(wanted, out=out, seeds=seeds, resume=resume) as begun:
        if begun.finished:
            console.print(f"{begun.folder}: this run is finished; its report is written again", soft_wrap=True)
        else:
            console.print(rate_in_words(recipe, wanted), soft_wrap=True)
            _carry_out(begun, progress)
            begun.update(finished=runs.now())
        _report(begun, Console(quiet=not progress))
    return begun


def pretrain_run(
    recipe: str | Path,
    *,
    set: Iterable[str] = (),
    out: str | Path | None = None,
    seeds: int = 1,
    resume: bool = False,
    progress: bool = True,
) -> Run | None:
    """The first half of `run`: a folder with pretrained models, for `probe_run` to go on with.

    Of several processes (`offprior.devices.join`) the first has the folder, the others compute for it and return None.
    """
    from offprior.pretraining import processes

    one_device_a_core()
    wanted = read(recipe, set)
    if wanted.study is not None and processes.count() > 1:
        raise SettingError(Problem("study", "it is trained by one process; leave out --distributed", wanted.name))
    with contextlib.ExitStack() as stack:

        def made_ready() -> Run:
            return stack.enter_context(begin(wanted, out=out, seeds=seeds, resume=resume))

        begun = processes.by_the_first(made_ready)
        # A folder that is gone on with may hold more seeds than were asked for now.
        asked = processes.as_the_first_says(len(begun.manifest["seeds"]) if begun is not None else 0)
        if begun is None:
            _compute_for_the_first(wanted, asked)
            return None
        said = rate_in_words(recipe, wanted)
        Console(stderr=True, quiet=not progress).print(said, soft_wrap=True)
        _pretrain(begun, progress)
    Console(quiet=not progress).print(f"pretrained; go on with: offprior probe {begun.folder}", soft_wrap=True)
    return begun


def probe_run(folder: str | Path, probes: Sequence[str] = (), *, progress: bool = True) -> Run:
    """Probe a pretrained run, with the recipe's probes or with those named, and report.

    Rows of probes that are evaluated anew replace the old ones; others stay.

    Raises:
        OffpriorError: there is no run, or its pretraining has not come to its end.
    """
    from offprior import experiment, studies
    from offprior.recipe_parts import part_from

    with locked(Run(folder).folder):
        found = Run(folder)  # as it is now that nobody else writes
        job = experiment.Job(found, found.recipe)
        if found.recipe.study is None:
            experiment.check_pretrained(job)
        # A probe of the recipe comes with the recipe's settings, any other with its defaults.
        own = {name: [probe for probe in found.recipe.probes if _probe_name(probe) == name] for name in probes}
        chosen = [probe for name in probes for probe in own[name] or [part_from("probes", name)]]
        if found.recipe.study is not None:
            studies.probe_again(job, chosen, progress)
        else:
            models = experiment.pretrained(job)
            experiment.probe(job, models, chosen or found.recipe.probes, progress, keep=bool(probes))
        if not probes or found.finished:
            found.update(finished=runs.now())
        _report(found, Console(quiet=not progress))
    return found


def report_runs(folders: Sequence[str | Path]) -> Path:
    """One report over several runs, from their stored tables; errors of all runs in the same figures."""
    from offprior.report.report import write_report

    written = write_report([Run(folder).folder for folder in folders])
    Console().print(f"The report: {written}", soft_wrap=True)
    return written


def report_run(folder: str | Path, *, progress: bool = True) -> Path:
    """Write a run's report again, from its stored tables."""
    return _report(Run(folder), Console(quiet=not progress))


@contextlib.contextmanager
def begin(wanted: Recipe, *, out: str | Path | None = None, seeds: int = 1, resume: bool = False) -> Iterator[Run]:
    """A new run's folder, or the one that holds this very recipe; inside, no other process works in it.

    Raises:
        OffpriorError: a mistake in the recipe; the folder holds something else, or an unfinished run without `resume`.
    """
    from offprior.experiment import about

    if seeds < 1:
        raise SettingError(Problem("--seeds", f"{seeds} were asked for; one at least"))
    folder = Path(out) if out is not None else RUNS / wanted.name
    fingerprint = wanted.fingerprint()
    runs.check_usable(folder, fingerprint)  # before a lock is put into somebody else's folder
    _check_room(folder)
    with locked(folder):
        is_new = not (folder / runs.MANIFEST).exists()
        runs.create(folder, wanted.to_yaml(), fingerprint, about(wanted, seeds))
        found = Run(folder)
        asked = len(found.manifest["seeds"])
        more = seeds > asked
        if not is_new and not resume and (more or not found.finished):
            state = f"it holds {asked} of {seeds} seeds" if more else "the run in it is unfinished"
            raise SettingError(Problem("", f"{state}; go on with --resume, or choose another --out", str(folder)))
        if more:
            found.update(seeds=list(range(seeds)), finished=None)
        yield found


def _carry_out(run_: Run, progress: bool) -> None:
    from offprior import experiment, studies

    job = experiment.Job(run_, run_.recipe)
    if job.recipe.study is not None:
        studies.carry_out(job, progress)
    else:
        experiment.probe(job, experiment.pretrain([job], progress)[0], job.recipe.probes, progress)


def _pretrain(run_: Run, progress: bool) -> None:
    from offprior import experiment, studies

    job = experiment.Job(run_, run_.recipe)
    if job.recipe.study is not None:
        studies.train(job, progress)
    else:
        experiment.pretrain([job], progress)


def _compute_for_the_first(recipe: Recipe, seeds: int) -> None:
    from offprior.experiment import learners, members
    from offprior.pretraining.loop import pretrain_population

    pretrain_population(recipe.model, members(recipe, learners(recipe, range(seeds), None)))


def _tell_what_has_no_posterior(recipe: Recipe, console: Console) -> None:
    """Warns, before training starts, about every family without an exact posterior."""
    for place, family in enumerate(recipe.mixture.families):
        try:
            family.components(8)
        except OffpriorError as error:
            lacks = "there will be no B, no C and no verdict, only errors beside other predictors"
            line = f"{recipe.name}: mixture.families.{place}: {error}; {lacks}"
            console.print(f"warning: {line}", soft_wrap=True)


def _report(run_: Run, console: Console) -> Path:
    from offprior.evaluation.errors import errors
    from offprior.evaluation.verdict import is_judged
    from offprior.report.headline import summary
    from offprior.report.report import write_and_read

    Console(stderr=True, quiet=console.quiet).print("writing the report")
    written, data = write_and_read(run_.folder)
    if run_.recipe.study is not None:
        listing.print_study(run_.study(), console)
    else:
        if is_judged(data.metrics):
            listing.print_verdicts(data.verdicts, console)
        else:
            listing.print_errors(errors(data.evaluation), console)
        console.print(summary(data))
    console.print(f"The report: {written}", soft_wrap=True)
    if run_.recipe.study is None and run_.recipe.mixture.dimension == 1:
        console.print(f"Drag a prompt: offprior explore {run_.folder}", soft_wrap=True)
    return written


def _probe_name(probe: Any) -> str:
    from offprior.catalog import name_of

    return name_of(type(probe))


def _check_room(folder: Path) -> None:
    """Checks free disk space before training starts."""
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < SMALLEST_FREE_BYTES:
        raise OffpriorError(
            f"{folder}: {free / 1e6:.0f} MB are free on its disk, {SMALLEST_FREE_BYTES / 1e6:.0f} are needed"
        )
