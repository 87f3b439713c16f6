"""A recipe carried out from Python: what the commands of the same names do."""

import contextlib
import functools
import shutil
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from offprior import listing, runs
from offprior.errors import OffpriorError, Problem, SettingError
from offprior.files import locked
from offprior.recipe import Recipe, read
from offprior.runs import EVALUATION, PANELS, RECIPE, RUNS, RunFolder

SMALLEST_FREE_BYTES = 50_000_000
"""What checkpoints and tables of a small run take."""


class Run(RunFolder):
    """A recipe carried out, in a folder."""

    @functools.cached_property
    def recipe(self) -> Recipe:
        """The recipe, read back from the folder."""
        return read(self.folder / RECIPE)

    @property
    def seeds(self) -> list[int]:
        """The training seeds that were asked for, without those that diverged."""
        diverged = self.manifest.get("diverged", {})
        return [seed for seed in self.manifest["seeds"] if str(seed) not in diverged]

    def models(self) -> list[Any]:
        """The pretrained models, one a seed, as predictors.

        Raises:
            OffpriorError: a checkpoint is missing or cannot be read.
        """
        from offprior.pretraining.checkpoint import read_pretrained

        recipe = self.recipe
        return [
            read_pretrained(self.folder, seed, recipe.model, recipe.mixture, recipe.training) for seed in self.seeds
        ]

    def table(self) -> Any:
        """The evaluation table: errors, metrics, verdicts.

        Raises:
            OffpriorError: the run has not been probed.
        """
        from offprior.table import Table

        self.evaluation()
        return Table.load(self.folder / EVALUATION)

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

    A finished run of the same recipe in the same folder is not run again, only reported.

    Raises:
        OffpriorError: a mistake in the recipe; the folder holds something else, or an unfinished run without `resume`.
        KeyboardInterrupt: Ctrl-C; what was trained so far can be resumed.
    """
    console = Console(stderr=True, quiet=not progress)
    _check_judgeable(read(recipe, set))
    begun = begin(recipe, set=set, out=out, seeds=seeds, resume=resume)
    with locked(begun.folder):
        if begun.finished:
            console.print(f"{begun.folder}: this run is finished; its report is written again", highlight=False)
        else:
            models = _pretrain(begun, progress)
            _probe(begun, models, begun.recipe.probes, progress)
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

    wanted = read(recipe, set)
    with contextlib.ExitStack() as stack:

        def made_ready() -> Run:
            found = begin(recipe, set=set, out=out, seeds=seeds, resume=resume)
            stack.enter_context(locked(found.folder))
            return found

        begun = processes.by_the_first(made_ready)
        # A folder that is gone on with may hold more seeds than were asked for now.
        asked = processes.as_the_first_says(len(begun.manifest["seeds"]) if begun is not None else 0)
        if begun is None:
            _compute_for_the_first(wanted, asked)
            return None
        _pretrain(begun, progress)
    Console(quiet=not progress).print(f"pretrained; go on with: offprior probe {begun.folder}", highlight=False)
    return begun


def probe_run(folder: str | Path, probes: Sequence[str] = (), *, progress: bool = True) -> Run:
    """Probe a pretrained run, with the recipe's probes or with those named, and report.

    Rows of probes that are evaluated anew replace the old ones; others stay.

    Raises:
        OffpriorError: there is no run, or its pretraining has not come to its end.
    """
    from offprior.recipe_parts import part_from

    found = Run(folder)
    _check_pretrained(found)
    # A probe of the recipe comes with the recipe's settings, any other with its defaults.
    own = {name: [probe for probe in found.recipe.probes if _probe_name(probe) == name] for name in probes}
    chosen = [probe for name in probes for probe in own[name] or [part_from("probes", name)]]
    with locked(found.folder):
        _probe(found, found.models(), chosen or found.recipe.probes, progress, keep=bool(probes))
        if not probes or found.finished:
            found.update(finished=runs.now())
        _report(found, Console(quiet=not progress))
    return found


def report_runs(folders: Sequence[str | Path]) -> Path:
    """One report over several runs, from their stored tables; errors of all runs in the same figures."""
    from offprior.report.report import write_report

    written = write_report([Run(folder).folder for folder in folders])
    Console().print(f"The report: {written}", highlight=False, soft_wrap=True)
    return written


def report_run(folder: str | Path, *, progress: bool = True) -> Path:
    """Write a run's report again, from its stored tables."""
    return _report(Run(folder), Console(quiet=not progress))


def begin(
    recipe: str | Path,
    *,
    set: Iterable[str] = (),
    out: str | Path | None = None,
    seeds: int = 1,
    resume: bool = False,
) -> Run:
    """A new run's folder, or the one that holds this very recipe.

    Raises:
        OffpriorError: a mistake in the recipe; the folder holds something else, or an unfinished run without `resume`.
    """
    if seeds < 1:
        raise SettingError(Problem("--seeds", f"{seeds} were asked for; one at least"))
    wanted = read(recipe, set)
    folder = Path(out) if out is not None else RUNS / wanted.name
    is_new = not (folder / runs.MANIFEST).exists()
    if not is_new:
        with locked(folder):
            pass  # somebody else's run is not touched
    _check_room(folder)
    about = {
        "recipe": wanted.name,
        "seeds": list(range(seeds)),
        "versions": runs.versions(),
        "machine": _machine(),
        "noise_floor": float(wanted.mixture.noise_floor),
        "unverified": wanted.unverified,
    }
    runs.create(folder, wanted.to_yaml(), wanted.fingerprint(), about)
    found = Run(folder)
    asked = len(found.manifest["seeds"])
    more = seeds > asked
    if not is_new and not resume and (more or not found.finished):
        state = f"it holds {asked} of {seeds} seeds" if more else "the run in it is unfinished"
        raise SettingError(Problem("", f"{state}; go on with --resume, or choose another --out", str(folder)))
    if more:
        found.update(seeds=list(range(seeds)), finished=None)
    return found


