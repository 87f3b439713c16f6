"""What an evaluation says of its references is kept, and no other warning is lost."""

import warnings

import pytest

from offprior.evaluation.approximation import ApproximationWarning, approximations


def test_approximations_are_listed_and_other_warnings_given():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with approximations() as found:
            warnings.warn("B is approximate", ApproximationWarning, stacklevel=1)
            warnings.warn("a family of the user's warns", UserWarning, stacklevel=1)
            warnings.warn("a division by zero", RuntimeWarning, stacklevel=1)
            warnings.warn("B is approximate too", ApproximationWarning, stacklevel=1)
    assert found == ["B is approximate", "B is approximate too"]
    assert [str(one.message) for one in caught] == ["a family of the user's warns", "a division by zero"]
    assert {one.category for one in caught} == {UserWarning, RuntimeWarning}
    assert all(one.filename == __file__ for one in caught)


def test_a_warning_that_is_an_error_stays_one():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning), approximations():
            warnings.warn("a division by zero", RuntimeWarning, stacklevel=1)
        with approximations() as found:
            warnings.warn("B is approximate", ApproximationWarning, stacklevel=1)
    assert found == ["B is approximate"]


def test_a_block_that_fails_gives_its_warnings_too():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(KeyError), approximations() as found:
            warnings.warn("B is approximate", ApproximationWarning, stacklevel=1)
            warnings.warn("a division by zero", RuntimeWarning, stacklevel=1)
            raise KeyError
    assert found == ["B is approximate"] and [str(one.message) for one in caught] == ["a division by zero"]
