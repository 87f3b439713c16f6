"""Carries out a recipe in its run's folder: pretrains its models, evaluates them on probes and writes the tables."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from offprior.columns import MODEL, SPECIALIST
from offprior.console.output import Console, warn
from offprior.console.progress import ProgressReport, Silence, progress_report
from offprior.errors import OffpriorError, Problem, SettingError
from offprior.evaluation.approximation import approximations
from offprior.evaluation.evaluate import evaluate
from offprior.evaluation.prediction_panels import panels
from offprior.laws.law import concrete
from offprior.mixture import Mixture
from offprior.predictors.pretrained import Pretrained
from offprior.pretraining.checkpoint import read_pretrained, steps_done
from offprior.pretraining.population import Member
from offprior.pretraining.pretrain import pretrain_population
from offprior.recipe.parts import plain
from offprior.recipe.recipe import Recipe
from offprior.storage import run_folder
from offprior.storage.run_folder import EVALUATION, PANELS, TRAINING, RunFolder
from offprior.table import Table

SPECIALISTS = "specialists"
"""The subfolder of a run for models that are trained on one family alone."""


class Job(NamedTuple):
    """A run and its recipe."""

    run: RunFolder
    recipe: Recipe


class Learner(NamedTuple):
    """A model to train: the recipe's own, or a specialist."""

    label: str
    mixture: Mixture
    seed: int
    folder: Path | None

    @property
    def name(self) -> str:
        """The model's name in messages."""
        return f"seed {self.seed}" if self.label == MODEL else f"{self.label}, seed {self.seed}"


def learners(recipe: Recipe, seeds: Sequence[int], folder: Path | None) -> list[Learner]:
    """Returns the models of a recipe: one per training seed and, if it has specialists, one per family and seed.

    Args:
        recipe: the recipe.
        seeds: the training seeds.
        folder: the run's folder; None if nothing is to be written.
    """
    found = [Learner(MODEL, recipe.mixture, seed, folder) for seed in seeds]
    if recipe.specialists:
        for name, mixture in family_mixtures(recipe.mixture).items():
            place = None if folder is None else folder / SPECIALISTS / re.sub(r"[^a-z0-9-]+", "-", name.lower())
            found += [Learner(f"{SPECIALIST}{name}", mixture, seed, place) for seed in seeds]
    return found


def family_mixtures(mixture: Mixture) -> dict[str, Mixture]:
    """Returns mixtures of each single family of a mixture, with its inputs and noise, by the family's name."""
    return {
        name: mixture.changed(families=[family])
        for name, family in zip(mixture.family_names, mixture.families, strict=True)
    }


def members(recipe: Recipe, found: Sequence[Learner]) -> list[Member]:
    """Returns the members for the pretraining loop; all of a recipe's models have the same budget."""
    return [Member(one.mixture, recipe.training, one.seed, one.folder) for one in found]


def pretrain(jobs: Sequence[Job], progress: bool) -> list[list[Pretrained]]:
    """Trains the models of each run, including specialists; models of one architecture are one population.

    Members whose shapes agree share a compiled program; the others wait for their turn. A run's list is empty if all of
    its seeds diverged. See also `offprior.pretraining.pretrain.pretrain_population`.
    """
    wanted = [learners(job.recipe, job.run.manifest["seeds"], job.run.folder) for job in jobs]
    groups: dict[str, list[int]] = {}
    for number, job in enumerate(jobs):
        groups.setdefault(json.dumps(plain(job.recipe.model), sort_keys=True), []).append(number)
    trained: list[list[Pretrained]] = [[] for _ in jobs]
    lost: list[tuple[int, Learner, str]] = []
    for group in groups.values():
        queue = [(number, one) for number in group for one in wanted[number]]
        found = pretrain_population(
            jobs[group[0]].recipe.model,
            [member for number in group for member in members(jobs[number].recipe, wanted[number])],
            resume=True,  # `begin` has checked that resuming is allowed; a new folder has nothing to resume
            progress=_shown(progress),
            warn=warn,
        )
        for place, ((number, one), model) in enumerate(zip(queue, found.models, strict=True)):
            if model is None:
                lost.append((number, one, found.diverged[place]))
            else:
                model.label = one.label
                trained[number].append(model)
    trained = [models if any(model.label == MODEL for model in models) else [] for models in trained]
    if not any(trained):
        raise OffpriorError(lost[0][2])
    for number, job in enumerate(jobs):
        _record(job, [(one, message) for place, one, message in lost if place == number])
    for number, one, message in lost:
        where = f"{jobs[number].run.folder.name}, " if len(jobs) > 1 else ""
        warn(f"{where}{one.name} is left out: {message}")
    return trained


