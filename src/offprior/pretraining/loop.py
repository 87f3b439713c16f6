"""The pretraining loop: one dispatch computes while the one before is looked at; checkpoints are written beside it."""

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from offprior.devices import one_device_a_core, unshared_cores
from offprior.errors import OffpriorError
from offprior.files import locked
from offprior.mixture import Mixture
from offprior.models.model import Model
from offprior.output import warn as warn_on_stderr
from offprior.precision import single
from offprior.predictors.pretrained import Pretrained
from offprior.pretraining import population, processes
from offprior.pretraining.course import Course
from offprior.pretraining.gradient import Sharing, sharing
from offprior.pretraining.interruption import Interrupted, Interruption, listening
from offprior.pretraining.optimiser import predicting
from offprior.pretraining.population import Member
from offprior.pretraining.program import members_that_fit, one_at_a_time, out_of_memory, program
from offprior.pretraining.step import Setting, State, StepReport, initial_state
from offprior.pretraining.training import Training
from offprior.pretraining.writer import Writer
from offprior.progress import ProgressReport, Silence, progress_report


class Population(NamedTuple):
    """What became of the members."""

    models: list[Pretrained | None]
    """None for a member that diverged."""
    diverged: dict[int, str]
    """By a member's place, what happened."""


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
    """Pretrain `model` on prompts of `mixture`, and return it as a predictor.

    `settings` are those of `Training` (``steps=2000``), when `training` is not given. With a `folder`, checkpoints and
    `training.parquet` are kept there, and `resume` goes on from the last of them, bit for bit on the same machine,
    thread count and XLA. Every batch is a pure function of (seed, step). Progress is shown on standard error, unless
    `progress` is another report (`offprior.progress.Silence()`).

    Raises:
        OffpriorError: the loss is no longer finite; a batch does not fit into the memory; the folder's checkpoint is of
            other settings, or there is one and `resume` is False; another process is at work in it; the last
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
    """Pretrain many models: those that differ in numbers only, `at_once` of them in one program, the rest in a queue.

    `at_once` 0 takes as many as fit into an accelerator's memory, and one on a processor, whose cores a single model
    keeps busy. A member trained alone is its own single run bit for bit; beside others it is the same to rounding,
    which training magnifies. A member whose loss is no longer finite is stopped, and the others go on.

    Raises:
        OffpriorError: as `pretrain`, but for members that diverge.
        Interrupted: Ctrl-C or SIGTERM; what was trained so far is in the folders.
    """
    one_device_a_core()
    if unshared_cores() and processes.is_first():
        warn(unshared_cores())
    progress = (progress if progress is not None else progress_report()) if processes.is_first() else Silence()
    courses = [Course(model, member) for member in members]
    folders = {member.folder for member in members if member.folder is not None and processes.is_first()}
    with contextlib.ExitStack() as stack:
        for folder in sorted(folders):
            stack.enter_context(locked(folder))
        interruption = stack.enter_context(listening())
        queue: dict[Any, list[Course]] = {}
        for course in courses:
            queue.setdefault(population.structure(course.settings), []).append(course)
        for alike in queue.values():
            while alike:
                count = at_once or _most_at_once(alike)
                group, alike = alike[:count], alike[count:]
                _train(group, resume, progress, warn, interruption)
    return Population(
        [course.pretrained() if not course.diverged else None for course in courses],
        {place: course.diverged for place, course in enumerate(courses) if course.diverged},
    )


class _Launched(NamedTuple):
    """A dispatch on its way."""

    begin: int
    end: int
    report: StepReport
    courses: list[Course]
    snapshot: State | None
    """A copy, where its weights are to be written."""
    is_checkpoint: bool


def _train(
    courses: list[Course],
    resume: bool,
    progress: ProgressReport,
    warn: Callable[[str], None],
    interruption: Interruption,
) -> None:
    """Members of one structure to their end; those that a resumed run left at other steps by themselves."""
    by_step: dict[int, list[tuple[Course, State]]] = {}
    for course in courses:
        state = course.begin(resume, warn)
        by_step.setdefault(int(state.step), []).append((course, state))
    for step in sorted(by_step):
        together, states = zip(*by_step.pop(step), strict=True)
        _train_together(list(together), list(states), step, progress, warn, interruption)


def _train_together(
    courses: list[Course],
    states: list[State],
    step: int,
    progress: ProgressReport,
    warn: Callable[[str], None],
    interruption: Interruption,
) -> None:
    training = courses[0].member.training
    shared = sharing(training, states[0].network)
    state, settings = _laid_out(states, [course.settings for course in courses], shared)
    del states
    kept, marks = step, training.trajectory_steps()
    borders = [*marks, *(until for until, _ in training.stages())]
    progress.start(_label(courses), training.steps, step)
    before: _Launched | None = None
    try:
        if training.points_at(step) != shared.points:
            # Of a curriculum: what the longest contexts take is known before the first step, not in the middle.
            with out_of_memory(training.batch, len(courses)):
                program(settings, shared, state, np.asarray(step, np.int32), len(courses), progress)
        begun = time.monotonic() - courses[0].history.seconds * len(courses)
        with Writer(warn) as writer, out_of_memory(training.batch, len(courses)):
            while True:
                launched = None
                if step < training.steps and not processes.any_of_them(interruption.asked):
                    end = (step // training.steps_per_dispatch + 1) * training.steps_per_dispatch
                    end = min(end, *(border for border in borders if border > step))
                    if shared.points != training.points_at(step):
                        shared = sharing(training, state.network, training.points_at(step))
                    until = np.asarray(end, np.int32)
                    compiled = program(settings, shared, state, until, len(courses), progress)
                    state, report = compiled(settings, state, until)
                    is_checkpoint = end == training.steps or end - kept >= training.checkpoint_every
                    kept = end if is_checkpoint else kept
                    # The next dispatch takes the buffers.
                    snapshot = _copied(state, shared) if is_checkpoint or end in marks else None
                    launched = _Launched(step, end, report, courses, snapshot, is_checkpoint)
                    step = end
                if before is not None:
                    _look_at(before, begun, progress, writer, warn)
                    if all(course.diverged for course in courses):
                        return
                before = launched
                if launched is None:
                    break
                going = [place for place, course in enumerate(courses) if not course.diverged]
                if 2 * len(going) <= len(courses):
                    # Those that have diverged no longer pay for their places.
                    _look_at(launched, begun, progress, writer, warn)
                    before = None
                    going = [place for place in going if not courses[place].diverged]
                    if not going:
                        return
                    states = [population.member_state(state, place) for place in going]
                    courses = [courses[place] for place in going]
                    state, settings = _laid_out(states, [course.settings for course in courses], shared)
                    begun = time.monotonic() - courses[0].history.seconds * len(courses)
            if step > kept:
                _write(_Launched(kept, step, report, courses, _copied(state, shared), True), writer)
    finally:
        progress.finish()
    for place, course in enumerate(courses):
        one = population.member_state(state, place) if len(courses) > 1 else state
        course.network = jax.tree.map(_here, predicting(training, one.network, one.optimiser))
    if step < training.steps:
        raise Interrupted(_stopped_at(step, training, courses[0].member.folder))


def _laid_out(states: list[State], settings: list[Setting], shared: Sharing) -> tuple[State, Setting]:
    """Where every device has them; with a leading axis where there are several."""
    if len(states) == 1:
        return shared.replicated((states[0], settings[0]))
    return shared.replicated((population.stacked_states(states), population.stacked_settings(settings)))


def _look_at(
    launched: _Launched, begun: float, progress: ProgressReport, writer: Writer, warn: Callable[[str], None]
) -> None:
    """What a dispatch tells: has a member diverged? A row for each of the others, and their checkpoints."""
    report = jax.device_get(launched.report)
    seconds = (time.monotonic() - begun) / len(launched.courses)
    for place, course in enumerate(launched.courses):
        own = report if len(launched.courses) == 1 else jax.tree.map(lambda leaf, k=place: leaf[k], report)
        training = course.member.training
        course.diverged = course.diverged or _divergence(own, launched.begin, training, course.kept > 0)
        if not course.diverged:
            course.history.add(launched.begin, launched.end, own, seconds)
            flat = course.flat(launched.end)
            if flat:
                warn(flat)
    going = [course for course in launched.courses if not course.diverged]
    progress.advance(launched.end, _message(going, len(launched.courses)))
    if launched.snapshot is not None:
        _write(launched, writer)


def _write(launched: _Launched, writer: Writer) -> None:
    places = [place for place, course in enumerate(launched.courses) if not course.diverged]
    for place in places:
        if launched.is_checkpoint and launched.courses[place].member.folder is not None:
            launched.courses[place].kept = launched.end
    marks = launched.courses[0].member.training.trajectory_steps()

    def job() -> None:
        states = jax.device_get(launched.snapshot)
        for place in places:
            state = states if len(launched.courses) == 1 else population.member_state(states, place)
            if launched.end in marks:
                launched.courses[place].write(state, weights_alone=True)
            if launched.is_checkpoint:
                launched.courses[place].write(state, weights_alone=False)

    writer.put(job, is_checkpoint=launched.is_checkpoint, is_kept=launched.end in marks)


def _copied(state: State, shared: Sharing) -> State:
    one_at_a_time(state, shared)
    copy = jax.tree.map(lambda leaf: jnp.copy(leaf) if eqx.is_array(leaf) else leaf, state)
    one_at_a_time(copy, shared)
    return copy


def _here(leaf: Any) -> Any:
    """An array on one device, for whoever predicts with it."""
    return jnp.asarray(np.array(leaf)) if eqx.is_array(leaf) else leaf


def _label(courses: list[Course]) -> str:
    seeds = [course.member.seed for course in courses]
    if len(courses) == 1:
        return f"pretraining, seed {seeds[0]}"
    return f"pretraining {len(courses)} models at once"


def _message(going: list[Course], of: int) -> str:
    if of == 1:
        return going[0].history.latest() if going else "diverged"
    losses = [course.history.loss for course in going]
    lost = f", {of - len(going)} diverged" if len(going) < of else ""
    return (f"loss {min(losses):.4f} to {max(losses):.4f}" if losses else "") + lost


def _most_at_once(alike: list[Course]) -> int:
    if jax.default_backend() == "cpu" or len(alike) == 1:
        return 1
    course, training = alike[0], alike[0].member.training
    state = initial_state(course.model, course.settings)
    shared = sharing(training, state.network)
    state, settings = _laid_out([state], [course.settings], shared)
    return members_that_fit(program(settings, shared, state, np.zeros((), np.int32)))


def _stopped_at(step: int, training: Training, folder: Path | None) -> str:
    where = f"; its checkpoint is in {folder}, go on with --resume" if folder is not None else ", and nothing was kept"
    return f"at step {step} of {training.steps}{where}"


def _divergence(report: StepReport, begin: int, training: Training, kept: bool) -> str:
    broken = np.flatnonzero(~np.isfinite(report.loss) | ~np.isfinite(report.gradient_norm))
    if broken.size == 0:
        return ""
    first = begin + int(broken[0]) + 1
    rate = float(np.asarray(training.learning_rate))
    keeping = "the last good checkpoint is kept; " if kept else ""
    return (
        f"training.learning_rate: the loss is no longer finite at step {first}; {keeping}"
        f"try a rate below {rate:g}, say {rate / 3:.2g}, or a smaller training.clip"
    )
