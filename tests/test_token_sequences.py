"""Token sequences from end to end: mixtures, networks, predictors, evaluations, and refusals."""

import dataclasses
import itertools
import re
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hmmlearn.hmm import CategoricalHMM

from offprior.analysis.breaks import breaks
from offprior.analysis.identification import identification
from offprior.errors import SettingError
from offprior.evaluation.atlas import applicable
from offprior.evaluation.comparison_panel import panel
from offprior.evaluation.evaluate import evaluate
from offprior.evaluation.prediction_panels import panels
from offprior.families.automaton import Automaton
from offprior.families.hidden_markov import HiddenMarkov
from offprior.families.linear import Linear
from offprior.families.log_linear import LogLinear as LogLinearSource
from offprior.families.markov_chain import MarkovChain
from offprior.families.process_pool import ProcessPool
from offprior.families.sticky_chain import StickyChain
from offprior.families.token_process import TokenProcess
from offprior.families.unigram_source import UnigramSource
from offprior.figures.figure import ReportData
from offprior.mixture import Mixture
from offprior.models.transformer import Transformer
from offprior.parameter import parameter
from offprior.posterior import token_posterior as engine
from offprior.posterior.token_posterior import token_posterior
from offprior.predictors.bayes import Bayes
from offprior.predictors.n_gram import NGram, n_gram_statistics
from offprior.predictors.pretrained import Pretrained
from offprior.pretraining.pretrain import pretrain
from offprior.probes.convex import Convex
from offprior.probes.kernel_sum import KernelSum
from offprior.recipe.recipe import from_mapping
from offprior.report import where_it_breaks

KEY = jax.random.key(11)
TOKENS = Transformer(layers=2, heads=2, width=16, tokens="sequence", head="softmax")


def test_the_forward_algorithm_is_that_of_hmmlearn():
    """Log-probabilities of sequences, and so every next token, of hidden Markov models."""
    family = HiddenMarkov(vocabulary=5, states=4)
    for key in jax.random.split(KEY, 5):
        task = family.draw(key)
        tokens = np.asarray(family.sequence(task, key, 15))
        peer = CategoricalHMM(n_components=4, n_features=5)
        peer.startprob_, peer.n_features = np.full(4, 0.25), 5
        peer.transmat_, peer.emissionprob_ = (np.asarray(part, float) for part in task)
        peer.transmat_ /= peer.transmat_.sum(1, keepdims=True)
        peer.emissionprob_ /= peer.emissionprob_.sum(1, keepdims=True)
        said = np.asarray(family.next_tokens(task, jnp.asarray(tokens)), float)
        for length in range(1, 16):
            own = np.log(said[np.arange(length), tokens[:length]]).sum()
            assert own == pytest.approx(peer.score(tokens[:length, None]), abs=1e-4)


def test_a_pool_of_hidden_markov_models_is_weighed_as_hmmlearn_would():
    pool = ProcessPool(family=HiddenMarkov(vocabulary=5, states=3), size=6)
    tokens = np.asarray(Mixture([pool]).prompts(KEY, 4, 12, 1).y, np.int32)
    found = token_posterior(pool, tokens, [12]).log_evidence[:, 0]
    tasks, _ = pool.grid()
    scores = np.zeros((4, 6))
    for number in range(6):
        peer = CategoricalHMM(n_components=3, n_features=5)
        peer.startprob_ = np.full(3, 1 / 3)
        steps, emitted = (np.asarray(part[number], float) for part in tasks)
        peer.transmat_, peer.emissionprob_ = (part / part.sum(1, keepdims=True) for part in (steps, emitted))
        peer.n_features = 5
        scores[:, number] = [peer.score(row[:, None]) for row in tokens]
    np.testing.assert_allclose(found, np.logaddexp.reduce(scores - np.log(6), axis=1), atol=1e-4)


