"""Carries out a study: one run per place, all trained as one population, and one table of all their results.

Every place is a run in its own folder (``place-00``, …), which is resumed, probed and reported like any other run, so
that an interrupted study keeps every finished place. The study's `evaluation.parquet` contains the rows of all places
for reports and queries, preceded by the place's number, coordinate and name.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from offprior.analysis.study import PLACE, StudyResult, next_at, probes_read, study_result
from offprior.columns import MODEL
from offprior.commands.recipe_run import Job, about, check_pretrained, pretrain, pretrained, probe
from offprior.commands.study_training import distances_along, rows_along
from offprior.components import NoClosedForm
from offprior.console.output import Console
from offprior.errors import OffpriorError, Problem, SettingError
from offprior.mixture import Mixture
from offprior.predictors.bayes import Bayes
from offprior.predictors.pretrained import Pretrained
from offprior.probes._other_mixture import MixtureTest
from offprior.recipe.study import Study, StudyPlace, mixture_label, number_of
from offprior.recipe.study_places import other_mixture
from offprior.storage import run_folder
from offprior.storage.parquet import concatenated
from offprior.storage.run_folder import EVALUATION, TRAJECTORY, RunFolder
from offprior.table import Table


def train(job: Job, progress: bool) -> None:
    """Pretrains the models of a study's listed places; bisection needs evaluations, hence belongs to `carry_out`."""
    study = _study(job)
    pretrain([job] if study.along == "training" else _jobs(job, study.places), progress)


def carry_out(job: Job, progress: bool) -> None:
    """Trains and probes every unfinished place, then those that bisection adds.

    Raises:
        OffpriorError: as for pretraining and evaluation.
    """
    study = _study(job)
    if study.along == "training":
        models = pretrain([job], progress)[0]
        _evaluate_trajectory(job, models, progress)
        return
    _finish(job, _places(job), progress)
    _bisect(job, progress)


def probe_again(job: Job, probes: Sequence[Any], progress: bool) -> None:
    """Probes the pretrained places of a study, with the recipe's probes or with those given.

    Rows of other probes are kept. With the recipe's probes, the study is then completed by bisection.

    Args:
        job: the study's run.
        probes: the probes; the recipe's if empty.
        progress: whether to report progress.
    """
    study = _study(job)
    if study.along == "training":
        check_pretrained(job)
        labels = [probe.label for probe in job.recipe.probes]
        new = [probe for probe in probes if probe.label not in labels]
        _evaluate_trajectory(job, pretrained(job), progress, new)
        return
    places = _places(job)
    jobs = _jobs(job, places)
    for place in jobs:
        check_pretrained(place)
    crossed = _crossed(job, jobs)
    for place in jobs:
        models = pretrained(place)
        if models:  # empty if all of its seeds diverged
            chosen = probes or place.recipe.probes
            _probe_place(job, place, models, chosen, progress, crossed, keep=bool(probes))
        if not probes:
            place.run.update(finished=run_folder.now())
    _gather(job, jobs, places)
    if not probes:
        _bisect(job, progress)


def result(run: RunFolder, study: Study) -> StudyResult:
    """Returns the measure of a study at its places, from its stored rows.

    Raises:
        OffpriorError: the study has not been probed yet.
    """
    return study_result(run.evaluation(probe=probes_read(study)), study)


def _bisect(job: Job, progress: bool) -> None:
    """Trains and probes further places, each in the middle of the interval then known to hold the crossing."""
    study = _study(job)
    bisected = list(job.run.manifest.get("bisected", []))
    while len(bisected) < study.bisect:
        found = next_at(result(job.run, study))
        if found is None:
            said = f"bisection ends after {len(bisected)} of {study.bisect} places: nothing is left to halve"
            Console(stderr=True, quiet=not progress).print(said, soft_wrap=True)
            break
        bisected.append(found)
        job.run.update(bisected=bisected)
        _finish(job, _places(job), progress)


def _finish(job: Job, places: Sequence[StudyPlace], progress: bool) -> None:
    jobs = _jobs(job, places)
    waiting = [place for place in jobs if not place.run.finished]
    if waiting:
        crossed = _crossed(job, jobs)
        for place, models in zip(waiting, pretrain(waiting, progress), strict=True):
            if models:  # empty if all of its seeds diverged, which has been reported
                _probe_place(job, place, models, place.recipe.probes, progress, crossed)
            place.run.update(finished=run_folder.now())
    _gather(job, jobs, places)


