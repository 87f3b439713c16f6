"""Families with an exact posterior by enumeration or by columns, against brute force and against scikit-learn."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact import agrees, dense, integrated

from offprior.components import NoClosedForm
from offprior.errors import SettingError
from offprior.families.combination import Combination
from offprior.families.decision_tree import DecisionTree
from offprior.families.fourier import Fourier
from offprior.families.gaussian_process import GaussianProcess
from offprior.families.heavy_tailed_linear import HeavyTailedLinear
from offprior.families.linear import Linear
from offprior.families.polynomial import Polynomial
from offprior.families.relu_network import ReluNetwork
from offprior.families.rotated_subspaces import RotatedSubspaces
from offprior.families.sparse_linear import SparseLinear
from offprior.families.task_pool import TaskPool
from offprior.families.union_of_subspaces import UnionOfSubspaces
from offprior.mixture import Mixture
from offprior.predictors.bayes import Bayes
from offprior.predictors.least_squares import LeastSquares

DRAWN = np.random.default_rng(11)
NOISE = 0.3
KEY = jax.random.key(3)


def prompt(d=1, k=4, m=5):
    return DRAWN.normal(size=(k, d)), DRAWN.normal(size=k), DRAWN.normal(size=(m, d))


@pytest.mark.parametrize("k", [1, 4, 9])
def test_sparse_linear_is_a_sum_over_supports(k):
    x, y, queries = prompt(6, k)
    supports = list(itertools.combinations(range(6), 2))
    parts = [(-np.log(15), x[:, s], queries[:, s], np.full(2, 1.5)) for s in map(list, supports)]
    agrees(SparseLinear(dimension=6, sparsity=2, scale=1.5), x, y, queries, NOISE, parts)


def test_a_random_sparsity_is_a_sum_over_all_sets():
    x, y, queries = prompt(4, 5)
    parts = []
    for size in range(1, 5):
        sets = list(itertools.combinations(range(4), size))
        parts += [(-np.log(4 * len(sets)), x[:, s], queries[:, s], np.ones(size)) for s in map(list, sets)]
    agrees(SparseLinear(dimension=4, sparsity=0), x, y, queries, NOISE, parts)
    counts = jax.vmap(lambda key: (SparseLinear(dimension=4, sparsity=0).draw(key) != 0).sum())(
        jax.random.split(KEY, 4000)
    )
    np.testing.assert_allclose(np.bincount(counts, minlength=5)[1:] / 4000, 0.25, atol=0.03)


def test_sparse_tasks_have_so_many_slopes_wherever():
    drawn = np.asarray(jax.vmap(SparseLinear(dimension=8, sparsity=3, scale=2.0).draw)(jax.random.split(KEY, 4000)))
    assert ((drawn != 0).sum(1) == 3).all()
    np.testing.assert_allclose((drawn != 0).mean(0), 3 / 8, atol=0.03)
    np.testing.assert_allclose(drawn[drawn != 0].std(), 2.0, rtol=0.03)


def test_too_many_supports_say_how_many_there_are():
    with pytest.raises(NoClosedForm, match="184756 sets of coordinates are too many"):
        SparseLinear(dimension=20, sparsity=10).components()
    with pytest.raises(SettingError, match="it must be at most the dimension 4, got 5"):
        SparseLinear(dimension=4, sparsity=5)


def test_a_union_of_subspaces_is_a_sum_over_them():
    family = UnionOfSubspaces(dimension=5, count=3, rank=2, scale=0.7, seed=4)
    x, y, queries = prompt(5, 4)
    parts = [(-np.log(3), x @ basis, queries @ basis, np.full(2, 0.7)) for basis in family.bases]
    agrees(family, x, y, queries, NOISE, parts)
    tasks = np.asarray(jax.vmap(family.draw)(jax.random.split(KEY, 300)))
    outside = [np.abs(tasks - tasks @ basis @ basis.T).max(1) for basis in family.bases]
    assert (np.min(outside, axis=0) < 1e-5).all() and (np.max(outside, axis=0) > 0.01).all()
    assert not np.allclose(family.bases, UnionOfSubspaces(dimension=5, count=3, rank=2, seed=5).bases)


@pytest.mark.parametrize("towards", ["next", "outside"])
def test_rotated_subspaces_are_a_sum_over_them(towards):
    family = RotatedSubspaces(dimension=6, count=2, rank=2, scale=0.7, seed=4, angle=40.0, towards=towards)
    x, y, queries = prompt(6, 4)
    parts = [(-np.log(2), x @ basis, queries @ basis, np.full(2, 0.7)) for basis in family.bases]
    agrees(family, x, y, queries, NOISE, parts)


def test_the_pool_posterior_is_a_sum_over_its_tasks():
    """dMMSE, arXiv 2306.15063, equation 4."""
    family = TaskPool(family=Linear(dimension=3), size=7, seed=2)
    x, y, queries = prompt(3, 4)
    slopes = np.stack([family.task(number).slopes for number in range(7)]).astype(float)
    residual = y[:, None] - x @ slopes.T
    weight = np.exp(-np.square(residual).sum(0) / (2 * NOISE**2))
    expected = queries @ slopes.T @ (weight / weight.sum())
    np.testing.assert_allclose(Bayes(Mixture([family], noise=NOISE)).predict(x, y, queries).mean, expected, rtol=1e-8)


def test_a_pool_smaller_than_the_batch_gives_its_own_tasks_and_no_others():
    family = TaskPool(family=Linear(dimension=2), size=4, seed=1)
    pool = np.stack([family.task(number).slopes for number in range(4)])
    drawn = np.asarray(jax.jit(jax.vmap(family.draw))(jax.random.split(KEY, 2000)).slopes)
    which = np.abs(drawn[:, None] - pool[None]).max(-1).argmin(1)
    np.testing.assert_array_equal(drawn, pool[which])
    np.testing.assert_allclose(np.bincount(which, minlength=4) / 2000, 0.25, atol=0.05)
    other = TaskPool(family=Linear(dimension=2), size=4, seed=2)
    assert not np.isin(drawn, np.asarray(other.task(0).slopes)).any(), "another seed, another pool"


@pytest.mark.parametrize("k", [1, 6])
def test_series_and_polynomials_are_their_columns(k):
    x, y, queries = prompt(1, k)

    def waves(at):
        return np.concatenate([np.sin(0.7 * at * [1, 2]), np.cos(0.7 * at * [1, 2])], axis=1)

    scales = 1.2 * np.asarray([1, 0.5, 1, 0.5])
    agrees(
        Fourier(harmonics=2, frequency=0.7, scale=1.2, decay=1.0),
        x,
        y,
        queries,
        NOISE,
        [(0.0, waves(x), waves(queries), scales)],
    )

    def powers(at):
        return (at / 2) ** np.arange(4)

    agrees(
        Polynomial(degree=3, width=2.0, scale=0.9),
        x,
        y,
        queries,
        NOISE,
        [(0.0, powers(x), powers(queries), np.full(4, 0.9))],
    )


def test_heavy_tails_are_a_mixture_of_scales():
    """Against a fine midpoint rule over the scale; and draws have the t-law's quantiles."""
    from scipy import stats

    x, y, queries = prompt(1, 3)
    places = (np.arange(20_000) + 0.5) / 20_000
    spread = 1 / np.sqrt(stats.gamma.ppf(places, 2.0, scale=1 / 2.0))
    parts = [(-np.log(20_000.0), x, queries, np.full(1, s)) for s in spread[::20]]
    parts = [(-np.log(len(parts)), *part[1:]) for part in parts]
    bayes = Bayes(Mixture(families=[HeavyTailedLinear(degrees=4.0)], noise=NOISE))
    evidence, mean, _ = integrated([(w, *dense(a, b, s, y, NOISE)) for w, a, b, s in parts])
    np.testing.assert_allclose(bayes.log_evidence(x, y), evidence, atol=2e-3)
    np.testing.assert_allclose(bayes.predict(x, y, queries).mean, mean, atol=2e-3)
    drawn = np.asarray(jax.vmap(HeavyTailedLinear(degrees=4.0).draw)(jax.random.split(KEY, 20_000)))[:, 0]
    np.testing.assert_allclose(np.quantile(drawn, [0.05, 0.5, 0.95]), stats.t.ppf([0.05, 0.5, 0.95], 4), atol=0.08)


