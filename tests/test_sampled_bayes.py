# Converters take what users write, a number for a law; pyright sees the stored types alone, and no lengths of stars.
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false
"""The sampled posterior beside exact ones, and its diagnostics beside samples of which the answer is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from offprior.errors import SettingError
from offprior.families.decision_tree import DecisionTree
from offprior.families.heavy_tailed_linear import HeavyTailedLinear
from offprior.families.linear import Linear
from offprior.families.relu_network import ReluNetwork
from offprior.families.sinusoid import Sinusoid
from offprior.mixture import Mixture
from offprior.posterior import smc
from offprior.predictors.bayes import Bayes
from offprior.predictors.least_squares import LeastSquares
from offprior.predictors.sampled_bayes import SampledBayes, effective_size, split_r_hat

KEY = jax.random.key(4)
EXACT = {
    "linear": Mixture([Linear(intercept=True)], noise=0.2, inputs=(-2.0, 2.0)),
    "sinusoid": Mixture([Sinusoid()], noise=0.3, inputs=(-3.0, 3.0)),
    "decision-tree": Mixture([DecisionTree(dimension=2, depth=2)], noise=0.3),
}


@pytest.mark.parametrize("name", EXACT)
def test_it_agrees_with_the_exact_posterior(name):
    """Evidence, means and variances, within what the effective sample size allows."""
    mixture = EXACT[name]
    x, y, queries, _ = (np.asarray(a, float) for a in mixture.prompts(KEY, 2, 8, 6)[:4])
    sampled = SampledBayes(mixture, particles=512, moves=48 if name == "decision-tree" else 16, exact=False)
    ours, theirs = (one.predict_batch(x, y, queries, [0, 2, 8]) for one in (sampled, Bayes(mixture)))
    assert len(sampled.diagnostics) == 6 and {one.family for one in sampled.diagnostics} == {name}
    quality = np.asarray([(one.effective, one.r_hat) for one in sampled.diagnostics])
    assert quality[:, 0].min() > 40 and quality[:, 1].max() < 1.1
    error = np.abs(ours.mean - theirs.mean) / np.sqrt(theirs.variance)
    assert error.max() < 0.4 and np.sqrt(np.square(error).mean()) < 0.1
    np.testing.assert_allclose(ours.variance.sum(2), theirs.variance.sum(2), rtol=0.3)
    for b in range(2):
        assert abs(sampled.log_evidence(x[b], y[b]) - Bayes(mixture).log_evidence(x[b], y[b])) < 0.3


def test_a_network_agrees_with_brute_force():
    """One unit and one input: a·max(0, w·x), integrated over w on a fine grid and over a exactly."""
    from exact import dense, integrated

    mixture = Mixture([ReluNetwork(dimension=1, hidden=1)], noise=0.3, inputs=(-2.0, 2.0))
    x, y, queries, _ = (np.asarray(a, float) for a in mixture.prompts(KEY, 1, 6, 5)[:4])
    from scipy import stats

    weights = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)
    parts = [
        (-np.log(4000), *dense(np.maximum(x[0] * w, 0), np.maximum(queries[0] * w, 0), np.full(1, 2**0.5), y[0], 0.3))
        for w in weights
    ]
    evidence, mean, variance = integrated(parts)
    sampled = SampledBayes(mixture, particles=512)
    answer = sampled.predict(x[0], y[0], queries[0])
    np.testing.assert_allclose(answer.mean, mean, atol=0.15 * np.sqrt(variance.max()))
    assert abs(sampled.log_evidence(x[0], y[0]) - evidence) < 0.3


def test_families_without_a_closed_form_are_weighed_against_those_with_one(capsys):
    """A kink that no line has, then a line; the first family is exact, the second sampled."""
    mixture = Mixture([Linear(intercept=True), ReluNetwork(dimension=1, hidden=4)], noise=0.05)
    sampled = SampledBayes(mixture, particles=128, runs=2)
    x = np.linspace(-1, 1, 10)[:, None]
    assert sampled.family_posterior(x, np.abs(x[:, 0]))[1] > 0.99
    assert sampled.family_posterior(x, 0.5 - x[:, 0])[0] > 0.9
    assert {one.family for one in sampled.diagnostics} == {"relu-network"}
    said = capsys.readouterr().err
    assert "B (sampled): 1 posteriors sampled; effective sample size at least" in said and "split R-hat" in said


def test_nobody_beats_it_on_its_own_prior():
    mixture = Mixture([ReluNetwork(dimension=2, hidden=3)], noise=0.2, inputs=(-1.0, 1.0))
    x, y, queries, truth = (np.asarray(a, float) for a in mixture.prompts(KEY, 24, 8, 8)[:4])
    rivals = [LeastSquares(intercept=True), Bayes(Mixture([Linear(dimension=2, intercept=True)], noise=0.2))]
    ours, *theirs = (
        np.square(one.predict_batch(x, y, queries, [8]).mean[:, 0] - truth).mean(1)
        for one in (SampledBayes(mixture, particles=128, runs=2, verbose=False), *rivals)
    )
    for errors in theirs:
        excess = ours - errors
        assert excess.mean() < 3 * excess.std() / len(excess) ** 0.5
    assert ours.mean() < np.square(truth).mean() / 3


def test_an_evidence_is_unbiased():
    """exp(log-evidence) of many small clouds, averaged, for y = z + noise."""
    clouds = jax.vmap(lambda key: smc.tempered(lambda z: -jnp.square((1.5 - z[0]) / 0.1) / 2, 1, 32, 4, key))(
        jax.random.split(KEY, 400)
    )
    exact = np.exp(-(1.5**2) / (2 * 1.01)) * np.sqrt(0.01 / 1.01)
    ratios = np.exp(np.asarray(clouds.log_evidence, float)) / exact
    assert abs(ratios.mean() - 1) < 4 * ratios.std() / 20
    assert (clouds.power == 1).all() and (clouds.powers > 1).all()
    np.testing.assert_allclose(np.asarray(clouds.z).mean(), 1.5 / 1.01, atol=0.01)


def test_diagnostics_of_samples_of_which_all_is_known():
    generator = np.random.default_rng(0)
    independent = generator.normal(size=(4, 500, 3))
    assert split_r_hat(independent) < 1.02 and effective_size(independent) > 300
    apart = independent + np.asarray([0, 0, 0, 3.0])[:, None, None]
    assert split_r_hat(apart) > 1.5 and effective_size(apart) < 10
    drifting = independent + np.linspace(0, 3, 500)[:, None]
    assert split_r_hat(drifting) > 1.2, "halves of a run differ"
    assert split_r_hat(np.ones((4, 10, 2))) == pytest.approx(1, abs=0.2), "nothing varies, nothing disagrees"


def test_what_cannot_be_sampled_is_named():
    with pytest.raises(SettingError, match=r"families\.0: .*variable number of random bits"):
        SampledBayes(Mixture([HeavyTailedLinear()]), exact=False)
    assert SampledBayes(Mixture([HeavyTailedLinear()])).summary().endswith("closed form")
    with pytest.raises(SettingError, match="runs: must be at least"):
        SampledBayes(runs=1)


def test_several_threads_each_have_their_own_diagnostics(monkeypatch):
    """The last call's are whole: a row for each of its posteriors, whatever other threads ask meanwhile."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    from offprior.predictors import sampled_bayes

    sampled = SampledBayes(Mixture([ReluNetwork(dimension=1, hidden=1)]), particles=8, runs=2, moves=1, verbose=False)
    together = Barrier(2, timeout=60)

    def meet(values):
        together.wait()  # both threads are in the middle of a call, at every posterior
        return effective_size(values)

    monkeypatch.setattr(sampled_bayes, "effective_size", meet)
    x, y, queries = np.zeros((1, 3, 1)), np.zeros((1, 3)), np.zeros((1, 1, 1))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: sampled.classes(x, y, queries, [1, 2, 3]), range(2)))
    assert [one.length for one in sampled.diagnostics] == [1, 2, 3]