def _pretrain(run_: Run, progress: bool) -> list[Any]:
    from offprior.pretraining.loop import pretrain_population
    from offprior.pretraining.population import Member
    from offprior.progress import Silence, progress_report

    recipe, console = run_.recipe, Console(stderr=True)
    asked = list(run_.manifest["seeds"])
    found = pretrain_population(
        recipe.model,
        [Member(recipe.mixture, recipe.training, seed, run_.folder) for seed in asked],
        resume=True,  # of what `begin` has let through; a new folder has nothing to resume
        progress=progress_report() if progress else Silence(),
        warn=functools.partial(console.print, highlight=False, soft_wrap=True),
    )
    if len(found.diverged) == len(asked):
        raise OffpriorError(found.diverged[0])
    for place, message in found.diverged.items():
        console.print(f"seed {asked[place]} is left out: {message}", highlight=False, soft_wrap=True)
    run_.update(
        diverged={str(asked[place]): message for place, message in found.diverged.items()},
        realised=_realised(run_),
        training_seconds=_training_seconds(run_),
    )
    return [model for model in found.models if model is not None]


def _compute_for_the_first(recipe: Recipe, seeds: int) -> None:
    from offprior.pretraining.loop import pretrain_population
    from offprior.pretraining.population import Member

    pretrain_population(recipe.model, [Member(recipe.mixture, recipe.training, seed) for seed in range(seeds)])


def _probe(run_: Run, models: list[Any], probes: Sequence[Any], progress: bool, keep: bool = False) -> None:
    from offprior.evaluation.evaluate import evaluate
    from offprior.panels import panels
    from offprior.progress import Silence, progress_report
    from offprior.table import Table

    recipe = run_.recipe
    settings = recipe.evaluation
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        table = evaluate(
            [*models, *recipe.predictors],
            probes,
            settings.lengths,
            mixture=recipe.mixture,
            tasks=settings.tasks,
            queries=settings.queries,
            seed=settings.seed,
            progress=progress_report() if progress else Silence(),
        )
    # Not for the console alone: what is approximate is labelled where it is shown.
    approximate = [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]
    run_.update(approximate=approximate)
    for line in approximate:
        Console(stderr=True, quiet=not progress).print(f"warning: {line}", highlight=False, soft_wrap=True)
    path = run_.folder / EVALUATION
    if keep and path.exists():
        table = Table.load(path).append(table)
    table.save(path)
    run_.write(PANELS, panels(models[0], recipe))


def _check_pretrained(run_: Run) -> None:
    from offprior.pretraining.checkpoint import steps_done

    steps = run_.recipe.training.steps
    for seed in run_.seeds:
        done = steps_done(run_.folder, seed)
        if done < steps:
            message = f"seed {seed} has been trained {done} of {steps} steps; go on with offprior run --resume"
            raise SettingError(Problem("", message, str(run_.folder)))


def _check_judgeable(recipe: Recipe) -> None:
    """A mixture without an exact posterior is told before the training, not after it."""
    problems = []
    for place, family in enumerate(recipe.mixture.families):
        try:
            family.components(8)
        except OffpriorError as error:
            remedy = "offprior pretrain only trains; offprior run also needs the Bayes predictor"
            problems.append(Problem(f"mixture.families.{place}", f"{error}; {remedy}", recipe.name))
    if problems:
        raise SettingError(problems)


def _report(run_: Run, console: Console) -> Path:
    written = run_.report()
    listing.print_verdicts(run_.table().verdicts(), console)
    console.print(f"The report: {written}", highlight=False, soft_wrap=True)
    return written


def _realised(run_: Run) -> dict[str, dict[str, float]]:
    """Of each seed, the share that each family had of its training prompts."""
    last = run_.training().sort_values("step").groupby("seed").last()
    shares = [column for column in last.columns if column.startswith("share: ")]
    return {
        str(seed): {column.removeprefix("share: "): float(row[column]) for column in shares}
        for seed, row in last.iterrows()
    }


def _training_seconds(run_: Run) -> dict[str, float]:
    last = run_.training().groupby("seed")["seconds"].max()
    return {str(seed): round(float(seconds), 1) for seed, seconds in last.items()}


def _machine() -> dict[str, Any]:
    import jax

    return {
        **runs.machine(),
        "devices": [device.device_kind for device in jax.devices()],
        "backend": jax.default_backend(),
    }


def _probe_name(probe: Any) -> str:
    from offprior.catalog import name_of

    return name_of(type(probe))


def _check_room(folder: Path) -> None:
    """A full disk is told before the training, not after it."""
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < SMALLEST_FREE_BYTES:
        raise OffpriorError(
            f"{folder}: {free / 1e6:.0f} MB are free on its disk, {SMALLEST_FREE_BYTES / 1e6:.0f} are needed"
        )
