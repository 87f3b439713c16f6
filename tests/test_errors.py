"""Errors say what came, and what to write instead."""

import pickle

import pytest

from offprior.errors import OffpriorError, Problem, SettingError, choose_from, nearest


def test_a_problem_is_one_line_with_file_and_dotted_key():
    problem = Problem("heads", "width 128 is not divisible by 5 heads").inside("model", "my.yaml")
    assert str(problem) == "my.yaml: model.heads: width 128 is not divisible by 5 heads"


def test_going_further_out_keeps_the_file_and_lengthens_the_key():
    problem = Problem("low", "no", "inner.yaml").inside("frequency").inside("families.1")
    assert (problem.key, problem.file) == ("families.1.frequency.low", "inner.yaml")


def test_a_problem_of_the_whole_has_no_key():
    assert str(Problem("", "it is empty", "a.yaml")) == "a.yaml: it is empty"
    assert Problem("", "no").inside("mixture").key == "mixture"


@pytest.mark.parametrize("given", ["plain words", Problem("k", "m"), [Problem("k", "m"), Problem("l", "n")]])
def test_a_setting_error_shows_every_problem_on_its_line(given):
    error = SettingError(given)
    assert str(error).splitlines() == [str(problem) for problem in error.problems]
    assert isinstance(error, OffpriorError) and isinstance(error, ValueError)


def test_a_setting_error_survives_another_process():
    error = SettingError([Problem("a", "b", "c")])
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


@pytest.mark.parametrize(
    ("word", "expected"), [("frequncy", "frequency"), ("Frequency", "frequency"), ("zzz", None), ("", None)]
)
def test_the_nearest_choice(word, expected):
    assert nearest(word, ["frequency", "amplitude", "phase"]) == expected


def test_without_a_near_choice_all_are_shown():
    assert choose_from("zzz", ["adam", "muon"]) == "choose from adam, muon"
    assert choose_from("muom", ["adam", "muon"]) == "did you mean muon?"