KERNELS = {
    "rbf": (GaussianProcess(length_scale=0.8, deviation=1.3), 1e-6),
    "matern": (GaussianProcess(kernel="matern", length_scale=0.8, deviation=1.3), 5e-3),
    "periodic": (GaussianProcess(kernel="periodic", length_scale=0.9, deviation=1.3, period=2.0), 1e-6),
}


@pytest.mark.parametrize("name", KERNELS)
def test_a_gaussian_process_is_scikit_learns(name):
    kernels = pytest.importorskip("sklearn.gaussian_process.kernels")
    from sklearn.gaussian_process import GaussianProcessRegressor

    family, error = KERNELS[name]
    kernel = {
        "rbf": kernels.RBF(0.8),
        "matern": kernels.Matern(0.8, nu=2.5),
        "periodic": kernels.ExpSineSquared(0.9, 2.0),
    }[name]
    x, y, queries = prompt(1, 8)
    theirs = GaussianProcessRegressor(1.3**2 * kernel, alpha=NOISE**2, optimizer=None).fit(x, y)
    mean, deviation = theirs.predict(queries, return_std=True)
    bayes = Bayes(Mixture(families=[family], noise=NOISE))
    answer = bayes.predict(x, y, queries)
    assert family.kernel_error(10) < error
    np.testing.assert_allclose(answer.mean, mean, atol=20 * error)
    np.testing.assert_allclose(answer.variance, deviation**2, atol=20 * error)
    np.testing.assert_allclose(bayes.log_evidence(x, y), theirs.log_marginal_likelihood_value_, atol=100 * error)


