"""Work for a page that moves on: of the requests that wait only the newest is carried out."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Request = TypeVar("Request")


class Latest(Generic[Request]):
    """Calls `work` with the newest request, one at a time, in threads that pages share; the last is never left out."""

    def __init__(self, work: Callable[[Request], None], threads: ThreadPoolExecutor):
        self._work, self._threads = work, threads
        self._lock = threading.Lock()
        self._waiting: Request | None = None
        self._is_busy = self._is_closed = False

    def ask(self, request: Request) -> None:
        """Carry it out as soon as what is under way is done, unless a newer one comes."""
        with self._lock:
            self._waiting = request
            if self._is_busy or self._is_closed:
                return
            self._is_busy = True
        with contextlib.suppress(RuntimeError):  # the server is going down
            self._threads.submit(self._run)

    def close(self) -> None:
        """Begin nothing more."""
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
            # To the end of the queue, so that no page keeps the others from their turn.
            with contextlib.suppress(RuntimeError):
                self._threads.submit(self._run)
