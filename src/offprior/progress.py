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

from offprior.output import Console

PLAIN_EVERY_SECONDS = 10.0
COMPILING = "compiling"
"""The phase before the first steps of a new shape."""


@runtime_checkable
class ProgressReport(Protocol):
    """What long work tells about itself."""

    def start(self, label: str, total: int, done: int = 0) -> None:
        """Work of `total` steps begins, `done` of them from before."""

    def advance(self, done: int, message: str = "") -> None:
        """`done` steps are behind us."""

    def finish(self) -> None:
        """The work is over, whole or not."""


@runtime_checkable
class Phased(Protocol):
    """A report that names what goes on before and between the steps.

    A phase's time counts neither for the rate nor for the time left, and no more do steps that are finished in it.
    """

    def phase(self, name: str) -> None:
        """Something else than steps begins, such as compiling; nothing does where the name is empty."""


@contextlib.contextmanager
def phase(progress: ProgressReport, name: str) -> Iterator[None]:
    """Inside, `name` goes on; a report that knows no phases is not asked."""
    if isinstance(progress, Phased):
        progress.phase(name)
    try:
        yield
    finally:
        if isinstance(progress, Phased):
            progress.phase("")


class _Clock:
    """Seconds but for those spent in phases."""

    def __init__(self) -> None:
        self._away = 0.0
        self._since: float | None = None

    @property
    def stands(self) -> bool:
        """Is there a phase now?"""
        return self._since is not None

    def __call__(self) -> float:
        return (time.monotonic() if self._since is None else self._since) - self._away

    def phase(self, name: str) -> None:
        """Stop at the beginning of a phase, go on after it."""
        now = time.monotonic()
        if self._since is not None:
            self._away += now - self._since
        self._since = now if name else None


class Silence:
    """Says nothing."""

    def start(self, label: str, total: int, done: int = 0) -> None:
        """Nothing to show."""

    def advance(self, done: int, message: str = "") -> None:
        """Nothing to show."""

    def phase(self, name: str) -> None:
        """Nothing to show."""

    def finish(self) -> None:
        """Nothing to show."""


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
        """Show the bar."""
        self._progress.start()
        self._task = self._progress.add_task(label, total=total, completed=done, message="")

    def advance(self, done: int, message: str = "") -> None:
        """Redraw the bar."""
        self._message = message
        if self._task is not None:
            self._progress.update(self._task, completed=done, message=message)

    def phase(self, name: str) -> None:
        """Show its name in the place of the message; elapsed and left stand still."""
        self._clock.phase(name)
        if self._task is not None:
            self._progress.update(self._task, message=name or self._message)

    def finish(self) -> None:
        """Leave the bar as it stands."""
        self._progress.stop()


class Lines:
    """A line now and then, for logs."""

    def __init__(self, console: Console):
        self._console = console
        self._label, self._total, self._from, self._done = "", 0, 0, 0
        self._clock = _Clock()
        self._begun = self._shown = 0.0

    def start(self, label: str, total: int, done: int = 0) -> None:
        """Remember where the work begins."""
        self._label, self._total, self._from = label, total, done
        self._done = done
        self._begun, self._shown = self._clock(), time.monotonic()

    def phase(self, name: str) -> None:
        """A line as it begins: it may take minutes."""
        self._clock.phase(name)
        if name:
            self._console.print(f"{self._label}: {self._done}/{self._total}, {name}", soft_wrap=True)

    def advance(self, done: int, message: str = "") -> None:
        """Print a line, unless the last one is recent."""
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
        """Nothing to close."""


def _speed(rate: float) -> str:
    if rate <= 0:
        return "-"
    return f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"


def progress_report() -> ProgressReport:
    """A bar where standard error is a terminal, plain lines where it is not."""
    console = Console(stderr=True)
    return Bar(console) if console.is_terminal else Lines(console)
