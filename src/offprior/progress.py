"""Progress of long work: a bar at a terminal, plain lines elsewhere."""

import sys
import time
from typing import Protocol, runtime_checkable

from rich.console import Console
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

PLAIN_EVERY_SECONDS = 10.0


@runtime_checkable
class ProgressReport(Protocol):
    """What long work tells about itself."""

    def start(self, label: str, total: int, done: int = 0) -> None:
        """Work of `total` steps begins, `done` of them from before."""

    def advance(self, done: int, message: str = "") -> None:
        """`done` steps are behind us."""

    def finish(self) -> None:
        """The work is over, whole or not."""


class Silence:
    """Says nothing."""

    def start(self, label: str, total: int, done: int = 0) -> None:
        """Nothing to show."""

    def advance(self, done: int, message: str = "") -> None:
        """Nothing to show."""

    def finish(self) -> None:
        """Nothing to show."""


class _Rate(ProgressColumn):
    """Steps a second, or seconds a step."""

    def render(self, task: Task) -> Text:
        return Text(_speed(task.finished_speed or task.speed or 0.0))


class Bar:
    """A bar that is redrawn in place."""

    def __init__(self, console: Console):
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            _Rate(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[message]}"),
        )
        self._progress = Progress(*columns, console=console)
        self._task: TaskID | None = None

    def start(self, label: str, total: int, done: int = 0) -> None:
        """Show the bar."""
        self._progress.start()
        self._task = self._progress.add_task(label, total=total, completed=done, message="")

    def advance(self, done: int, message: str = "") -> None:
        """Redraw the bar."""
        if self._task is not None:
            self._progress.update(self._task, completed=done, message=message)

    def finish(self) -> None:
        """Leave the bar as it stands."""
        self._progress.stop()


class Lines:
    """A line now and then, for logs."""

    def __init__(self, console: Console):
        self._console = console
        self._label, self._total, self._from = "", 0, 0
        self._begun = self._shown = 0.0

    def start(self, label: str, total: int, done: int = 0) -> None:
        """Remember where the work begins."""
        self._label, self._total, self._from = label, total, done
        self._begun = self._shown = time.monotonic()

    def advance(self, done: int, message: str = "") -> None:
        """Print a line, unless the last one is recent."""
        now = time.monotonic()
        if now - self._shown < PLAIN_EVERY_SECONDS and done < self._total:
            return
        self._shown = now
        rate = (done - self._from) / max(now - self._begun, 1e-9)
        left = (self._total - done) / rate if rate > 0 else float("nan")
        line = f"{self._label}: {done}/{self._total}, {_speed(rate)}, {left:.0f} s left, {message}"
        self._console.print(line, highlight=False, soft_wrap=True)

    def finish(self) -> None:
        """Nothing to close."""


def _speed(rate: float) -> str:
    if rate <= 0:
        return "-"
    return f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"


def progress_report() -> ProgressReport:
    """A bar where standard error is a terminal, plain lines where it is not."""
    console = Console(file=sys.stderr)
    return Bar(console) if console.is_terminal else Lines(console)
