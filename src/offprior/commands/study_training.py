"""Evaluates the weights that were kept during training: a study along training, or each place of a study that is both.

A study along training stores its rows like a study of places, with a step for each place. Where every place of a study
is read along its training, only the model's distances from other predictors are stored, in ``trajectory.parquet``.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from offprior.analysis.study import PLACE, StudyResult, probes_read, study_result
from offprior.columns import IN_DISTRIBUTION, MODEL
from offprior.commands.recipe_run import Job, evaluated
from offprior.mixture import Mixture
from offprior.predictors.pretrained import Pretrained
from offprior.pretraining.checkpoint import at_step
from offprior.recipe.study import Study

READ_AT = ["probe", "strength", "length"]
STEPS = ["step", *READ_AT, "algorithm", "value", "low", "high"]
"""The columns of the table of distances along training."""


def rows_along(
    job: Job,
    models: Sequence[Pretrained],
    probes: Sequence[Any],
    progress: bool,
    *,
    beside: Sequence[Any] = (),
    mixture: Mixture | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Evaluates the kept weights, each as a model on the same prompts.

    Args:
        job: the run whose weights were kept.
        models: the run's models, one per seed.
        probes: the probes to test on.
        progress: whether to report progress.
        beside: further predictors.
        mixture: the mixture of B; the recipe's if None.

    Returns:
        The rows with the columns `PLACE`, a step for each place; and what is approximate about them.
    """
    steps = job.recipe.training.trajectory_steps()
    along = [at_step(job.run.folder, model, step, _step_label(step)) for model in models for step in steps]
    table, approximate = evaluated(job.recipe, [*along, *beside], probes, progress, mixture)
    rows = table.to_pandas()
    of_step = {step: rows["predictor"] == _step_label(step) for step in steps}
    common = ~pd.concat(of_step, axis=1).any(axis=1)
    found = []
    for number, step in enumerate(steps):
        here = rows[of_step[step] | common].copy()
        here.loc[here["predictor"] == _step_label(step), "predictor"] = MODEL
        for place, (name, value) in enumerate(zip(PLACE, (number, float(step), str(step)), strict=True)):
            here.insert(place, name, value)
        found.append(here)
    return pd.concat(found, ignore_index=True), approximate


def distances_along(
    job: Job,
    study: Study,
    models: Sequence[Any],
    tests: Sequence[Any],
    progress: bool,
    mixture: Mixture | None,
) -> pd.DataFrame:
    """Returns the model's distance from every other predictor after each kept step, where the study reads.

    Args:
        job: a place of the study.
        study: the study.
        models: the place's models, and what is evaluated beside them.
        tests: the place's probes.
        progress: whether to report progress.
        mixture: the mixture of B; the recipe's if None.

    Returns:
        The columns are `STEPS`, one group of rows per measure.
    """
    wanted = [probe for probe in tests if probe.label in probes_read(study)]
    own = [model for model in models if model.label == MODEL]
    beside = [model for model in models if model.label != MODEL]
    rows, _ = rows_along(job, own, wanted, progress, beside=beside, mixture=mixture)
    plain = study.model_copy(update={"threshold": None, "cross": False})
    result = study_result(rows, plain)
    found = [_read_at(each).assign(**_where(each)) for each in (result, *result.also)]
    return pd.concat(found, ignore_index=True).drop_duplicates(["step", *READ_AT, "algorithm"])[STEPS]


def _read_at(result: StudyResult) -> pd.DataFrame:
    return result.distances.rename(columns={"at": "step"}).drop(columns=["place", "label"])


def _where(result: StudyResult) -> dict[str, Any]:
    measure = result.study.measure
    is_inside = measure.probe == IN_DISTRIBUTION
    strength = 0.0 if is_inside or measure.strength is None else float(measure.strength)
    return {"probe": measure.probe, "strength": strength, "length": measure.length}


def _step_label(step: int) -> str:
    return f"model after {step} steps"
