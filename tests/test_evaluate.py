"""The evaluation: same prompts for all, B unbeaten inside, and predictors whose verdict is known."""

import numpy as np
import pandas as pd
import pytest

from offprior.components import FIXED_GRID
from offprior.errors import ApproximationWarning, OffpriorError
from offprior.evaluation.evaluate import evaluate
from offprior.evaluation.rows import UNTRAINED
from offprior.families.combination import Combination
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.families.task_pool import TaskPool
from offprior.input_laws.evenly import Evenly
from offprior.mixture import Mixture
from offprior.predictors.bayes import Bayes
from offprior.predictors.least_squares import LeastSquares
from offprior.predictors.predictor import BatchPrediction, Predictor
from offprior.probes._other_mixture import MixtureTest
from offprior.probes.context_length import ContextLength
from offprior.probes.convex import Convex
from offprior.probes.frequency import Frequency

MIXTURE = Mixture(families=[Linear(), Sinusoid(frequency=(0.5, 1.5))])
PROBE = Convex(0, 1, count=3)
LENGTHS = [5, 20]
SETTINGS = {"mixture": MIXTURE, "tasks": 48, "queries": 24}


class Relabelled(Predictor):
    """Another predictor, called the model."""

    trained = True

    def __init__(self, predictor, seed=0, longest=None):
        self._predictor, self.seed, self.label, self.longest = predictor, seed, "model", longest

    def predict_batch(self, x, y, queries, lengths):
        return self._predictor.predict_batch(x, y, queries, lengths)


class Constant(Predictor):
    """One number, whatever the context; its seed is of nothing that was trained."""

    label = "model"
    seed = 5

    def predict_batch(self, x, y, queries, lengths):
        mean = np.full((len(x), len(lengths), queries.shape[1]), 0.3)
        return BatchPrediction(mean, np.full_like(mean, np.nan))


@pytest.fixture(scope="module")
def middle():
    """The middle of the convex path as seen by B, C and a constant, each called the model."""
    combined = Bayes.including(MIXTURE, [PROBE.path(strength, MIXTURE) for strength in PROBE.strengths(MIXTURE)])
    found = {}
    for name, predictor in (("B", Bayes(MIXTURE)), ("C", combined), ("constant", Constant())):
        model = predictor if name == "constant" else Relabelled(predictor)
        rows = evaluate([model], PROBE, LENGTHS, **SETTINGS).metrics()
        found[name] = rows.query("probe == 'convex' and strength == 0.5 and length == 20").iloc[0]
    return found


def test_bayes_follows_bayes(middle):
    assert middle["B"]["M1"] == 0 and middle["B"]["M4"] == 0
    assert middle["B"]["verdict"] == "follows Bayes"


def test_one_that_knows_the_combinations_composes(middle):
    assert middle["C"]["M5"] == pytest.approx(1.0, abs=1e-9)
    assert middle["C"]["verdict"] == "under-trained" or middle["C"]["M1"] <= 0.01
    assert middle["C"]["M4_low"] > 0


def test_a_constant_is_under_trained(middle):
    assert middle["constant"]["verdict"] == "under-trained"


def test_inside_is_inside():
    """At both ends of the path the prior gap is nil, and nobody beats B beyond noise."""
    narrow = Bayes(Mixture(MIXTURE.families, noise=0.03))
    rows = evaluate([Relabelled(narrow)], PROBE, LENGTHS, **SETTINGS | {"tasks": 192})
    cells = rows.metrics().query("inside")
    assert set(cells["strength"]) == {0.0, 1.0} and (cells["M3"] <= 0.02).all()
    assert (cells.query("probe == 'convex'")["verdict"] == "no prior gap").all()
    for predictor in ("C", "class: linear", "class: sinusoid", "model"):
        inside = rows.metrics(predictor).query("probe == 'in-distribution'") if predictor != "C" else cells
        assert (inside["M4_low"] <= 1e-12).all(), predictor


def test_every_predictor_answers_the_same_prompts():
    table = evaluate([LeastSquares(), Relabelled(LeastSquares())], PROBE, LENGTHS, **SETTINGS).to_pandas()
    keys = ["probe", "strength", "length", "task"]
    for column in ("truth_mean", "truth_square", "surprise", "family"):
        assert (table.groupby(keys)[column].nunique() == 1).all(), column
    wide = table.pivot_table(index=keys, columns="predictor", values="squared_error")
    np.testing.assert_array_equal(wide["model"], wide[LeastSquares().label])


def test_prompts_are_a_function_of_the_seed_and_not_of_the_clock():
    one, same, other = (
        evaluate([Constant()], PROBE, [5], seed=seed, **SETTINGS).to_pandas()["truth_mean"] for seed in (0, 0, 1)
    )
    pd.testing.assert_series_equal(one, same)
    assert not one.equals(other)


def test_several_seeds_share_the_references():
    table = evaluate([Relabelled(LeastSquares(), seed=seed) for seed in (0, 1, 2)], PROBE, [5], **SETTINGS)
    rows = table.to_pandas()
    assert sorted(rows.query("predictor == 'model'")["seed"].unique()) == [0, 1, 2]
    assert rows.query("predictor == 'B'")["seed"].unique().tolist() == [-1]
    assert (table.metrics()["interval_over"] == "training seeds and tasks").all()
    with pytest.raises(OffpriorError, match="two predictors have the label"):
        evaluate([Constant(), Constant()], PROBE, [5], **SETTINGS)