def test_a_sum_that_stands_for_another_process_is_named_an_approximation():
    """Whatever is off by more than 1e-5, wherever it lies in a prior; what is not is called nothing of the sort."""
    kinds = [GaussianProcess(kernel=kernel) for kernel in ("rbf", "periodic")]
    kinds += [GaussianProcess(kernel="matern", smoothness=smoothness) for smoothness in ("1/2", "3/2", "5/2")]
    for family in kinds:
        error = family.kernel_error(10)
        for prior in (Mixture([family]), Mixture([Combination(Linear(), family)])):
            said = Bayes(prior).approximation
            assert (said != "") == (error > 1e-5)
            if said:
                assert f"waves stands for the Matérn process of ν = {family.smoothness}" in said
                assert f"{error:.2g} off" in said


@pytest.mark.parametrize("name", KERNELS)
def test_draws_of_a_gaussian_process_have_its_kernel(name):
    family, error = KERNELS[name]
    x = jnp.asarray([[0.0], [0.4], [1.1]])
    drawn = jax.jit(jax.vmap(lambda key, family: family.evaluate(family.draw(key), x), in_axes=(0, None)))(
        jax.random.split(KEY, 20_000), family
    )
    expected = 1.3**2 * family._correlation(np.abs(np.asarray(x) - np.asarray(x).T))
    np.testing.assert_allclose(np.cov(np.asarray(drawn).T), expected, atol=0.06 + error)


def test_a_network_is_its_formula():
    family = ReluNetwork(dimension=3, hidden=50)
    task = family.draw(KEY)
    x = DRAWN.normal(size=(4, 3)).astype(np.float32)
    expected = np.maximum(x @ np.asarray(task.inward), 0) @ np.asarray(task.outward)
    np.testing.assert_allclose(family.evaluate(task, jnp.asarray(x)), expected, rtol=1e-4, atol=1e-5)
    tasks = jax.vmap(family.draw)(jax.random.split(KEY, 3000))
    values = jax.vmap(family.value, in_axes=(0, None))(tasks, jnp.asarray([1.0, 2.0, 2.0]))
    np.testing.assert_allclose(np.square(values).mean(), 9.0, rtol=0.1, err_msg="E f(x)² = |x|²: He et al. 2015")


def test_a_tree_asks_its_questions_and_heeds_its_seed():
    family = DecisionTree(dimension=3, depth=2)
    task = family.draw(KEY)
    for x in itertools.product([-1.0, 1.0], repeat=3):
        first = x[int(task.coordinate[0])] > 0
        second = x[int(task.coordinate[2 if first else 1])] > 0
        assert float(family.value(task, jnp.asarray(x))) == float(task.leaves[2 * first + second])
    same, other = family.draw(KEY), family.draw(jax.random.key(4))
    np.testing.assert_array_equal(task.leaves, same.leaves)
    assert not np.array_equal(task.leaves, other.leaves)


@pytest.mark.parametrize(
    "family",
    [
        SparseLinear(dimension=6, sparsity=2),
        UnionOfSubspaces(dimension=6),
        TaskPool(family=Linear(dimension=6), size=9),
    ],
)
def test_nobody_beats_bayes_who_knows_less(family):
    mixture = Mixture(families=[family], noise=NOISE)
    x, y, queries, truth = (np.asarray(a, float) for a in mixture.prompts(KEY, 200, 8, 6)[:4])
    means = [one.predict_batch(x, y, queries, [3, 8]).mean for one in (Bayes(mixture), LeastSquares())]
    own, theirs = (np.square(mean - truth[:, None]).mean(2) for mean in means)
    assert (own.mean(0) < theirs.mean(0)).all()