def pretrained(job: Job) -> list[Pretrained]:
    """Reads the models of a run, including specialists, from their checkpoints.

    Raises:
        OffpriorError: a checkpoint is missing or cannot be read.
    """
    found = []
    for one in _expected(job):
        model = read_pretrained(one.folder, one.seed, job.recipe.model, one.mixture, job.recipe.training)
        model.label = one.label
        found.append(model)
    return found


def check_pretrained(job: Job) -> None:
    """Checks that every model of a run has been trained to its last step.

    Raises:
        SettingError: a model has steps left.
    """
    steps = job.recipe.training.steps
    for one in _expected(job):
        done = steps_done(one.folder, one.seed)
        if done < steps:
            message = f"{one.name} was trained for {done} of {steps} steps; continue with offprior run --resume"
            raise SettingError(Problem("", message, str(job.run.folder)))


def probe(job: Job, models: Sequence[Any], probes: Sequence[Any], progress: bool, **further: Any) -> None:
    """Writes the evaluation of a run's models, and its prediction panels.

    Args:
        job: the run.
        models: the models and further predictors; the panels show the first.
        probes: the probes to test on.
        progress: whether to report progress.
        further: further arguments of `evaluated`; and `keep`, whether to keep the stored rows of other probes.
    """
    keep = further.pop("keep", False)
    table, approximate = evaluated(job.recipe, models, probes, progress, **further)
    job.run.update(approximate=approximate)
    path = job.run.folder / EVALUATION
    if keep and path.exists():
        table = Table.load(path).append(table)
    table.save(path)
    job.run.write(PANELS, panels(models[0], job.recipe))


def evaluated(
    recipe: Recipe, predictors: Sequence[Any], probes: Sequence[Any], progress: bool, mixture: Mixture | None = None
) -> tuple[Table, list[str]]:
    """Evaluates predictors on probes with a recipe's settings; also returns what is approximate about the result.

    Args:
        recipe: the recipe.
        predictors: the predictors, to which the recipe's own are added.
        probes: the probes to test on.
        progress: whether to report progress.
        mixture: the mixture of B; the recipe's if None.
    """
    settings = recipe.evaluation
    with approximations() as approximate:
        table = evaluate(
            [*predictors, *recipe.predictors],
            probes,
            settings.lengths,
            mixture=recipe.mixture if mixture is None else mixture,
            tasks=settings.tasks,
            queries=settings.queries,
            seed=settings.seed,
            progress=_shown(progress),
        )
    # Approximations are also returned, because every page that shows the results labels them.
    for line in approximate:
        Console(stderr=True, quiet=not progress).print(f"warning: {line}", soft_wrap=True)
    return table, approximate


def about(recipe: Recipe, seeds: int) -> dict[str, Any]:
    """Returns the entries of a new run's manifest."""
    import jax

    machine = {
        **run_folder.machine(),
        "devices": [device.device_kind for device in jax.devices()],
        "backend": jax.default_backend(),
    }
    return {
        "recipe": recipe.name,
        "seeds": list(range(seeds)),
        "versions": run_folder.versions(),
        "machine": machine,
        "noise_floor": _floor(recipe),
        "unverified": recipe.unverified,
    }


def _floor(recipe: Recipe) -> float | None:
    """Returns the noise that B and C assume for a mixture without noise; None for a noisy mixture."""
    noise = concrete(recipe.mixture.bayes_noise)
    return None if noise is None or concrete(recipe.mixture.noise) else float(f"{noise:.3g}")


def _expected(job: Job) -> list[Any]:
    """Returns the models that a run should hold: those that were requested and have not diverged."""
    lost = job.run.manifest.get("diverged_specialists", {})
    found = learners(job.recipe, job.run.seeds, job.run.folder)
    return [one for one in found if one.name not in lost]


def _record(job: Job, lost: Sequence[tuple[Learner, str]]) -> None:
    """Records in the manifest which models diverged, the realised shares of families, and the training seconds."""
    entries: dict[str, Any] = {"diverged": {str(one.seed): text for one, text in lost if one.label == MODEL}}
    if job.recipe.specialists:
        entries["diverged_specialists"] = {one.name: text for one, text in lost if one.label != MODEL}
    if (job.run.folder / TRAINING).is_file():  # it may be missing if all seeds diverged
        of_seeds = job.run.training().sort_values("step").groupby("seed")
        last = of_seeds.last()
        shares = [column for column in last.columns if column.startswith("share: ")]
        entries["realised"] = {
            str(seed): {column.removeprefix("share: "): float(row[column]) for column in shares}
            for seed, row in last.iterrows()
        }
        seconds = of_seeds["seconds"].max().items()
        entries["training_seconds"] = {str(seed): round(float(value), 1) for seed, value in seconds}
    job.run.update(**entries)


def _shown(progress: bool) -> ProgressReport:
    return progress_report() if progress else Silence()
