"""What comes in at the door: one check for every predictor of the catalogue and every entry."""

import inspect

import numpy as np
import pandas as pd
import pytest
from kinds import FUNCTION_PREDICTORS

from offprior import catalog
from offprior.errors import OffpriorError, SettingError
from offprior.evaluation.evaluate import evaluate
from offprior.evaluation.inside_model import Inside
from offprior.families.linear import Linear
from offprior.mixture import Mixture
from offprior.predictors._references import References
from offprior.predictors.bayes import Bayes
from offprior.predictors.boosted_trees import BoostedTrees
from offprior.predictors.predictor import Algorithm, Predictor, without_variance
from offprior.predictors.pretrained import Pretrained
from offprior.predictors.ridge import Ridge
from offprior.predictors.sampled_bayes import SampledBayes
from offprior.predictors.smoother import Smoother
from offprior.probes.convex import Convex
from offprior.prompt_check import as_numbers, as_single

NAMES = FUNCTION_PREDICTORS
MIXTURE = Mixture([Linear()])
RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 1))
Y = 2 * X[:, 0] + 0.1 * RNG.normal(size=6)
QUERIES = np.asarray([[0.5], [-1.0]])


class Plugin(Predictor):
    """Somebody else's, which checks nothing."""

    label = "plugin"

    def __init__(self):
        self.asked = 0

    def predict_batch(self, x, y, queries, lengths):
        self.asked += 1
        assert all(type(one) is np.ndarray and one.dtype == np.float64 for one in (x, y, queries))
        mean = np.repeat(y[:, None, :1], len(lengths), 1).repeat(queries.shape[1], 2)
        return mean, np.full_like(mean, np.nan)

    def family_posterior(self, x, y):
        return np.ones(1)


class Constant(Algorithm):
    """A plugin that answers only."""

    label: str = "constant"

    def answer(self, x, y, queries):
        return without_variance(np.repeat(y[:, :1], queries.shape[1], 1))


@pytest.fixture(scope="module", params=[*NAMES, "Plugin", "Constant"])
def predictor(request):
    built = {
        "Plugin": Plugin,
        "Constant": Constant,
        "bayes": lambda: Bayes(MIXTURE),
        "boosted-trees": lambda: BoostedTrees(trees=2),
        "sampled-bayes": lambda: SampledBayes(MIXTURE),
    }
    make = built.get(request.param) or catalog.find("predictors", request.param)
    return make().for_mixture(MIXTURE)


def entries(one):
    """Every way in, each from x, y and queries of one prompt."""
    found = {
        "predict": one.predict,
        "predict_batch": lambda x, y, queries: one.predict_batch(
            [x] if x is not None else None, [y] if y is not None else None, [queries], [2, 3]
        ),
    }
    for name in ("family_posterior", "log_evidence"):
        if hasattr(one, name):
            found[name] = lambda x, y, queries, name=name: getattr(one, name)(x, y)
    if hasattr(one, "classes"):
        found["classes"] = lambda x, y, queries: one.classes(
            [x] if x is not None else None, [y] if y is not None else None, [queries], [3]
        )
    return found


def changed(array, place, value):
    copy = np.array(array, object)
    copy[place] = value
    return copy


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, None])
def test_what_is_no_finite_number_is_named(predictor, value):
    for name, entry in entries(predictor).items():
        kind = "is None, not a number" if value is None else "is not finite"
        with pytest.raises(SettingError, match=rf"^y\[(0, )?3\] {kind}$"):
            entry(X, changed(Y, 3, value), QUERIES)
        with pytest.raises(SettingError, match=rf"^x\[(0, )?4, 0\] {kind}$"):
            entry(changed(X, (4, 0), value), Y, QUERIES)
        if name not in ("family_posterior", "log_evidence"):
            with pytest.raises(SettingError, match=rf"^queries\[(0, )?1, 0\] {kind}$"):
                entry(X, Y, changed(QUERIES, (1, 0), value))


def test_masked_and_missing_arrays_are_named(predictor):
    for entry in entries(predictor).values():
        with pytest.raises(SettingError, match=r"^y\[(0, )?2\] is masked"):
            entry(X, np.ma.masked_array(Y, np.arange(6) == 2), QUERIES)
        with pytest.raises(SettingError, match=r"^y is None"):
            entry(X, None, QUERIES)
        with pytest.raises(SettingError, match=r"^y\[(0, )?1\] is (not finite|<NA>, not a number)"):
            entry(X, pd.Series([1, pd.NA, 3, 4, 5, 6], dtype="Int64"), QUERIES)