def test_dirichlet_counts_are_those_of_brute_force():
    """The predictive of a chain of order 2 is an average over many drawn chains, weighed by their likelihood."""
    family, tokens = MarkovChain(vocabulary=2, order=2), jnp.asarray([0, 1, 1, 0, 1, 1, 0, 1], jnp.int32)
    exact = token_posterior(family, np.asarray(tokens)[None], [8]).predictive[0, 0]

    @jax.jit
    @jax.vmap
    def of_task(key):
        said = family.next_tokens(family.draw(key), tokens)
        return jnp.prod(jnp.take_along_axis(said[:-1], tokens[:, None], axis=1)), said[-1]

    weight, said = (np.asarray(each, float) for each in of_task(jax.random.split(KEY, 40_000)))
    np.testing.assert_allclose((weight[:, None] * said).sum(0) / weight.sum(), exact, atol=0.01)


@pytest.mark.parametrize("family", [
    StickyChain(vocabulary=3),
    ProcessPool(family=MarkovChain(vocabulary=3, order=2), size=7),
    ProcessPool(family=UnigramSource(vocabulary=3), size=4),
    LogLinearSource(first=StickyChain(vocabulary=3), second=ProcessPool(family=MarkovChain(vocabulary=3), size=5)),
], ids=["sticky", "order-2", "unigram", "log-linear"])  # fmt: skip
def test_a_table_and_reading_each_sequence_agree(family, monkeypatch):
    """Two ways to the same posterior: counts of the last tokens, and one pass of every task."""
    tokens = np.asarray(list(itertools.product(range(3), repeat=4)), np.int32)
    counted = token_posterior(family, tokens)
    monkeypatch.setattr(engine, "contexts", lambda family: None)
    read = token_posterior(family, tokens)
    np.testing.assert_allclose(counted.log_evidence, read.log_evidence, atol=1e-10)
    np.testing.assert_allclose(counted.predictive, read.predictive, atol=1e-10)


def test_an_impossible_sequence_leaves_the_prior():
    """No automaton of the pool allows it: no evidence, and the next token as the prior has it."""
    pool = ProcessPool(family=Automaton(vocabulary=4, states=2, arcs=1), size=3)
    every = np.asarray(list(itertools.product(range(4), repeat=4)), np.int32)
    found = token_posterior(pool, every)
    lost = np.isneginf(found.log_evidence[:, -1])
    assert lost.any() and not lost.all() and np.isfinite(found.predictive).all()
    np.testing.assert_allclose(found.predictive.sum(-1), 1, atol=1e-9)


def test_the_realised_mixture_is_the_declared_one():
    mixture = Mixture([StickyChain(vocabulary=4), UnigramSource(vocabulary=4)], [0.8, 0.2])
    prompts = mixture.prompts(KEY, 2000, 30, 1)
    family, y = np.asarray(prompts.family), np.asarray(prompts.y)
    assert abs((family == 0).mean() - 0.8) < 4 * (0.16 / 2000) ** 0.5
    steps = np.diff(y, axis=1) % 4
    common = np.stack([(steps == shift).mean(1) for shift in range(4)]).max(0)
    assert common[family == 0].mean() > 0.7 > 0.55 > common[family == 1].mean()
    shown = np.asarray(mixture.sequences(KEY, 5, 6).x)
    assert (shown[:, 0] == 0).all() and (shown[:, 1:].sum(-1) == 1).all(), "x is the token before, one-hot"


