"""Numbers as text for language models: what is asked, how answers are read, and what is counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import offprior as op
from offprior.adapters.bracketed import without_brackets
from offprior.adapters.text_prompts import text_format
from offprior.errors import OffpriorError, SettingError

X, Y, QUERY = np.asarray([[0.52, -1.0], [2.0, -0.001]]), np.asarray([1.2, -3.456]), np.asarray([0.1, 7.0])
KINDS = ("lines", "delimited")


def test_one_feature_a_line_is_the_published_format():
    assert text_format("lines").prompt(X, Y, QUERY) == (
        "Feature 0: 0.52\nFeature 1: -1.00\nOutput: 1.20\n\n"
        "Feature 0: 2.00\nFeature 1: 0.00\nOutput: -3.46\n\n"
        "Feature 0: 0.10\nFeature 1: 7.00\nOutput:"
    )


def test_delimited_pairs_are_lines_with_commas():
    assert text_format("delimited", 1).prompt(X, Y, QUERY) == "0.5,-1.0,1.2\n2.0,0.0,-3.5\n0.1,7.0,"
    assert text_format("delimited", 0, "Go on:\n").prompt(X[:0], Y[:0], QUERY) == "Go on:\n0,7,"


@given(st.floats(-1e6, 1e6), st.integers(0, 6), st.sampled_from(KINDS))
def test_a_number_that_is_written_is_read_to_its_last_digit(value, decimals, kind):
    written = text_format(kind, decimals)
    assert abs(written.parsed(written.output(value)) - value) <= 0.5000001 * 10.0**-decimals


@pytest.mark.parametrize(
    ("answer", "value"),
    [(" 1.5\n\nFeature 0: 2", 1.5), ("-.25\n", -0.25), ("3", 3.0), ("+2.0, and so on", 2.0), ("1e-3\n", 1e-3)],
)
def test_an_answer_begins_with_its_number(answer, value):
    assert text_format("lines").parsed(answer) == value


@pytest.mark.parametrize("answer", ["", "\n", "about 3", "1.2.3", "--1", "12th", "1e999", "nan", "3x"])
def test_what_is_no_number_is_told(answer):
    with pytest.raises(ValueError, match="no number"):
        text_format("lines").parsed(answer)


def nearest_in_text(text):
    """Answers with the output of the pair whose input is nearest, read from the text alone."""
    *pairs, query = text.strip().split("\n")
    pairs = [tuple(map(float, pair.split(","))) for pair in pairs]
    return f"{min(pairs, key=lambda pair: abs(pair[0] - float(query.rstrip(','))))[1]:.6f}\n9,9\n"


def test_a_function_of_a_text_is_a_predictor_like_any_other():
    draw = np.random.default_rng(0)
    x, y, queries = draw.normal(size=(4, 8, 1)), draw.normal(size=(4, 8)), draw.normal(size=(4, 5, 1))
    found = op.wrap_text(nearest_in_text, format="delimited", decimals=6)
    want = op.NearestNeighbours(count=1).predict_batch(x, y, queries, [1, 8])
    np.testing.assert_allclose(found.predict_batch(x, y, queries, [1, 8]).mean, want.mean, atol=1e-6)
    assert found.label == "nearest_in_text" and found.trained and not found.failures and found.texts == 40


def test_an_answer_that_is_no_number_is_a_failure_of_its_prompt_and_counted():
    asked = op.wrap_text(lambda text: "I do not know" if "Output: 1.00" in text else " 2.0", "shy")
    x, queries = np.zeros((2, 1, 1)), np.ones((2, 3, 1))
    mean = asked.predict_batch(x, np.asarray([[1.0], [3.0]]), queries, [1]).mean
    assert np.isnan(mean[0]).all() and (mean[1] == 2.0).all()
    assert [failure.reason for failure in asked.failures] == ["ValueError: 3 of 3 queries: no number: 'I do not know'"]
    assert (asked.texts, asked.unreadable) == (6, 3)


def test_of_several_samples_the_median_and_the_spread_are_taken_and_some_may_be_unreadable():
    x, y, queries = np.zeros((1, 1, 1)), np.zeros((1, 1)), np.ones((1, 2, 1))
    samples = ["1", "2", "3", "10", "what?"]
    asked = op.wrap_text(lambda text: samples, "five")
    found = asked.predict_batch(x, y, queries, [1])
    np.testing.assert_allclose(found.mean[0, 0], 2.5)
    assert (found.variance > 0).all() and (asked.texts, asked.unreadable) == (10, 2)
    for few in (["1", "x", "y"], []):
        mute = op.wrap_text(lambda text, few=few: few, "mute")
        assert np.isnan(mute.predict_batch(x, y, queries, [1]).mean).all() and len(mute.failures) == 1
    assert "no answer was given" in mute.failures[0].reason


def test_the_log_likelihood_is_that_of_the_digits_as_they_are_written():
    def uniform(prompt, answer):
        assert prompt == "1.00,2.00\n5.00,"
        return -len(answer) * np.log(12)

    x, y, queries = np.ones((1, 1)), np.asarray([2.0]), np.asarray([[5.0], [5.0]])
    asked = op.wrap_text(lambda text: "0", "uniform", format="delimited", score=uniform)
    found = asked.log_likelihood(x, y, queries, np.asarray([0.5, -12.0]))
    np.testing.assert_allclose(found, -np.log(12) * np.asarray([5, 7]))
    with pytest.raises(OffpriorError, match="it gives no probabilities"):
        op.wrap_text(lambda text: "0", "mute").log_likelihood(x, y, queries, np.zeros(2))


def test_mistakes_are_told_at_once():
    for settings, told in (
        ({"format": "line"}, "did you mean lines"),
        ({"decimals": 13}, "whole number from 0 to 12"),
    ):
        with pytest.raises(SettingError, match=told):
            op.wrap_text(lambda text: "0", **settings)
    with pytest.raises(SettingError, match="give a function that continues a text"):
        op.wrap_text(str)


def test_settings_stand_in_brackets_after_a_path_that_may_have_its_own():
    known = ("format", "decimals")
    assert without_brackets("a/b(format='lines', decimals=2)", known, "") == (
        "a/b", {"format": "lines", "decimals": 2},
    )  # fmt: skip
    assert without_brackets("a (2)/b", known, "") == ("a (2)/b", {})
    assert without_brackets("a(2)", known, "") == ("a(2)", {})
    with pytest.raises(SettingError, match="unknown setting 'decimal'; did you mean decimals"):
        without_brackets("a(decimal=2)", known, "")
    with pytest.raises(SettingError, match="names nothing"):
        without_brackets("(decimals=2)", known, "hf:PATH")
