"""The audit finds nothing in exact Bayes predictors, and finds learners that are none; a reduced `bench/audit.py`."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_runs import write

import offprior as op
from offprior.analysis.audit import (
    CONDITIONING,
    EXCHANGEABILITY,
    MEAN,
    MEASURES,
    NOT_CONSISTENT,
    NOT_MEASURED,
    VARIANCE,
    Measured,
    holm,
    judged,
)
from offprior.cli import main
from offprior.commands.audit import audit as carried_out
from offprior.commands.pretrain import pretrain_run
from offprior.errors import SettingError
from offprior.evaluation.next_draws import own_draws, squared, stratified
from offprior.predictive.normal import Normal
from offprior.predictors.predictor import BatchPrediction, Predictor

SETTINGS = {"prompts": 32, "lengths": (5,), "draws": 8}
QUICK = op.Mixture([op.Linear(), op.Polynomial(degree=2)], noise=0.2)


def bench():
    path = Path(__file__).parents[1] / "bench" / "audit.py"
    spec = importlib.util.spec_from_file_location("bench_audit", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


BENCH = bench()


def quick(build, seeds):
    return [op.audit(build(QUICK), QUICK, seed=seed, **SETTINGS) for seed in seeds]


@pytest.fixture(scope="module")
def exact():
    """Audits of B on new prompts each."""
    return quick(op.Bayes, range(40))


def test_false_alarms_are_at_most_one_in_twenty(exact):
    """40 audits: more than 5 alarms have a probability of .01 at the level."""
    assert sum(not one.is_consistent for one in exact) <= 5
    for one in exact:
        rows = one.rows.set_index("measure")
        assert rows.loc[EXCHANGEABILITY, "estimate"] < 1e-20 and rows.loc[CONDITIONING, "estimate"] < 1e-6
        assert list(rows["prompts"]) == [32] * 4


@pytest.mark.parametrize("name", BENCH.PLANTED)
def test_planted_learners_are_found(name, exact):
    found = quick(BENCH.PLANTED[name], range(4))
    assert BENCH.area([one.p_value for one in found], [one.p_value for one in exact]) >= 0.95
    measures = {row for one in found for row in one.rows.query("verdict == @NOT_CONSISTENT")["measure"]}
    expected = {"half of the context ignored": EXCHANGEABILITY}.get(name, CONDITIONING)
    assert expected in measures
    assert expected in next(one for one in found if not one.is_consistent).sentence


def test_area_counts_ties_by_half():
    assert BENCH.area([0.1, 0.2], [0.3, 0.4]) == 1 and BENCH.area([0.3], [0.3, 0.1]) == 0.25


def test_a_normal_law_of_two_moments_is_not_that_of_a_mixture(exact):
    """B passed off as normal is found, so that B's own law has to be the mixture's."""

    class Moments(op.Bayes):
        predictive = Predictor.predictive

    assert exact[0].is_consistent and not op.audit(Moments(QUICK), QUICK, seed=0, **SETTINGS).is_consistent


def test_a_gaussian_learner_with_all_deviations_halved_passes():
    """It is the Bayes predictor of another prior, with all its deviations halved: no audit can find it."""
    mixture = op.Mixture([op.Linear()])

    class Scaled(op.Bayes):
        def predictive(self, x, y, queries, noise):
            found = super().predictive(x, y, queries, noise)
            return Normal(found.mean, found.variance / 4)

    found = op.audit(Scaled(mixture), mixture, prompts=32, lengths=(5,))
    assert found.is_consistent and found.rows.set_index("measure").loc[CONDITIONING, "estimate"] < 1e-9
    assert not op.audit(BENCH.Overconfident(mixture), mixture, prompts=32, lengths=(5,)).is_consistent


class Drifting(Predictor):
    """Knows the drift and the variance by which it misses the martingale; order does not matter to it."""

    label = "drifting"

    def __init__(self, step, growth):
        self.step, self.growth = step, growth

    def predict_batch(self, x, y, queries, lengths):
        shape = (len(x), len(lengths), queries.shape[1])
        count = np.asarray(lengths, float)[None, :, None]
        return BatchPrediction(
            np.broadcast_to(self.step * count, shape), np.broadcast_to(1 + self.growth * count, shape)
        )


@pytest.mark.parametrize(("step", "growth"), [(0.5, 0.0), (0.0, 0.25), (0.0, 0.0)])
def test_drifts_are_those_that_were_planted(step, growth):
    """By hand: m' − m is `step`, v' − v is `growth`, and the joint factorises either way only without both."""
    x, y, queries = np.zeros((16, 4, 1)), np.zeros((16, 4)), np.zeros((16, 2, 1))
    found = own_draws(Drifting(step, growth), x, y, queries, 0.5, 8, np.random.default_rng(0))
    variance = 1 + 4 * growth + 0.25
    assert np.allclose(found.mean, step**2 / variance)
    assert np.allclose(found.variance, ((growth + step**2) / variance) ** 2)
    assert (found.conditioning > 0.01).all() == (step > 0 or growth > 0)
    assert (found.conditioning < 1e-12).all() == (step == growth == 0)


def test_levels_are_uniform_and_halves_are_products():
    levels = stratified(np.random.default_rng(0), (500, 8))
    assert np.all(np.floor(4 * levels) == np.tile(np.arange(4), 2))
    assert abs(levels.mean() - 0.5) < 0.005 and abs(np.var(levels) - 1 / 12) < 0.005
    drift = np.arange(8.0)[None]
    assert squared(drift) == np.mean([0, 1, 2, 3]) * np.mean([4, 5, 6, 7])


def test_holm_steps_down():
    assert np.allclose(holm(np.asarray([0.01, np.nan, 0.04, 0.03])), [0.03, np.nan, 0.06, 0.06], equal_nan=True)
    assert np.allclose(holm(np.asarray([0.6, 0.9])), 1.0)


def test_rows_are_judged_together_and_lost_prompts_do_not_count():
    drawn = np.random.default_rng(0)
    one, tasks = np.ones(64), drawn.normal(size=64)
    few = np.where(np.arange(64) < 5, 1.0, np.nan)
    rows = [(MEAN, tasks), (VARIANCE, tasks + 5), (CONDITIONING, few), (EXCHANGEABILITY, 0 * tasks)]
    found = judged([Measured(0, measure, 5, top, one) for measure, top in rows]).set_index("measure")
    assert list(found["verdict"]) == ["consistent", NOT_CONSISTENT, NOT_MEASURED, "consistent"]
    assert found.loc[VARIANCE, "low"] < tasks.mean() + 5 < found.loc[VARIANCE, "high"]
    assert found.loc[CONDITIONING, "prompts"] == 5 and np.isnan(found.loc[CONDITIONING, "p_value"])
    assert found.loc[EXCHANGEABILITY, "p_value"] > 0.99


def test_exchangeability_alone_without_a_distribution_and_failures_are_left_out():
    def failing(x, y, queries):
        if y[0] > 0:
            raise ValueError("no luck")
        return y[0] + 0 * queries[:, 0]

    found = op.audit(op.wrap(failing, "first"), QUICK, prompts=64, lengths=(5,))
    assert not found.has_distribution and list(found.rows["measure"]) == [EXCHANGEABILITY]
    assert found.rows["prompts"].item() < 40
    assert "no predictive distribution" in found.sentence
    order = op.audit(op.wrap(lambda x, y, q: y[0] + 0 * q[:, 0], "first"), QUICK, prompts=64, lengths=(5,))
    assert not order.is_consistent and order.rows["estimate"].item() > 0.1


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"draws": 5}, "draws: got 5; write an even number"),
        ({"lengths": (1, 5)}, "lengths: got .1, 5.; write"),
        ({"prompts": 3}, "prompts: got 3; write a whole number, 8 or more"),
        ({"mixture": op.Mixture([op.MarkovChain()])}, "an audit needs real values"),
    ],
)
def test_mistaken_settings_are_one_line(settings, words):
    with pytest.raises(SettingError, match=words):
        op.audit(op.Bayes(QUICK), **{"mixture": QUICK, **settings})


def test_the_command_audits_every_seed_of_a_run(tmp_path, capsys):
    """Untrained transformers of a density: neither order nor conditioning can hold."""
    settings = {"model.head": "gaussian", "model.positions": "learned"}
    run = pretrain_run(write(tmp_path, changes=settings), out=tmp_path / "run", seeds=2, progress=False)
    assert carried_out(run.folder, prompts=16, lengths=(4, 8)) == run.folder / "audit"
    said = capsys.readouterr().out
    rows = pd.read_csv(run.folder / "audit" / "audit.csv")
    assert sorted(set(rows["seed"])) == [0, 1] and set(rows["measure"]) == set(MEASURES)
    # A context of 8 is as long as the network takes: no pair can be appended.
    assert set(rows.loc[rows["length"] == 8, "measure"]) == {EXCHANGEABILITY}
    assert "not Bayesian inference under any prior" in said and NOT_CONSISTENT in said
    about = json.loads((run.folder / "audit" / "about.json").read_text())
    assert about["seeds"] == [0, 1] and about["recipe"] == "small" and about["result"] in said


def test_the_command_audits_an_address(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["audit", "ridge", "--prompts", "12", "--lengths", "3", "--out", "here"]) == 0
    assert "ridge: consistent" in capsys.readouterr().out
    assert len(pd.read_csv(tmp_path / "here" / "audit.csv")) == 4
    assert main(["audit", "ridge", "--prompts", "2"]) == 2