def test_inputs_of_another_width_are_refused(predictor):
    wide, asked = np.repeat(X, 2, 1), np.repeat(QUERIES, 2, 1)
    for entry in entries(predictor).values():
        if predictor.input_dimension is None:
            entry(wide, Y, asked)
            continue
        with pytest.raises(SettingError, match=r"^inputs have 2 numbers, but the mixture's inputs have 1$"):
            entry(wide, Y, asked)


def test_shapes_that_do_not_fit_are_refused(predictor):
    with pytest.raises(SettingError, match=r"x \[6, 1\], y \[5\], queries \[2, 1\] were given; expected \[n, d\]"):
        predictor.predict(X, Y[:5], QUERIES)
    with pytest.raises(SettingError, match=r"numbers are inputs \[n, 1\]"):
        predictor.predict(X[:, 0], Y, QUERIES)
    with pytest.raises(SettingError, match=r"expected \[prompts, n, d\]"):
        predictor.predict_batch(X, Y, QUERIES, [3])
    with pytest.raises(SettingError, match=r"lengths.1: got 7, but the contexts have only 6 pairs"):
        predictor.predict_batch(X[None], Y[None], QUERIES[None], [3, 7])
    with pytest.raises(SettingError, match=r"lengths.0: 2.5 is not a number of pairs"):
        predictor.predict_batch(X[None], Y[None], QUERIES[None], [2.5])


def test_no_queries_and_no_prompts_have_empty_answers(predictor):
    alone = predictor.predict(X, Y, [])
    assert alone.mean.shape == alone.variance.shape == (0,)
    assert predictor.predict(X, Y, np.zeros((0, 1))).mean.shape == (0,)
    batch = predictor.predict_batch(X[None], Y[None], np.zeros((1, 0, 1)), [2, 3])
    assert batch.mean.shape == batch.variance.shape == (1, 2, 0)
    none = predictor.predict_batch(X[None][:0], Y[None][:0], QUERIES[None][:0], [2, 3])
    assert none.mean.shape == (0, 2, 2)
    if isinstance(predictor, Bayes | SampledBayes):
        found = predictor.classes(X[None], Y[None], np.zeros((1, 0, 1)), [2, 6])
        families = len(predictor.mixture.families)
        assert found.mean.shape == (1, 2, families, 0) and np.isfinite(found.log_evidence).all()


def test_lists_tables_and_integers_are_numbers(predictor):
    x, y, queries = np.arange(6)[:, None], np.asarray([2, 4, 5, 9, 8, 11]), np.asarray([[1], [3]])
    floats = predictor.predict(x.astype(float), y.astype(float), queries.astype(float))
    for kind in (
        lambda array: array,
        lambda array: array.tolist(),
        lambda array: np.ma.array(array),
        lambda array: array.astype(np.float16),
        lambda array: pd.Series(array, index=range(10, 16)) if array.ndim == 1 else pd.DataFrame(array),
    ):
        answer = predictor.predict(kind(x), kind(y), kind(queries))
        np.testing.assert_array_equal(answer.mean, floats.mean)
        np.testing.assert_array_equal(answer.variance, floats.variance)


def test_what_holds_no_numbers_is_named():
    for given, message in (
        ([[1.0], [1.0, 2.0]], "y is not an array of numbers"),
        (["a", "b"], r"y\[0\] is of type <U1, not a number"),
        ([1.0, "b"], "not a number"),
        ([1j, 2.0], r"y\[0\] is of type complex128, not a number"),
        (np.asarray(["2020-01-01"], "datetime64[D]"), r"y\[0\] is of type datetime64\[D\], not a number"),
        ([10**400, 1], r"y\[0\] is not finite"),
        ([np.ma.array([1.0, 2.0], mask=[False, True])], r"y\[0, 1\] is masked"),
    ):
        with pytest.raises(SettingError, match=message):
            as_numbers("y", given)


def test_numbers_too_large_for_a_network_are_named():
    with pytest.raises(SettingError, match=r"y\[0, 3\] is too large for the network's single precision"):
        Pretrained().predict(X, np.where(np.arange(6) == 3, 1e39, Y), QUERIES)
    np.testing.assert_array_equal(as_single("y", Y), Y.astype(np.float32))


def test_references_and_what_looks_inside_check_too():
    with pytest.raises(SettingError, match=r"y\[0, 1\] is not finite"):
        References(MIXTURE).batch(X[None], np.where(np.arange(6) == 1, np.nan, Y)[None], QUERIES[None], [3])
    with pytest.raises(SettingError, match=r"x\[1\] is not finite"):
        Inside(Pretrained()).streams(np.where(np.arange(6) == 1, np.nan, X[:, 0]), Y, 0.5)
    with pytest.raises(SettingError, match="inputs have 2 numbers, but the mixture's inputs have 1"):
        Inside(Pretrained()).streams(np.repeat(X, 2, 1), Y, np.full(2, 0.5))


