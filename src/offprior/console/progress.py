"""Progress of long work: a bar at a terminal, plain lines elsewhere."""

import contextlib
import time
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from offprior.console.output import Console

PLAIN_EVERY_SECONDS = 10.0
COMPILING = "compiling"
"""The phase before the first steps of a new shape."""


@runtime_checkable
class ProgressReport(Protocol):
    """How long work reports its progress."""

    def start(self, label: str, total: int, done: int = 0) -> None:
        """Starts work of `total` steps, of which `done` were finished before."""

    def advance(self, done: int, message: str = "") -> None:
        """Reports that `done` steps are finished."""

    def finish(self) -> None:
        """Ends the work, complete or not."""


@runtime_checkable
class Phased(Protocol):
    """A report that can name activities before and between the steps.

    The time of a phase, and steps finished in it, count neither for the rate nor for the time left.
    """

    def phase(self, name: str) -> None:
        """Starts an activity other than steps, such as compiling; an empty name ends it."""


@contextlib.contextmanager
def phase(progress: ProgressReport, name: str) -> Iterator[None]:
    """Reports the phase `name` inside the block, if the report supports phases."""
    if isinstance(progress, Phased):
        progress.phase(name)
    try:
        yield
    finally:
        if isinstance(progress, Phased):
            progress.phase("")


class _Clock:
    """A clock that does not count the time spent in phases."""

    def __init__(self) -> None:
        self._away = 0.0
        self._since: float | None = None

    @property
    def stands(self) -> bool:
        """Whether a phase is in progress."""
        return self._since is not None

    def __call__(self) -> float:
        return (time.monotonic() if self._since is None else self._since) - self._away

    def phase(self, name: str) -> None:
        """Stops the clock at the start of a phase, and restarts it afterwards."""
        now = time.monotonic()
        if self._since is not None:
            self._away += now - self._since
        self._since = now if name else None


class Silence:
    """A report that shows nothing."""

    def start(self, label: str, total: int, done: int = 0) -> None:
        """Shows nothing."""

    def advance(self, done: int, message: str = "") -> None:
        """Shows nothing."""

    def phase(self, name: str) -> None:
        """Shows nothing."""

    def finish(self) -> None:
        """Shows nothing."""


class _Rate(ProgressColumn):
    """Steps per second, or seconds per step."""

    def render(self, task: Task) -> Text:
        return Text(_speed(task.finished_speed or task.speed or 0.0))


class Bar:
    """A bar that is redrawn in place."""

    def __init__(self, console: Console):
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            _Rate(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[message]}", markup=False),
        )
        self._clock = _Clock()
        self._progress = Progress(*columns, console=console, get_time=self._clock)
        self._task: TaskID | None = None
        self._message = ""

    def start(self, label: str, total: int, done: int = 0) -> None:
        """Shows the bar."""
        self._progress.start()
        self._task = self._progress.add_task(label, total=total, completed=done, message="")

    def advance(self, done: int, message: str = "") -> None:
        """Redraws the bar."""
        self._message = message
        if self._task is not None:
            self._progress.update(self._task, completed=done, message=message)

    def phase(self, name: str) -> None:
        """Shows the phase's name instead of the message; elapsed time and time left stand still."""
        self._clock.phase(name)
        if self._task is not None:
            self._progress.update(self._task, message=name or self._message)

    def finish(self) -> None:
        """Leaves the bar as it is."""
        self._progress.stop()


class Lines:
    """Occasional lines, for logs."""

    def __init__(self, console: Console):
        self._console = console
        self._label, self._total, self._from, self._done = "", 0, 0, 0
        self._clock = _Clock()
        self._begun = self._shown = 0.0

    def start(self, label: str, total: int, done: int = 0) -> None:
        """Records where the work starts."""
        self._label, self._total, self._from = label, total, done
        self._done = done
        self._begun, self._shown = self._clock(), time.monotonic()

    def phase(self, name: str) -> None:
        """Prints a line as the phase begins, because it may take minutes."""
        self._clock.phase(name)
        if name:
            self._console.print(f"{self._label}: {self._done}/{self._total}, {name}", soft_wrap=True)

    def advance(self, done: int, message: str = "") -> None:
        """Prints a line, unless the last one is recent."""
        now, self._done = time.monotonic(), done
        if self._clock.stands:
            self._from, self._begun = done, self._clock()
        if now - self._shown < PLAIN_EVERY_SECONDS and done < self._total:
            return
        self._shown = now
        rate = (done - self._from) / max(self._clock() - self._begun, 1e-9)
        speed = f", {_speed(rate)}, {(self._total - done) / rate:.0f} s left" if rate > 0 else ""
        line = f"{self._label}: {done}/{self._total}{speed}, {message}"
        self._console.print(line, soft_wrap=True)

    def finish(self) -> None:
        """Does nothing: there is nothing to close."""


def _speed(rate: float) -> str:
    if rate <= 0:
        return "-"
    return f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"


def progress_report() -> ProgressReport:
    """Returns a bar if standard error is a terminal, otherwise plain lines."""
    console = Console(stderr=True)
    return Bar(console) if console.is_terminal else Lines(console)