def test_a_predictor_is_spared_contexts_that_it_cannot_take():
    rows = evaluate([Relabelled(LeastSquares(), longest=5)], ContextLength(ks=(2, 5, 9)), [5], **SETTINGS).to_pandas()
    rows = rows.query("probe == 'context-length'")
    assert set(rows.query("predictor == 'model'")["length"]) == {2, 5}
    assert set(rows.query("predictor == 'B'")["length"]) == {2, 5, 9}
    assert (rows["strength"] == rows["length"]).all()


def test_even_contexts_are_even_at_every_length():
    probe = Convex(0.5, 0.5, count=1, inputs=Evenly(-5, 5), noise=0.0)
    rows = evaluate([Constant()], probe, [5, 20], **SETTINGS).to_pandas().query(f"probe == '{probe.label}'")
    truths = rows.query("predictor == 'B'").pivot(index="task", columns="length", values="truth_mean")
    assert not np.array_equal(truths[5], truths[20]), "each context length has prompts of its own"


def test_noise_free_mixture_shows_bayes_at_ten_times_its_floor():
    quiet = Mixture(MIXTURE.families, noise=0.0, noise_floor=0.01)
    table = evaluate([Constant()], PROBE, [5], **{**SETTINGS, "mixture": quiet})
    row = table.metrics().query("probe == 'convex' and strength == 0.5").iloc[0]
    assert np.isfinite(row["bayes_nmse_floor10"]) and row["bayes_nmse_floor10"] != row["bayes_nmse"]
    assert "B at 10× floor" not in set(evaluate([Constant()], PROBE, [5], **SETTINGS).to_pandas()["predictor"])


def test_noise_that_double_precision_loses_is_told():
    little = Mixture([Linear()], noise=1e-8)
    with pytest.warns(UserWarning, match="noise: 1e-08 is 3e-09 times the values of y; in double precision log evid"):
        evaluate([Constant()], [], [3], mixture=little, tasks=8, queries=2)


def test_recovered_parameters_of_the_truth_are_one():
    rows = evaluate([Relabelled(Bayes(MIXTURE))], Frequency(1.0, 1.0, count=1), [20], **SETTINGS).metrics()
    row = rows.query("probe == 'frequency'").iloc[0]
    assert row["M9_amplitude"] == pytest.approx(1.0, abs=0.03)


def test_bayes_of_the_mixture_is_the_reference_itself():
    table = evaluate([Constant(), Bayes(MIXTURE)], PROBE, [5], **SETTINGS)
    assert not table.to_pandas().duplicated(["probe", "strength", "length", "task", "predictor", "seed"]).any()
    assert len(table.metrics()) == 4
    with pytest.raises(OffpriorError, match=r"label .* of a reference"):
        evaluate([Bayes(Mixture(MIXTURE.families, noise=0.2))], PROBE, [5], **SETTINGS)


def test_who_knows_no_mixture_needs_one_given():
    with pytest.raises(OffpriorError, match="give mixture="):
        evaluate([Constant()], PROBE, [5])


def test_a_reference_that_is_not_refined_says_so():
    mixture = Mixture(families=[Combination(TaskPool(Linear(), 300), Sinusoid(frequency=(1.0, 1.1)))])
    with pytest.warns(ApproximationWarning, match=f"B and C are approximate: {FIXED_GRID}"):
        evaluate([], [], [5], mixture=mixture, tasks=2, queries=4)


def test_a_seed_alone_makes_no_predictor_trained():
    found = evaluate(Constant(), [], [5], mixture=MIXTURE, tasks=2, queries=4).to_pandas()
    assert set(found.loc[found["predictor"] == "model", "seed"]) == {UNTRAINED}


def test_prompts_in_distribution_may_be_more_and_are_asked_in_parts():
    """The parts are the same prompts, with the same answers, as all of them asked at once."""
    predictor = LeastSquares()
    parts = evaluate([predictor], [PROBE], LENGTHS, mixture=MIXTURE, tasks=8, queries=4, plain=(20, 4)).to_pandas()
    whole = evaluate([predictor], [], LENGTHS, mixture=MIXTURE, tasks=20, queries=4).to_pandas()
    by = ["predictor", "length", "task"]
    inside = parts.query("probe == 'in-distribution'").sort_values(by).reset_index(drop=True)
    pd.testing.assert_frame_equal(inside[list(whole)], whole.sort_values(by).reset_index(drop=True), rtol=1e-9)
    assert set(inside["task"]) == set(range(20)) and set(parts.query("probe == 'convex'")["task"]) == set(range(8))
    # A place of the mixture's own prompts is not asked again.
    same = MixtureTest(name="same", other=MIXTURE)
    again = evaluate([predictor], [same], LENGTHS, mixture=MIXTURE, tasks=8, queries=4, plain=(20, 4)).to_pandas()
    assert set(again["probe"]) == {"in-distribution"}
