"""Checkpoints written beside training, which does not wait for the disk."""

import threading
from collections.abc import Callable
from types import TracebackType

from offprior.errors import OffpriorError


class Writer:
    """Carries out one job at a time in a thread; of those that may be passed over and wait, only the newest.

    A job that fails is told in a line and training goes on: the last good checkpoint is still there. If the last job
    of all failed, leaving raises its error.
    """

    def __init__(self, warn: Callable[[str], None]):
        self._warn = warn
        self._wake = threading.Condition()
        self._jobs: list[tuple[Callable[[], None], bool]] = []
        self._ended = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)

    def put(self, job: Callable[[], None], *, replaceable: bool = True) -> None:
        """Have a job done soon; a later one takes the place of one that is `replaceable` and has not been begun."""
        with self._wake:
            if self._jobs and self._jobs[-1][1]:
                self._jobs.pop()
            self._jobs.append((job, replaceable))
            self._wake.notify()

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._wake:
            self._ended = True
            self._wake.notify()
        self._thread.join()
        if self._error is not None and (error is None or isinstance(error, KeyboardInterrupt)):
            raise self._error

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._jobs and not self._ended:
                    self._wake.wait()
                if not self._jobs:
                    return
                job, _ = self._jobs.pop(0)
            try:
                job()
            except OffpriorError as error:
                if not self._is_last():
                    self._warn(f"{error}; training goes on, the last good checkpoint is kept")
                self._error = error
            except BaseException as error:
                self._warn(f"a checkpoint was not written: {type(error).__name__}: {' '.join(str(error).split())}")
                self._error = error
            else:
                self._error = None

    def _is_last(self) -> bool:
        with self._wake:
            return self._ended and not self._jobs
