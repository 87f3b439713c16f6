"""Writes checkpoints in a thread, so that training does not wait for the disk."""

import threading
from collections.abc import Callable
from types import TracebackType

from offprior.errors import OffpriorError


class Writer:
    """Carries out one job at a time in a thread; of waiting checkpoints, only the newest is written.

    If a job cannot write (`OffpriorError`), one line is reported and training continues, because the last good
    checkpoint still exists. If the very last job failed, leaving the context raises its error. Any other error is a
    mistake in the program: no further job is done, and the next `put`, or leaving, raises it.
    """

    def __init__(self, warn: Callable[[str], None]):
        self._warn = warn
        self._wake = threading.Condition()
        self._jobs: list[tuple[Callable[[], None], bool]] = []
        self._ended = False
        self._error: BaseException | None = None
        self._mistake: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)

    def put(self, job: Callable[[], None], *, is_checkpoint: bool = True, is_kept: bool = False) -> None:
        """Queues a job.

        A checkpoint replaces waiting ones, because it contains more, but not jobs whose files are kept (`is_kept`).
        """
        with self._wake:
            if self._mistake is not None:
                raise self._mistake
            if is_checkpoint:
                self._jobs = [(waiting, replaceable) for waiting, replaceable in self._jobs if not replaceable]
            self._jobs.append((job, is_checkpoint and not is_kept))
            self._wake.notify()

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._wake:
            self._ended = True
            self._wake.notify()
        self._thread.join()
        if self._mistake is not None and error is not self._mistake:
            raise self._mistake
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
                    self._warn(f"{error}; training continues, and the last good checkpoint is kept")
                self._error = error
            except BaseException as error:
                with self._wake:
                    self._mistake = error
                return
            else:
                self._error = None

    def _is_last(self) -> bool:
        with self._wake:
            return self._ended and not self._jobs
