"""Work on all cores: in order, stopped by an error, with BLAS on one thread."""

import threading
import time

import pytest
from threadpoolctl import threadpool_info

from offprior.threads import blas_on_one_thread, on_all_cores


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
