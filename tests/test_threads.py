"""Work on all cores: in order, stopped by an error, with BLAS on one thread."""

import threading
import time

import pytest
import scipy.linalg  # noqa: F401 - its BLAS is counted whether or not another file has loaded it
from threadpoolctl import threadpool_info

from offprior.compute.threads import blas_on_one_thread, on_all_cores


def blas_threads():
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_results_come_in_the_order_of_the_items():
    def late(number):
        time.sleep(0.05 if number == 0 else 0)
        return number, threading.get_ident()

    found = list(on_all_cores(late, range(6)))
    assert [number for number, _ in found] == list(range(6))
    assert threading.get_ident() not in {thread for _, thread in found}


def test_an_error_stops_what_has_not_begun():
    begun = []

    def work(number):
        begun.append(number)
        if number == 0:
            raise ValueError("the first")
        time.sleep(0.02)

    with pytest.raises(ValueError, match="the first"):
        list(on_all_cores(work, range(200)))
    assert len(begun) < 200


def test_blas_has_one_thread_inside_and_its_own_number_after():
    before = blas_threads()
    with blas_on_one_thread():
        assert set(blas_threads()) == {1}
        with blas_on_one_thread():
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {1}
    assert blas_threads() == before
    with pytest.raises(ValueError, match="inside"), blas_on_one_thread():
        raise ValueError("inside")
    assert blas_threads() == before


@pytest.mark.parametrize("first_out", [0, 1])
def test_threads_that_overlap_share_the_limit_and_the_last_one_out_lifts_it(first_out):
    """Of two that are inside at once, whichever leaves first: BLAS keeps one thread until the other has left."""
    before, entered = blas_threads(), [threading.Event(), threading.Event()]
    leave, left = [threading.Event(), threading.Event()], [threading.Event(), threading.Event()]

    def work(number):
        with blas_on_one_thread():
            entered[number].set()
            leave[number].wait(10)
        left[number].set()

    threads = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for number, thread in enumerate(threads):
        thread.start()
        assert entered[number].wait(10)
    for number in (first_out, 1 - first_out):
        assert set(blas_threads()) == {1}
        leave[number].set()
        assert left[number].wait(10)
    assert blas_threads() == before
    for thread in threads:
        thread.join()
