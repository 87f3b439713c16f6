"""Predictive distributions: moments and quantiles are those of the density, and that of B is exact."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

import offprior as op
from offprior.compute.randomness import key_for
from offprior.networks.heads import BucketHead, GaussianHead
from offprior.predictive.buckets import Buckets
from offprior.predictive.from_quantiles import FromQuantiles
from offprior.predictive.normal import Normal
from offprior.predictive.normal_mixture import NormalMixture
from offprior.predictors.pretrained import Pretrained

DRAWN = np.random.default_rng(0)
EVERY = {
    "normal": Normal(np.asarray([[0.3, -1.0]]), np.asarray([[0.5, 2.0]])),
    "mixture": NormalMixture(
        np.log(DRAWN.dirichlet(np.ones(4), size=(1, 2))),
        3 * DRAWN.normal(size=(1, 2, 4)),
        DRAWN.uniform(0.01, 1.0, (1, 2, 4)),
    ),
    "buckets": Buckets(
        DRAWN.dirichlet(np.ones(6), size=(1, 2)), np.asarray([-2, -1, -0.5, 0.2, 0.9, 2, 3.0]), np.asarray([0.7, 1.3])
    ),
    "quantiles": FromQuantiles(np.sort(DRAWN.normal(size=(1, 2, 5)), axis=-1), (0.05, 0.25, 0.5, 0.75, 0.95)),
}
PLACES = np.linspace(-25.0, 25.0, 400_001)
STEP = PLACES[1] - PLACES[0]


@pytest.mark.parametrize("name", EVERY)
def test_moments_and_quantiles_are_those_of_the_density(name):
    distribution = EVERY[name]
    density = np.exp(distribution.log_density(np.broadcast_to(PLACES, (1, 2, len(PLACES)))))
    assert np.allclose(density.sum(-1) * STEP, 1, atol=3e-4)
    assert np.allclose((PLACES * density).sum(-1) * STEP, distribution.mean, atol=1e-3)
    away = np.square(PLACES - distribution.mean[..., None])
    assert np.allclose((away * density).sum(-1) * STEP, distribution.variance, rtol=1e-3)
    levels = np.broadcast_to([0.01, 0.3, 0.6, 0.99], (1, 2, 4))
    found = distribution.quantiles(levels)
    below = (density[:, :, None] * (found[..., None] >= PLACES)).sum(-1) * STEP
    assert np.allclose(below, levels, atol=4e-4)


def test_quantiles_of_a_normal_law_give_that_law_at_any_levels():
    levels = (0.1, 0.2, 0.7, 0.95)
    found = FromQuantiles(norm(2.0, 3.0).ppf(levels)[None], levels)
    assert np.allclose(found.mean, 2.0) and np.allclose(found.variance, 9.0)
    y = np.asarray([[-20.0, 1.0, 9.0]])
    assert np.allclose(found.log_density(y), norm(2.0, 3.0).logpdf(y))
    assert np.allclose(found.quantiles(np.asarray([[0.001, 0.5, 0.999]])), norm(2.0, 3.0).ppf([[0.001, 0.5, 0.999]]))


MIXTURES = {
    "refined": lambda: op.Mixture(),
    "rows of scales": lambda: op.Mixture([op.Polynomial(), op.HeavyTailedLinear()], weights=[0.3, 0.7]),
    "many columns": lambda: op.Mixture([op.Linear(dimension=9)], noise=0.3),
    "two laws": lambda: op.Mixture([op.Linear(), op.Sinusoid(amplitude=1.0)]),
}


@pytest.mark.parametrize("name", MIXTURES)
def test_the_law_of_b_is_the_ratio_of_evidences(name):
    """Its density is p(y, D) / p(D), computed without it; its moments are those of `predict_batch`."""
    mixture = MIXTURES[name]()
    bayes = op.Bayes(mixture)
    taken = mixture.prompts(key_for(3), 4, 6, 2)
    x, y, queries = (np.asarray(each, float) for each in (taken.x, taken.y, taken.queries))
    found = bayes.predictive(x, y, queries, 99.0)
    known = bayes.predict_batch(x, y, queries, [6])
    assert np.allclose(found.mean, known.mean[:, 0], atol=1e-7)
    assert np.allclose(found.variance - float(mixture.noise) ** 2, known.variance[:, 0], rtol=1e-5, atol=1e-7)
    outputs = found.quantiles(np.full((4, 2, 2), [0.2, 0.9]))
    density = found.log_density(outputs)
    for prompt in range(4):
        before = bayes.log_evidence(x[prompt], y[prompt])
        longer = np.concatenate([x[prompt], queries[prompt, :1]])
        after = bayes.log_evidence(longer, np.append(y[prompt], outputs[prompt, 0, 1]))
        assert abs(after - before - density[prompt, 0, 1]) < 1e-5


def test_sampled_subsets_have_no_distribution():
    mixture = op.Mixture([op.SparseLinear(dimension=40, sparsity=8, particles=16)])
    bayes = op.Bayes(mixture)
    assert bayes.groups[0].subsets is not None
    assert bayes.predictive(np.zeros((1, 2, 40)), np.zeros((1, 2)), np.zeros((1, 1, 40)), 0.1) is None


@pytest.mark.parametrize("head", ["gaussian", "buckets"])
def test_a_network_has_the_distribution_of_its_head(head):
    """Its moments are those of `curve`, its density that of the training loss."""
    mixture = op.Mixture()
    model = op.Transformer(layers=1, heads=2, width=16, head=head, buckets=12)
    network = model.initialise(key_for(0), dimension=1, points=10, targets=jnp.linspace(-2.0, 2.0, 50))
    predictor = Pretrained(network, mixture, trained_to=10, limit=10)
    taken = mixture.prompts(key_for(1), 3, 10, 2)
    found = predictor.predictive(taken.x, taken.y, taken.queries, 0.0)
    known = predictor.predict_batch(taken.x, taken.y, taken.queries, [10])
    assert np.allclose(found.mean, known.mean[:, 0], atol=1e-5)
    assert np.allclose(found.variance - 0.01, known.variance[:, 0], rtol=1e-4, atol=1e-5)
    assert isinstance(network.read_head, GaussianHead if head == "gaussian" else BucketHead)
    outputs = jnp.asarray(DRAWN.normal(size=(5, 12 if head == "buckets" else 2)), jnp.float32)
    y = jnp.asarray([-3.0, -0.4, 0.1, 0.6, 4.0], jnp.float32)
    density = network.read_head.distribution(np.asarray(outputs)).log_density(np.asarray(y, float)[:, None])[:, 0]
    assert np.allclose(-density, network.read_head.loss(outputs, y), rtol=1e-4)


def test_a_head_of_one_number_has_no_distribution():
    assert Pretrained().predictive(np.zeros((1, 3, 1)), np.zeros((1, 3)), np.zeros((1, 1, 1)), 0.1) is None


def test_wrapped_predictors_have_their_quantiles_or_a_normal_law():
    x, y, queries = np.zeros((2, 3, 1)), np.ones((2, 3)), np.zeros((2, 2, 1))
    levels = (0.25, 0.5, 0.75)
    normal = op.wrap(lambda x, y, q: {"mean": q[:, 0] + 1, "variance": np.full(len(q), 3.0)}, "normal")
    found = normal.predictive(x, y, queries, 1.0)
    assert isinstance(found, Normal) and np.allclose(found.mean, 1) and np.allclose(found.variance, 4)
    spread = norm(0.0, 2.0).ppf(levels)
    quantiles = op.wrap(lambda x, y, q: (q[:, 0], q + spread[None]), "quantiles", levels=levels)
    found = quantiles.predictive(x, y, queries, 1.0)
    assert np.allclose(found.variance, 4) and np.allclose(found.log_density(np.ones((2, 2, 1))), norm(0, 2).logpdf(1))
    assert op.wrap(lambda x, y, q: q[:, 0], "points").predictive(x, y, queries, 1.0) is None
