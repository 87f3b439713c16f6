"""Members that are trained together, in one program, from one step to their last.

A dispatch computes while the previous one is processed; checkpoints are written at the same time.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from offprior.console.progress import ProgressReport
from offprior.pretraining import population, processes
from offprior.pretraining.checkpoint_writer import Writer
from offprior.pretraining.gradient import Sharing, sharing
from offprior.pretraining.interruption import Interrupted, Interruption
from offprior.pretraining.member_run import MemberRun
from offprior.pretraining.optimiser import predicting
from offprior.pretraining.program import one_at_a_time, out_of_memory, program
from offprior.pretraining.step import Setting, State, StepReport
from offprior.pretraining.training import Training


class Launched(NamedTuple):
    """A dispatch that has been started."""

    begin: int
    end: int
    report: StepReport | None
    """None if all dispatches have been processed."""
    runs: list[MemberRun]
    snapshot: State | None
    """A copy of the state, if its weights are to be written."""
    is_checkpoint: bool


class Group:
    """Members of one structure, at one step.

    Args:
        runs: the members; they stop, and are kept, at the same steps.
        states: the state of each member.
        step: the number of steps that all of them have been trained for.
        progress: where to report progress.
        warn: receives one line per warning.
        interruption: whether training was asked to stop.
    """

    def __init__(
        self,
        runs: list[MemberRun],
        states: list[State],
        step: int,
        progress: ProgressReport,
        warn: Callable[[str], None],
        interruption: Interruption,
    ):
        self.runs, self.step = runs, step
        self.training = runs[0].member.training
        self._progress, self._warn, self._interruption = progress, warn, interruption
        self._shared = sharing(self.training, states[0].network)
        self._state, self._settings = laid_out(states, [run.settings for run in runs], self._shared)
        self._kept, self._marks = step, self.training.trajectory_steps()
        self._borders = [*self._marks, *(until for until, _ in self.training.stages())]
        self._begun = 0.0

    def train(self) -> None:
        """Trains to the last step, or until asked to stop.

        Raises:
            OffpriorError: a batch does not fit into the memory; the last checkpoint could not be written.
            Interrupted: training was asked to stop.
        """
        training = self.training
        self._progress.start(_label(self.runs), training.steps, self.step)
        try:
            if training.points_at(self.step) != self._shared.points:
                # With a curriculum, the memory for the longest contexts is checked before the first step, not midway.
                with out_of_memory(training.batch, len(self.runs)):
                    self._program(self.step)
            self._begin_clock()
            with Writer(self._warn) as writer, out_of_memory(training.batch, len(self.runs)):
                if not self._train_to_the_end(writer):
                    return
        finally:
            self._progress.finish()
        for place, run in enumerate(self.runs):
            one = population.member_state(self._state, place) if len(self.runs) > 1 else self._state
            run.network = jax.tree.map(_on_one_device, predicting(training, one.network, one.optimiser))
        if self.step < training.steps:
            raise Interrupted(_stopped_at(self.step, training, self.runs[0].member.folder))

    def _train_to_the_end(self, writer: Writer) -> bool:
        """Runs dispatch after dispatch; returns False if all members have diverged."""
        before: Launched | None = None
        while True:
            launched = self._launched()
            if before is not None:
                self._look_at(before, writer)
                if all(run.diverged for run in self.runs):
                    return False
            before = launched
            if launched is None:
                break
            if 2 * sum(not run.diverged for run in self.runs) <= len(self.runs):
                # Diverged members are dropped, so that they cost no more time.
                self._look_at(launched, writer)
                before = None
                if not self._without_diverged():
                    return False
        if self.step > self._kept:
            snapshot = _copied(self._state, self._shared)
            _write(Launched(self._kept, self.step, None, self.runs, snapshot, True), writer)
        return True

    def _launched(self) -> Launched | None:
        """Starts the next dispatch; returns None if training has ended, or was asked to stop."""
        training, step = self.training, self.step
        if step >= training.steps or processes.any_of_them(self._interruption.asked):
            return None
        end = (step // training.steps_per_dispatch + 1) * training.steps_per_dispatch
        end = min(end, *(border for border in self._borders if border > step))
        if self._shared.points != training.points_at(step):
            self._shared = sharing(training, self._state.network, training.points_at(step))
        compiled = self._program(end)
        self._state, report = compiled(self._settings, self._state, np.asarray(end, np.int32))
        is_checkpoint = end == training.steps or end - self._kept >= training.checkpoint_every
        self._kept = end if is_checkpoint else self._kept
        # The next dispatch reuses the buffers.
        is_written = is_checkpoint or end in self._marks
        snapshot = _copied(self._state, self._shared) if is_written else None
        self.step = end
        return Launched(step, end, report, self.runs, snapshot, is_checkpoint)

    def _program(self, end: int) -> Any:
        until = np.asarray(end, np.int32)
        return program(self._settings, self._shared, self._state, until, len(self.runs), self._progress)

    def _look_at(self, launched: Launched, writer: Writer) -> None:
        """Processes a dispatch: marks diverged members, adds history rows for the others, and writes checkpoints."""
        report = jax.device_get(launched.report)
        seconds = (time.monotonic() - self._begun) / len(launched.runs)
        for place, run in enumerate(launched.runs):
            own = report if len(launched.runs) == 1 else jax.tree.map(lambda leaf, k=place: leaf[k], report)
            run.diverged = run.diverged or _divergence(own, launched.begin, run.member.training, run.kept > 0)
            if not run.diverged:
                run.history.add(launched.begin, launched.end, own, seconds)
                flat = run.flat(launched.end)
                if flat:
                    self._warn(flat)
        going = [run for run in launched.runs if not run.diverged]
        self._progress.advance(launched.end, _message(going, len(launched.runs)))
        if launched.snapshot is not None:
            _write(launched, writer)

    def _without_diverged(self) -> bool:
        """Continues with the members that have not diverged; returns False if there are none."""
        going = [place for place, run in enumerate(self.runs) if not run.diverged]
        if not going:
            return False
        states = [population.member_state(self._state, place) for place in going]
        self.runs = [self.runs[place] for place in going]
        self._state, self._settings = laid_out(states, [run.settings for run in self.runs], self._shared)
        self._begin_clock()
        return True

    def _begin_clock(self) -> None:
        """Starts counting seconds of training, including those of a resumed run."""
        self._begun = time.monotonic() - self.runs[0].history.seconds * len(self.runs)


def laid_out(states: list[State], settings: list[Setting], shared: Sharing) -> tuple[State, Setting]:
    """Places states and settings on every device, stacked along a leading axis if there are several members."""
    if len(states) == 1:
        return shared.replicated((states[0], settings[0]))
    return shared.replicated((population.stacked_states(states), population.stacked_settings(settings)))


def _write(launched: Launched, writer: Writer) -> None:
    places = [place for place, run in enumerate(launched.runs) if not run.diverged]
    for place in places:
        if launched.is_checkpoint and launched.runs[place].member.folder is not None:
            launched.runs[place].kept = launched.end
    marks = launched.runs[0].member.training.trajectory_steps()

    def job() -> None:
        states = jax.device_get(launched.snapshot)
        for place in places:
            state = states if len(launched.runs) == 1 else population.member_state(states, place)
            if launched.end in marks:
                launched.runs[place].write(state, weights_alone=True)
            if launched.is_checkpoint:
                launched.runs[place].write(state, weights_alone=False)

    writer.put(job, is_checkpoint=launched.is_checkpoint, is_kept=launched.end in marks)


def _copied(state: State, shared: Sharing) -> State:
    one_at_a_time(state, shared)
    copy = jax.tree.map(lambda leaf: jnp.copy(leaf) if eqx.is_array(leaf) else leaf, state)
    one_at_a_time(copy, shared)
    return copy


def _on_one_device(leaf: Any) -> Any:
    """Returns an array on one device, for predictions."""
    return jnp.asarray(np.array(leaf)) if eqx.is_array(leaf) else leaf


def _label(runs: list[MemberRun]) -> str:
    seeds = [run.member.seed for run in runs]
    if len(runs) == 1:
        return f"pretraining, seed {seeds[0]}"
    return f"pretraining {len(runs)} models at once"


def _message(going: list[MemberRun], of: int) -> str:
    if of == 1:
        return going[0].history.latest() if going else "diverged"
    losses = [run.history.loss for run in going]
    lost = f", {of - len(going)} diverged" if len(going) < of else ""
    return (f"loss {min(losses):.4f} to {max(losses):.4f}" if losses else "") + lost


def _stopped_at(step: int, training: Training, folder: Path | None) -> str:
    where = (
        f"; its checkpoint is in {folder}, continue with --resume" if folder is not None else ", and nothing was kept"
    )
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
