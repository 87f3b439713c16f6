"""Work for a page whose requests become outdated: of the waiting requests, only the newest is carried out."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Request = TypeVar("Request")


class Latest(Generic[Request]):
    """Calls `work` with the newest request, one at a time, in threads that pages share; never skips the last one."""

    def __init__(self, work: Callable[[Request], None], threads: ThreadPoolExecutor):
        self._work, self._threads = work, threads
        self._lock = threading.Lock()
        self._waiting: Request | None = None
        self._is_busy = self._is_closed = False

    def ask(self, request: Request) -> None:
        """Carries out the request once the current work is finished, unless a newer one arrives."""
        with self._lock:
            self._waiting = request
            if self._is_busy or self._is_closed:
                return
            self._is_busy = True
        with contextlib.suppress(RuntimeError):  # the server is shutting down
            self._threads.submit(self._run)

    def close(self) -> None:
        """Starts no further work."""
        with self._lock:
            self._is_closed, self._waiting = True, None

    def _run(self) -> None:
        with self._lock:
            request, self._waiting = self._waiting, None
            if request is None:
                self._is_busy = False
                return
        try:
            self._work(request)
        finally:
            # Queued at the end, so that every page gets its turn.
            with contextlib.suppress(RuntimeError):
                self._threads.submit(self._run)