def test_a_network_sees_no_token_too_early():
    """Changing a token changes no prediction at its own place or before, and changes later ones."""
    mixture = Mixture([MarkovChain(vocabulary=3)])
    network = TOKENS.initialise(KEY, dimension=3, points=12, targets=jnp.zeros(8))
    model = Pretrained(network, mixture, trained_to=12, limit=12)
    tokens = np.asarray(mixture.prompts(KEY, 4, 12, 1).y, np.int32)
    changed = tokens.copy()
    changed[:, 6] = (changed[:, 6] + 1) % 3
    before, after = (model.next_tokens(each, range(13)) for each in (tokens, changed))
    np.testing.assert_array_equal(before[:, :7], after[:, :7])
    assert (np.abs(before[:, 7:] - after[:, 7:]).max(-1) > 0).all()
    np.testing.assert_allclose(before.sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(before[:, [5]], model.next_tokens(tokens[:, :5], [5]), atol=1e-5)


def test_training_is_on_the_next_token_at_every_place():
    """The loss is the cross-entropy of the tokens under the network's own answers; a short training lowers it."""
    mixture = Mixture([StickyChain(vocabulary=4)])
    drawn = mixture.sequences(KEY, 6, 9)
    network = TOKENS.initialise(KEY, dimension=4, points=8, targets=jnp.zeros(8))
    losses, counted = network.training_loss(drawn.x, drawn.y, jax.random.split(KEY, 6))
    said = np.asarray(network.next_tokens(drawn.x))
    chosen = np.take_along_axis(said, np.asarray(drawn.y, int)[..., None], axis=2)[..., 0]
    assert counted.all() and losses.shape == (6, 9)
    np.testing.assert_allclose(losses, -np.log(chosen), rtol=1e-4, atol=1e-5)
    model = pretrain(TOKENS, mixture, steps=150, batch=32, points=8, learning_rate=8e-3)
    prompts = mixture.prompts(KEY, 200, 8, 1)
    tokens, truth = np.asarray(prompts.y, np.int32), np.asarray(prompts.truth, float)[:, [8]]
    found = [
        (truth * np.log(truth / each)).sum(-1).mean() for each in (model.next_tokens(tokens, [8]), np.full(4, 0.25))
    ]
    assert found[0] < 0.6 * found[1]


def test_attention_alone_has_no_feed_forward_layers():
    network = eqx.tree_at(
        lambda model: model,
        Transformer(layers=2, heads=1, width=8, tokens="sequence", head="softmax", attention_only=True),
        replace_fn=lambda model: model.initialise(KEY, dimension=2, points=5, targets=jnp.zeros(8)),
    )
    assert all(block.up is None and block.down is None for block in network.blocks)
    assert len(jax.tree.leaves(network.matrices())) and sum(jax.tree.leaves(network.matrices())) == 4


def test_n_gram_statistics_are_stationary():
    """Unigrams of a chain are its stationary law, found independently as an eigenvector; bigrams are the chain."""
    pool = ProcessPool(family=MarkovChain(vocabulary=4), size=5)
    unigrams, chains = n_gram_statistics(pool, 1)[:, 0], n_gram_statistics(pool, 2)
    for law, chain in zip(unigrams, chains, strict=True):
        values, vectors = np.linalg.eig(chain.T)
        vector = np.real(vectors[:, np.argmin(np.abs(values - 1))])
        np.testing.assert_allclose(law, vector / vector.sum(), atol=1e-8)
    np.testing.assert_allclose(n_gram_statistics(pool, 3).reshape(5, 4, 4, 4)[:, 2], chains, atol=1e-12)


def test_bigram_retrieval_is_b_of_the_pool():
    mixture = Mixture([ProcessPool(family=MarkovChain(vocabulary=4), size=5)])
    tokens = np.asarray(mixture.prompts(KEY, 20, 16, 1).y, np.int32)
    found = NGram(n=2, source="retrieval").for_mixture(mixture).next_tokens(tokens, [0, 3, 16])
    np.testing.assert_allclose(found, Bayes(mixture).next_tokens(tokens, [0, 3, 16]), atol=1e-12)


def test_an_evaluation_in_nats():
    """Errors are divergences from the truth, M1 is that from B; C closes the prior gap, and B is unbeaten inside."""
    mixture = KernelSum.example_mixture()
    panel = [NGram(n=1, label="model"), NGram(n=2), NGram(n=0, label="uniform")]
    table = evaluate(panel, KernelSum(count=3), [4, 24], mixture=mixture, tasks=300)
    rows = table.to_pandas()
    assert set(rows["unit"]) == {"nats per token"}
    found = table.metrics().set_index(["probe", "strength", "length"])
    middle = found.loc[("kernel-sum", 0.5, 24)]
    assert middle["M3"] > 0.02 and middle["M3_low"] > 0 and not middle["inside"]
    assert (found.query("inside")["M3"].fillna(0).abs() < 0.02).all()
    ends = found.query("inside")
    assert (ends["M4_low"] < 1e-6).all(), "nobody beats B where the prior lies"
    cell = rows.query("probe == 'kernel-sum' and strength == 0.5 and length == 24")
    errors = cell.groupby("predictor")["squared_error"].mean()
    assert middle["M2"] == pytest.approx(errors["model"]) and middle["bayes_nmse"] == pytest.approx(errors["B"])
    nearest = identification(rows, "model")
    assert (nearest["distance"] >= 0).all() and set(nearest["nearest"]) <= {*rows["predictor"]}


def test_what_does_not_fit_together_is_refused():
    small = {
        **{"name": "small", "title": "A small one"},
        "mixture": {"families": ["markov-chain"]},
        "model": {"name": "transformer", "tokens": "sequence", "head": "softmax"},
        "training": {"steps": 2},
    }
    with pytest.raises(SettingError, match=r"probes.0.name: the probe is for functions, but the mixture's families"):
        from_mapping({**small, "probes": ["convex"]})
    with pytest.raises(SettingError, match="model: the model predicts real values, but the mixture's families have"):
        from_mapping({**small, "model": {"name": "transformer"}})
    with pytest.raises(SettingError, match=r"predictors.0: ridge predicts real values, but the mixture's families are"):
        from_mapping({**small, "predictors": ["ridge"]})
    with pytest.raises(SettingError, match=r"mixture.noise: token processes have no inputs and no noise"):
        from_mapping({**small, "mixture": {"families": ["markov-chain"], "noise": 0.3}})
    with pytest.raises(SettingError, match=r"predictors.0.source: retrieval needs a mixture with a pool"):
        from_mapping({**small, "predictors": [{"name": "n-gram", "source": "retrieval"}]})
    wide = {**small, "mixture": {"families": [{"name": "markov-chain", "vocabulary": 50}]}}
    with pytest.raises(SettingError, match=r"predictors.0.n: 4-grams of 50 tokens are too many to count"):
        from_mapping({**wide, "predictors": [{"name": "n-gram", "n": 4}]})
    with pytest.raises(SettingError, match="either families of functions or token processes"):
        Mixture([MarkovChain(), Linear()])
    with pytest.raises(SettingError, match=r"families.1.vocabulary: it must be 2, as for the first family; got 10"):
        Mixture([MarkovChain(), UnigramSource()])
    with pytest.raises(SettingError, match=r"probes.0.name: the probe is for functions"):
        evaluate([], Convex(), [2], mixture=Mixture([MarkovChain()]), tasks=2)
    with pytest.raises(SettingError, match="head: a sequence of tokens, and nothing else, has softmax"):
        Transformer(tokens="sequence")


def test_the_examples_of_the_page_work_as_they_are():
    """The mixture with its exact predictor, and a family of one's own, whose posterior is enumerated."""
    text = (Path(__file__).parents[1] / "docs" / "tokens.md").read_text(encoding="utf-8")
    mixture, family = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    *setting, last = mixture.strip().splitlines()
    names: dict = {"TokenProcess": TokenProcess, "parameter": parameter, "jax": jax, "jnp": jnp, "np": np}
    exec("\n".join(setting), names)
    call, said = last.split("  # ")
    assert str(list(eval(call, names).shape)) in said
    exec(family, {**names, "__name__": "somebody"}, names)
    own = names["Alternating"]()
    every = np.asarray(list(itertools.product(range(2), repeat=5)), np.int32)
    found = token_posterior(own, every)
    assert np.exp(found.log_evidence[:, -1]).sum() == pytest.approx(1)
    drawn = Mixture([own]).prompts(KEY, 50, 6, 1)
    assert token_posterior(own, np.asarray(drawn.y, np.int32)).predictive.shape == (50, 7, 2)


def test_transition_matrices_are_those_of_the_source_and_of_b():
    """For chains of order 1 the truth is the chain itself; B's rows are those of its own predictions."""
    recipe = from_mapping({
        **{"name": "small", "title": "A small one"},
        "mixture": {"families": [{"name": "sticky-chain", "vocabulary": 4}, {
            "name": "process-pool", "size": 3, "family": {"name": "unigram-source", "vocabulary": 4}
        }]},
        "model": {"name": "transformer", "tokens": "sequence", "head": "softmax", "layers": 1, "heads": 1, "width": 8},
        "training": {"steps": 2, "points": 12}, "evaluation": {"lengths": [4, 12]}, "probes": ["kernel-sum"],
    })  # fmt: skip
    network = recipe.model.initialise(KEY, dimension=4, points=12, targets=jnp.zeros(8))
    rows = panels(Pretrained(network, recipe.mixture, trained_to=12, limit=12), recipe)
    assert set(rows["panel"]) == {"sticky-chain", "process-pool", "kernel-sum, a = 0.5"}
    assert set(rows["series"]) == {"truth", "model", "B", "C", "S"} and set(rows["length"]) == {11}
    tables = rows.pivot_table(index=["panel", "series", "before"], columns="token", values="probability")
    np.testing.assert_allclose(tables.sum(axis=1), 1, atol=1e-5)
    sticky = tables.loc[("sticky-chain", "truth")].to_numpy()
    assert all(np.allclose(np.roll(sticky[0], shift), sticky[shift]) for shift in range(4)), "one step for all tokens"
    unigram = tables.loc[("process-pool", "truth")].to_numpy()
    np.testing.assert_allclose(unigram, unigram[:1].repeat(4, axis=0), atol=1e-6)


def test_n_grams_are_called_what_they_are():
    found = [NGram(n=n).label for n in (0, 1, 4)] + [NGram(n=2, source="retrieval").label, NGram(label="mine").label]
    assert found == ["uniform", "unigram inference", "4-gram inference", "bigram retrieval", "mine"]


def test_the_panel_and_the_atlas_are_of_tokens():
    """Every predictor of a panel applies, retrieval where the mixture has a pool; probes are those of tokens."""
    chains, pool = (
        Mixture([MarkovChain(vocabulary=3)]),
        Mixture([ProcessPool(family=MarkovChain(vocabulary=3), size=4)]),
    )
    labels = [predictor.label for predictor in panel(pool)]
    assert {"uniform", "trigram inference", "unigram retrieval", "bigram retrieval", "induction copy"} <= set(labels)
    assert not any("retrieval" in predictor.label for predictor in panel(chains))
    found = applicable(pool)
    assert {type(probe).__name__ for probe in found.probes} >= {"HeldOutSources", "AlphabetPermutation", "ChainOrder"}
    assert found.left_out["convex"] == "the probe is for functions, but the mixture's families have tokens"
    table = evaluate(panel(pool), found.probes[:1], [8], mixture=pool, tasks=8)
    assert set(labels) <= set(table.to_pandas()["predictor"])


def test_where_it_breaks_is_said_in_tokens():
    mixture = KernelSum.example_mixture()
    table = evaluate([NGram(n=1, label="model")], KernelSum(count=3), [24], mixture=mixture, tasks=60)
    found = ReportData.from_evaluation(table.to_pandas())
    data = dataclasses.replace(found, breaks=breaks(found.metrics, trained=False))
    (row,) = where_it_breaks.breaks(data)
    assert "24 tokens" in row["place"] and "pairs" not in row["sentence"]