def _probe_place(
    job: Job,
    place: Job,
    models: Sequence[Pretrained],
    probes: Sequence[Any],
    progress: bool,
    crossed: dict[str, Mixture],
    keep: bool = False,
) -> None:
    study = _study(job)
    judged = job.recipe if study.reference == "recipe" else place.recipe
    others = {name: other_mixture(judged, changed) for name, changed in study.others.items()}
    tests = {mixture_label(name): mixture for name, mixture in others.items()} | crossed
    asked = [*models, *_posteriors(others)]
    wanted = [*probes, *(MixtureTest(name=label, other=mixture) for label, mixture in tests.items())]
    probe(place, asked, wanted, progress, keep=keep, mixture=judged.mixture)
    if study.along == "both" and not keep:
        place.run.write(TRAJECTORY, distances_along(place, study, asked, wanted, progress, judged.mixture))


def _crossed(job: Job, jobs: Sequence[Job]) -> dict[str, Mixture]:
    """Returns the places' mixtures by the labels of their tests, if a study tests every place on every other."""
    study = _study(job)
    listed = zip(study.places, jobs, strict=False) if study.cross else ()
    return {mixture_label(place.label): there.recipe.mixture for place, there in listed}


def _posteriors(others: dict[str, Mixture]) -> list[Bayes]:
    """Returns the exact posteriors under other mixtures, for those that have one."""
    found = []
    for name, mixture in others.items():
        try:
            found.append(Bayes(mixture, label=name))
        except NoClosedForm:
            continue  # its prompts are still a test
    return found


def _evaluate_trajectory(job: Job, models: Sequence[Pretrained], progress: bool, further: Sequence[Any] = ()) -> None:
    """Evaluates the weights that were kept during training, each as a model on the same prompts."""
    study = _study(job)
    others = {name: other_mixture(job.recipe, changed) for name, changed in study.others.items()}
    tests = [MixtureTest(name=mixture_label(name), other=mixture) for name, mixture in others.items()]
    own = [model for model in models if model.label == MODEL]
    beside = [*(model for model in models if model.label != MODEL), *_posteriors(others)]
    rows, approximate = rows_along(job, own, [*job.recipe.probes, *further, *tests], progress, beside=beside)
    Table(rows).save(job.run.folder / EVALUATION)
    job.run.update(approximate=approximate)


def _jobs(job: Job, places: Sequence[StudyPlace]) -> list[Job]:
    """Returns the places' runs; creates those that do not exist yet."""
    found = []
    for number, place in enumerate(places):
        recipe = job.recipe.at_place(place, number)
        seeds = job.run.manifest["seeds"]
        entries = {**about(recipe, len(seeds)), "study": job.recipe.name, "at": place.at}
        run = run_folder.create(place_folder(job.run.folder, number), recipe.to_yaml(), recipe.fingerprint(), entries)
        if run.manifest["seeds"] != seeds:
            run.update(seeds=seeds, finished=None)
        found.append(Job(run, recipe))
    return found


def place_folder(folder: Path, number: int) -> Path:
    """Returns the folder of a place inside its study's folder."""
    return folder / f"place-{number:02}"


def _gather(job: Job, jobs: Sequence[Job], places: Sequence[StudyPlace]) -> None:
    """Writes the rows of all places as one table, and so their distances along training if they were read."""
    for name in (EVALUATION, TRAJECTORY):
        parts = []
        for number, (place, there) in enumerate(zip(places, jobs, strict=True)):
            path = there.run.folder / name
            if path.is_file():
                first = zip(PLACE, (number, number_of(place.at), place.label), strict=True)
                parts.append((path, dict(first)))
        if parts:
            concatenated(job.run.folder / name, parts)
        elif name == EVALUATION:
            raise OffpriorError(f"{job.run.folder}: no place of the study has been probed")


def _places(job: Job) -> list[StudyPlace]:
    """Returns the places that the recipe lists, and those that bisection has added so far."""
    study = _study(job)
    added = [StudyPlace(at=at, set={str(study.vary): at}) for at in job.run.manifest.get("bisected", [])]
    return [*study.places, *added]


def _study(job: Job) -> Study:
    if job.recipe.study is None:
        raise SettingError(Problem("study", "the recipe has no study", job.recipe.name))
    return job.recipe.study
