"""How many threads work: BLAS on one, places of a probe on as many as there are cores."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from offprior.devices import cores

Item = TypeVar("Item")
Result = TypeVar("Result")

LAPACK = threading.RLock()
"""For compiled programs that call LAPACK: two at once, from two threads, may wait for each other for ever
(jaxlib 0.10)."""
MOST = 8
"""Threads at most: each holds the arrays of a place."""


@contextlib.contextmanager
def blas_on_one_thread() -> Iterator[None]:
    """Inside, BLAS and LAPACK take one thread, in the whole process.

    Batches of small matrices are decomposed one by one, and what threads gain on each is less than what it takes to
    wake them: measured, 64 eigenproblems of 40 by 40 take 6 ms on one thread, and 15 ms to 1 s on two.
    """
    import scipy.linalg  # noqa: F401 - has a BLAS of its own, which has to be loaded to be limited

    _limit.enter()
    try:
        with _of_thread().limit(limits=1, user_api="blas"):
            yield
    finally:
        _limit.leave()


class _Limit:
    """The limit that all threads inside share: the first one in sets it, the last one out lifts it.

    Each for itself, two threads that overlap would leave BLAS on one thread for good: the second takes the first's
    limit for what it has to restore. Threads of their own set and lift it, as threadpoolctl 3.8 lets no thread change
    what another one that is alive has set.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limiter: Any = None

    def enter(self) -> None:
        """One more thread is inside."""
        with self._lock:
            if self._inside == 0:
                self._apart(self._set)
            self._inside += 1

    def leave(self) -> None:
        """One thread is no longer inside."""
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._apart(self._limiter.restore_original_limits)

    def _set(self) -> None:
        self._limiter = _of_process().limit(limits=1, user_api="blas")

    def _apart(self, do: Callable[[], Any]) -> None:
        thread = threading.Thread(target=do, name="blas")
        thread.start()
        thread.join()


_limit = _Limit()


@functools.cache
def _of_process() -> ThreadpoolController:
    """The libraries whose number of threads is the process's: numpy's and scipy's own BLAS."""
    found = ThreadpoolController()
    found.lib_controllers = [one for one in found.lib_controllers if not _is_of_thread(one)]
    return found


@functools.cache
def _of_thread() -> ThreadpoolController:
    """Controls the libraries whose number of threads each thread sets for itself, such as a BLAS on OpenMP."""
    found = ThreadpoolController()
    found.lib_controllers = [one for one in found.lib_controllers if _is_of_thread(one)]
    return found


def _is_of_thread(library: Any) -> bool:
    return getattr(library, "threading_layer", "") == "openmp"


def on_all_cores(of_item: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`of_item` of every item, in their order, several at a time; no further ones are begun after an error."""
    executor = ThreadPoolExecutor(min(MOST, cores()))
    try:
        yield from executor.map(of_item, items)
    finally:
        executor.shutdown(cancel_futures=True)
