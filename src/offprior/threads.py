"""How many threads work: BLAS on one, places of a probe on as many as there are cores."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

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

    with _controller().limit(limits=1, user_api="blas"):
        yield


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def on_all_cores(of_item: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`of_item` of every item, in their order, several at a time; no further ones are begun after an error."""
    executor = ThreadPoolExecutor(min(MOST, cores()))
    try:
        yield from executor.map(of_item, items)
    finally:
        executor.shutdown(cancel_futures=True)
