"""What an evaluation says of its references is kept, and no other warning is lost."""

import warnings

import pytest

from offprior.console.progress import Silence
from offprior.errors import QuadratureWarning
from offprior.evaluation.approximation import ApproximationWarning, approximations
from offprior.evaluation.evaluate import evaluate
from offprior.families.sinusoid import Sinusoid
from offprior.laws.uniform import Uniform
from offprior.mixture import Mixture
from offprior.posterior import quadrature_refinement
from offprior.predictors.mean import Mean
from offprior.probes.in_distribution import InDistribution


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


def test_each_is_said_once_and_rough_quadratures_are_counted_together():
    with approximations() as found:
        for count, worst in ((3, 0.7), (1, 2.5)):
            warnings.warn(QuadratureWarning(count, worst, 0.5), stacklevel=1)
            warnings.warn("B is approximate", ApproximationWarning, stacklevel=1)
    assert found[0] == "B is approximate" and len(found) == 2
    assert "error of 4 posteriors is above 0.5 of the evidence, at most 2.5" in found[1]
    assert "in one without a bound" in str(QuadratureWarning(1, float("inf"), 0.5))


def test_posteriors_of_too_few_boxes_reach_a_tables_approximations(monkeypatch):
    """Little noise on a wave of three laws, whose boxes are all used up."""
    monkeypatch.setattr(quadrature_refinement, "most_boxes", lambda group: 1)
    mixture = Mixture([Sinusoid(frequency=(0.5, 1.5), amplitude=Uniform(0.5, 1.5))], noise=0.001)
    with approximations() as found:
        evaluate(Mean(), InDistribution(), [12], mixture=mixture, tasks=4, queries=4, progress=Silence())
    (said,) = found
    assert said.startswith("the estimated quadrature error of ") and "is above 0.5 of the evidence, at most" in said
