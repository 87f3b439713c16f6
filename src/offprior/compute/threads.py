"""How many threads are used: one for BLAS, and as many as there are cores for places of a probe."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from offprior.compute.devices import cores

Item = TypeVar("Item")
Result = TypeVar("Result")

LAPACK = threading.RLock()
"""A lock for compiled programs that call LAPACK: two at once, from two threads, may wait for each other forever
(jaxlib 0.10).
"""
MOST = 8
"""The most threads, since each holds the arrays of a place."""


@contextlib.contextmanager
def blas_on_one_thread() -> Iterator[None]:
    """Limits BLAS and LAPACK to one thread inside the block, in the whole process.

    Batches of small matrices are decomposed one by one, and threads gain less on each than it takes to wake them:
    measured, 64 eigenproblems of 40 by 40 take 6 ms on one thread, and 15 ms to 1 s on two.
    """
    import scipy.linalg  # noqa: F401 - has a BLAS of its own, which has to be loaded to be limited

    _limit.enter()
    try:
        with _of_thread().limit(limits=1, user_api="blas"):
            yield
    finally:
        _limit.leave()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Limits OpenMP of this thread to one thread inside the block.

    Measured on two busy cores, k nearest neighbours of scikit-learn answer a prompt in 2 ms on one thread, and in 14 ms
    of waiting on two.
    """
    with ThreadpoolController().limit(limits=1, user_api="openmp"):
        yield


class _Limit:
    """The limit shared by all threads inside the block: the first one to enter sets it, the last one to leave lifts it.

    If each thread set its own limit, two that overlap would leave BLAS on one thread for good, because the second would
    restore the first's limit. Separate threads set and lift the limit, since threadpoolctl 3.8 does not let a thread
    change what another live thread has set.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limiter: Any = None

    def enter(self) -> None:
        """Registers one more thread inside the block."""
        with self._lock:
            if self._inside == 0:
                self._apart(self._set)
            self._inside += 1

    def leave(self) -> None:
        """Unregisters a thread."""
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
    """Returns the libraries whose number of threads is set per process: numpy's and scipy's own BLAS."""
    found = ThreadpoolController()
    found.lib_controllers = [one for one in found.lib_controllers if not _is_of_thread(one)]
    return found


@functools.cache
def _of_thread() -> ThreadpoolController:
    """Returns the libraries whose number of threads is set per thread, such as a BLAS on OpenMP."""
    found = ThreadpoolController()
    found.lib_controllers = [one for one in found.lib_controllers if _is_of_thread(one)]
    return found


def _is_of_thread(library: Any) -> bool:
    return getattr(library, "threading_layer", "") == "openmp"


def on_all_cores(of_item: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yields `of_item` of every item, in order, computed several at a time; after an error no more are started."""
    executor = ThreadPoolExecutor(min(MOST, cores()))
    try:
        yield from executor.map(of_item, items)
    finally:
        executor.shutdown(cancel_futures=True)