def test_an_answer_of_another_shape_is_refused():
    class Short(Plugin):
        def predict_batch(self, x, y, queries, lengths):
            return np.zeros((len(x), 1)), np.zeros((len(x), 1))

    with pytest.raises(
        OffpriorError, match=r"plugin: it returned means .* \[1, 1\] and \[1, 1\], expected \[1, 1, 2\]"
    ):
        Short().predict(X, Y, QUERIES)


@pytest.mark.parametrize(
    "predictors, probes, message",
    [
        (
            [lambda x, y, q: q],
            Convex(),
            "predictors.0: an object of type function is not a predictor; give an instance of",
        ),
        ([Ridge(), "ridge"], Convex(), "predictors.1: 'ridge' is not a predictor"),
        ([Ridge], Convex(), r"predictors.0: Ridge is a class; write Ridge\(\)"),
        ([dict], Convex(), "predictors.0: the class dict is not a predictor"),
        (Ridge(), ["convex"], "probes.0: 'convex' is not a probe"),
        (Bayes(Mixture([Linear(dimension=2)]), label="mine"), Convex(), "predictors.0: mine takes inputs of 2 numbers"),
    ],
)
def test_what_evaluate_cannot_use_is_said_in_one_line(predictors, probes, message):
    with pytest.raises(SettingError, match=message) as caught:
        # As users have it: tests check the types of arguments before it is begun.
        inspect.unwrap(evaluate)(predictors, probes, [3], mixture=Mixture())
    assert len(str(caught.value).splitlines()) == 1


def test_a_mixture_that_is_none_is_said_in_one_line():
    with pytest.raises(SettingError, match="mixture: 'mueller-2023' is not a mixture; give one"):
        inspect.unwrap(evaluate)([Ridge()], Convex(), [3], mixture="mueller-2023")


def test_no_length_of_a_context_is_told():
    with pytest.raises(SettingError, match=r"lengths: got \[\], but prompts have 6 pairs"):
        Bayes(MIXTURE).classes(X[None], Y[None], QUERIES[None], [])


@pytest.mark.parametrize("number", [1.5, np.float32(1.5), np.asarray(1.5)])
def test_a_single_number_is_one(number):
    """As the query that a model is looked into at."""
    assert as_numbers("query", number).shape == () and float(as_single("query", as_numbers("query", number))) == 1.5
    with pytest.raises(SettingError, match="query is not finite"):
        as_numbers("query", number * np.nan)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"lengths": []}, "lengths: it must not be empty"),
        ({"lengths": [-1]}, "lengths.0: -1 is not a number of pairs"),
        ({"lengths": [3, 2.5]}, "lengths.1: 2.5 is not a number of pairs"),
        ({"lengths": ["a"]}, "lengths.0: 'a' is not a number of pairs"),
        ({"lengths": [True]}, "lengths.0: True is not a number of pairs"),
        ({"lengths": 5}, r"lengths: 5 is not a list of context lengths; write \[5\]"),
        ({"tasks": 0}, "tasks: got 0; write a whole number, 2 or more"),
        ({"tasks": 2.5}, "tasks: got 2.5"),
        ({"queries": 0}, "queries: got 0; write a whole number, 1 or more"),
        ({"queries": np.nan}, "queries: got nan"),
    ],
)
def test_lengths_and_counts_that_evaluate_cannot_use_are_said_in_one_line(settings, message):
    with pytest.raises(SettingError, match=message) as caught:
        inspect.unwrap(evaluate)([Ridge()], Convex(), mixture=Mixture(), **{"lengths": [3], **settings})
    assert len(str(caught.value).splitlines()) == 1


def test_further_entries_are_checked_too():
    """The gap of a quadrature, best fits and the smoother's own fit: no number comes of what is none."""
    broken, wide = np.where(np.arange(6) == 3, np.nan, Y), np.zeros((1, 6, 2))
    bayes = Bayes(MIXTURE)
    with pytest.raises(SettingError, match=r"y\[0, 3\] is not finite"):
        bayes.quadrature_gap(X[None], broken[None], QUERIES[None], [6])
    with pytest.raises(SettingError, match="inputs have 2 numbers, but the mixture's inputs have 1"):
        bayes.quadrature_gap(wide, Y[None], wide[:, :2], [6])
    with pytest.raises(SettingError, match=r"y\[0, 3\] is not finite"):
        Smoother().fit(X[None], broken[None])
    with pytest.raises(SettingError, match=r"truth\[0, 1\] is not finite"):
        References(MIXTURE).best_fits(QUERIES[None], np.asarray([[1.0, np.inf]]))
    with pytest.raises(SettingError, match="inputs have 2 numbers, but the mixture's inputs have 1"):
        References(MIXTURE).best_fits(wide[:, :2], np.zeros((1, 2)))
