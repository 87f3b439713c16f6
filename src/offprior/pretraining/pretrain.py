"""Pretraining from Python: one model, or many that differ only in numbers."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from offprior.compute.devices import unshared_cores, use_one_device_per_core
from offprior.compute.precision import single
from offprior.console.output import warn as warn_on_stderr
from offprior.console.progress import ProgressReport, Silence, progress_report
from offprior.errors import OffpriorError
from offprior.mixture import Mixture
from offprior.models.model import Model
from offprior.predictors.pretrained import Pretrained
from offprior.pretraining import population, processes
from offprior.pretraining.gradient import sharing
from offprior.pretraining.interruption import Interruption, listening
from offprior.pretraining.member_run import MemberRun
from offprior.pretraining.population import Member
from offprior.pretraining.program import members_that_fit, program
from offprior.pretraining.step import State, initial_state
from offprior.pretraining.training import Training
from offprior.pretraining.training_loop import Group, laid_out
from offprior.storage.files import locked


class Population(NamedTuple):
    """The results of a population's members."""

    models: list[Pretrained | None]
    """The trained models; None for a member that diverged."""
    diverged: dict[int, str]
    """What happened to each diverged member, by the member's index."""


def pretrain(
    model: Model,
    mixture: Mixture,
    training: Training | None = None,
    *,
    seed: int = 0,
    folder: Path | str | None = None,
    resume: bool = False,
    progress: ProgressReport | None = None,
    warn: Callable[[str], None] = warn_on_stderr,
    **settings: Any,
) -> Pretrained:
    """Pretrains `model` on prompts of `mixture`, and returns it as a predictor.

    Every batch is a pure function of (seed, step).

    Args:
        model: the architecture.
        mixture: what to pretrain on.
        training: the settings; None builds them from `settings`.
        seed: the training seed.
        folder: where to keep checkpoints and `training.parquet`; None keeps nothing.
        resume: whether to continue from the folder's last checkpoint, bit for bit on the same machine, thread count and
            XLA.
        progress: where to report progress; None reports on standard error, `offprior.console.progress.Silence()`
            nowhere.
        settings: the settings of `Training`, such as ``steps=2000``, if `training` is not given.

    Raises:
        OffpriorError: the loss is no longer finite; a batch does not fit into the memory; the folder's checkpoint is of
            other settings, or there is one and `resume` is False; another process is using it; the last
            checkpoint could not be written.
        Interrupted: Ctrl-C or SIGTERM; what was trained so far is in the folder.
    """
    training = training if training is not None else Training(**settings)
    member = Member(mixture, training, seed, None if folder is None else Path(folder))
    found = pretrain_population(model, [member], resume=resume, progress=progress, warn=warn)
    if found.models[0] is None:
        raise OffpriorError(found.diverged[0])
    return found.models[0]


@single()
def pretrain_population(
    model: Model,
    members: Sequence[Member],
    *,
    resume: bool = False,
    progress: ProgressReport | None = None,
    warn: Callable[[str], None] = warn_on_stderr,
    at_once: int = 0,
) -> Population:
    """Pretrains many models; those that differ only in numbers share a program, `at_once` at a time.

    An `at_once` of 0 takes as many as fit into an accelerator's memory, and one on a CPU, whose cores a single
    model keeps busy. A member trained alone equals its own single run bit for bit. With others in the program it is
    equal up to rounding, which training amplifies. A member whose loss is no longer finite is stopped, and the others
    continue.

    Raises:
        SettingError: the model predicts tokens and a mixture has functions, or the reverse.
        OffpriorError: as `pretrain`, but for members that diverge.
        Interrupted: Ctrl-C or SIGTERM; what was trained so far is in the folders.
    """
    for member in members:
        model.check_vocabulary(member.mixture.vocabulary)
    use_one_device_per_core()
    if unshared_cores() and processes.is_first():
        warn(unshared_cores())
    progress = (progress if progress is not None else progress_report()) if processes.is_first() else Silence()
    runs = [MemberRun(model, member) for member in members]
    folders = {member.folder for member in members if member.folder is not None and processes.is_first()}
    with contextlib.ExitStack() as stack:
        for folder in sorted(folders):
            stack.enter_context(locked(folder))
        interruption = stack.enter_context(listening())
        queue: dict[Any, list[MemberRun]] = {}
        for run in runs:
            # Settings that no program depends on matter to the loop: members trained together stop and are kept at the
            # same steps.
            training = run.member.training
            pace = training.steps, training.checkpoint_every, training.trajectory, training.curriculum
            queue.setdefault((population.structure(run.settings), pace), []).append(run)
        for alike in queue.values():
            while alike:
                count = at_once or _most_at_once(alike)
                group, alike = alike[:count], alike[count:]
                _train(group, resume, progress, warn, interruption)
    return Population(
        [run.pretrained() if not run.diverged else None for run in runs],
        {place: run.diverged for place, run in enumerate(runs) if run.diverged},
    )


def _train(
    runs: list[MemberRun],
    resume: bool,
    progress: ProgressReport,
    warn: Callable[[str], None],
    interruption: Interruption,
) -> None:
    """Trains members of one structure to their end; members at different steps are resumed in separate groups."""
    by_step: dict[int, list[tuple[MemberRun, State]]] = {}
    for run in runs:
        state = run.begin(resume, warn)
        by_step.setdefault(int(state.step), []).append((run, state))
    for step in sorted(by_step):
        together, states = zip(*by_step.pop(step), strict=True)
        Group(list(together), list(states), step, progress, warn, interruption).train()


def _most_at_once(alike: list[MemberRun]) -> int:
    if jax.default_backend() == "cpu" or len(alike) == 1:
        return 1
    run, training = alike[0], alike[0].member.training
    state = initial_state(run.model, run.settings)
    shared = sharing(training, state.network)
    state, settings = laid_out([state], [run.settings], shared)
    return members_that_fit(program(settings, shared, state, np.zeros((), np.int32)))
