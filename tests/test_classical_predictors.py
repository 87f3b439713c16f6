"""The classical predictors: each against scikit-learn, a closed form or brute force."""

import itertools

import jax
import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Lasso as SklearnLasso
from sklearn.linear_model import LassoCV, RidgeCV
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.neighbors import KNeighborsRegressor

from offprior.evaluation.comparison_panel import panel
from offprior.families.linear import Linear
from offprior.families.relu_network import ReluNetwork
from offprior.families.sinusoid import Sinusoid
from offprior.families.sparse_linear import SparseLinear
from offprior.families.task_pool import TaskPool
from offprior.mixture import Mixture
from offprior.predictors.averaging import Averaging
from offprior.predictors.bayes import Bayes
from offprior.predictors.boosted_trees import BoostedTrees
from offprior.predictors.decision_tree import DecisionTree
from offprior.predictors.gradient_descent import GradientDescent
from offprior.predictors.lasso import Lasso, lasso_path
from offprior.predictors.least_squares import LeastSquares
from offprior.predictors.mean import Mean
from offprior.predictors.nadaraya_watson import NadarayaWatson
from offprior.predictors.nearest_neighbours import NearestNeighbours
from offprior.predictors.predictor import in_order
from offprior.predictors.ridge import Ridge, oracle_penalty
from offprior.predictors.smoother import Smoother


def prompts(count=6, pairs=12, dimension=3, seed=0, noise=0.3):
    """Contexts of sparse linear tasks with noise, single precision's numbers in double, and queries."""
    rng = np.random.default_rng(seed)
    x, queries = (rng.normal(size=(count, n, dimension)).astype(np.float32).astype(float) for n in (pairs, 5))
    weights = rng.normal(size=(count, dimension)) * (np.arange(dimension) < 3)
    return x, np.einsum("bkd,bd->bk", x, weights) + noise * rng.normal(size=(count, pairs)), queries


def means(predictor, x, y, queries):
    return predictor.predict_batch(x, y, queries, [y.shape[1]]).mean[:, 0]


def each(make, x, y, queries):
    """What a scikit-learn estimator predicts, fitted to each prompt by itself."""
    return np.stack([make(*prompt).predict(asked) for *prompt, asked in zip(x, y, queries, strict=True)])


def test_mean_and_averaging():
    x, y, queries = prompts()
    answer = Mean().predict_batch(x, y, queries, [0, 1, 12])
    np.testing.assert_allclose(answer.mean[:, 2], np.repeat(y.mean(1)[:, None], 5, axis=1))
    np.testing.assert_allclose(answer.variance[:, 2, 0], y.std(1, ddof=1) ** 2 / 12)
    assert (answer.mean[:, 0] == 0).all() and np.isnan(answer.variance[:, 1]).all()
    weights = np.mean([y[:, i, None] * x[:, i] for i in range(12)], axis=0)
    np.testing.assert_allclose(means(Averaging(), x, y, queries), np.einsum("bmd,bd->bm", queries, weights))


@pytest.mark.parametrize("pairs", [2, 12])
def test_ridge_with_a_given_penalty(pairs):
    x, y, queries = prompts(pairs=pairs)
    expected = each(lambda x, y: SklearnRidge(alpha=0.7, fit_intercept=False).fit(x, y), x, y, queries)
    np.testing.assert_allclose(means(Ridge(penalty=0.7), x, y, queries), expected, rtol=1e-8)
    exact = means(Ridge(penalty=0.0), x, y, queries)
    np.testing.assert_allclose(exact, means(LeastSquares(), x, y, queries), rtol=1e-8)


@pytest.mark.parametrize("pairs", [2, 12])
def test_the_oracle_ridge_is_bayes_under_its_linear_family(pairs):
    mixture = Mixture(families=[Linear(dimension=3, scale=1.5)], noise=0.4)
    x, y, queries = prompts(pairs=pairs)
    ridge = Ridge().for_mixture(mixture).predict_batch(x, y, queries, [1, pairs])
    exact = Bayes(mixture).predict_batch(x, y, queries, [1, pairs])
    np.testing.assert_allclose(ridge.mean, exact.mean, rtol=1e-8)
    np.testing.assert_allclose(ridge.variance, exact.variance, rtol=1e-7)


def test_the_oracle_penalty_is_that_of_the_linear_family():
    lines = Linear(dimension=4, scale=2.0)
    assert oracle_penalty(Mixture(families=[lines], noise=0.5)) == pytest.approx(0.25 / 4)
    assert oracle_penalty(Mixture(families=[TaskPool(family=lines)], noise=0.5)) == pytest.approx(0.25 / 4)
    sparse = SparseLinear(dimension=4, sparsity=1)
    assert oracle_penalty(Mixture(families=[sparse, lines], noise=0.5)) == pytest.approx(0.25 / 4)
    assert oracle_penalty(Mixture(families=[sparse], noise=0.5)) == pytest.approx(1.0, rel=0.05)
    bound = Ridge().for_mixture(Mixture(noise=0.5))
    assert bound.for_mixture(Mixture(noise=0.1)).mixture.noise == 0.5, "a predictor that knows its mixture keeps it"


@pytest.mark.parametrize("pairs", [4, 12])
def test_ridge_leaves_one_out_as_scikit_learn(pairs):
    x, y, queries = prompts(pairs=pairs, dimension=5)
    square = (np.linalg.svd(x, compute_uv=False) ** 2).mean(1)

    def fitted(x, y):
        place = next(i for i, known in enumerate(contexts) if known is x)
        alphas = np.logspace(4, -6, 41) * square[place]
        return RidgeCV(alphas=alphas, fit_intercept=False, gcv_mode="svd").fit(x, y)

    contexts = list(x)
    expected = np.stack([fitted(a, b).predict(q) for a, b, q in zip(contexts, y, queries, strict=True)])
    np.testing.assert_allclose(means(Ridge(choice="leave-one-out"), x, y, queries), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("pairs", "dimension"), [(6, 8), (30, 8), (9, 1)])
@pytest.mark.parametrize("penalty", [1.0, 0.1, 1e-3])
def test_the_lasso_with_a_given_penalty(pairs, dimension, penalty):
    x, y, queries = prompts(pairs=pairs, dimension=dimension)

    def fitted(x, y):
        return SklearnLasso(alpha=penalty, fit_intercept=False, tol=1e-13, max_iter=1_000_000).fit(x, y)

    expected = each(fitted, x, y, queries)
    np.testing.assert_allclose(means(Lasso(penalty=penalty), x, y, queries), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("pairs", [3, 10, 41])
def test_the_lasso_path_meets_its_conditions_of_optimality(pairs):
    """Correlations with the residual are the penalty's where a weight is not 0, and no larger elsewhere."""
    x, y, _ = prompts(count=200, pairs=pairs, dimension=20, seed=3)
    penalties = np.abs(np.einsum("bkd,bk->bd", x, y)).max(1)[:, None] / pairs * np.logspace(0.2, -3, 17)
    weights = lasso_path(x, y, np.ones(pairs, bool), penalties)
    residual = y[:, None] - np.einsum("bkd,bgd->bgk", x, weights)
    correlation = np.einsum("bkd,bgk->bgd", x, residual) / pairs / penalties[..., None]
    assert np.abs(correlation).max() <= 1 + 1e-7
    active = weights != 0
    np.testing.assert_allclose(correlation[active], np.sign(weights[active]), rtol=1e-7)
    assert (active.sum(-1) <= pairs).all() and (weights[:, 0] == 0).all()
    went = (active[:, :-1] & ~active[:, 1:]).any()
    assert went, "no weight has left a path: leaving is not tested"


def test_the_lasso_cross_validates_as_scikit_learn():
    x, y, queries = prompts(pairs=23, dimension=8)
    x, y = in_order(x, y)
    lasso = Lasso()
    grid = lasso.penalties(x, y)
    fold = np.arange(23) % lasso.folds
    splits = [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(lasso.folds)]
    expected = []
    for context, outputs, asked, alphas in zip(x, y, queries, grid, strict=True):
        model = LassoCV(alphas=alphas, cv=splits, fit_intercept=False, tol=1e-12, max_iter=1_000_000)
        expected.append(model.fit(context, outputs).predict(asked))
    np.testing.assert_allclose(means(lasso, x, y, queries), expected, rtol=1e-6, atol=1e-6)


def test_the_lasso_of_nothing_is_nothing():
    x, y, queries = prompts()
    assert (means(Lasso(), x[:, :1], y[:, :1], queries) == 0).all()
    assert (means(Lasso(), x, 0 * y, queries) == 0).all()
    assert np.isfinite(means(Lasso(), np.repeat(x[:, :, :1], 3, axis=2), y, queries)).all(), "alike columns"


@pytest.mark.parametrize(("count", "pairs"), [(1, 12), (3, 12), (3, 2)])
def test_nearest_neighbours(count, pairs):
    x, y, queries = prompts(pairs=pairs)
    expected = each(lambda x, y: KNeighborsRegressor(min(count, pairs)).fit(x, y), x, y, queries)
    np.testing.assert_allclose(means(NearestNeighbours(count=count), x, y, queries), expected, rtol=1e-12)


def test_kernel_regression():
    x, y, queries = prompts(dimension=2)
    square = ((queries[:, :, None] - x[:, None]) ** 2).sum(-1)
    weight = np.exp(-square / (2 * 0.8**2))
    expected = (weight * y[:, None]).sum(-1) / weight.sum(-1)
    np.testing.assert_allclose(means(NadarayaWatson(bandwidth=0.8), x, y, queries), expected)
    far = means(NadarayaWatson(bandwidth=1e-3), x, y, queries + 100)
    nearest = ((queries[:, :, None] + 100 - x[:, None]) ** 2).sum(-1).argmin(-1)
    np.testing.assert_allclose(far, np.take_along_axis(y, nearest, axis=1), err_msg="far away the nearest answers")


def test_kernel_regression_leaves_one_out():
    x, y, _ = prompts(count=3, pairs=9, dimension=1)
    predictor = NadarayaWatson()
    chosen = predictor._bandwidth(x, y)
    typical = np.sqrt(((x[:, :, None] - x[:, None]) ** 2).sum(-1).mean((1, 2)))
    for b in range(3):
        errors = []
        grid = typical[b] * np.logspace(1, -2.5, 29)
        for bandwidth in grid:
            left = [np.delete(np.arange(9), i) for i in range(9)]
            fixed = NadarayaWatson(bandwidth=bandwidth)
            guesses = [fixed.predict(x[b, keep], y[b, keep], x[b, i : i + 1]).mean[0] for i, keep in enumerate(left)]
            errors.append(np.mean((np.asarray(guesses) - y[b]) ** 2))
        assert chosen[b] == pytest.approx(grid[int(np.argmin(errors))])


@pytest.mark.parametrize("rate", [None, 0.05])
def test_gradient_descent_on_a_linear_model(rate):
    x, y, queries = prompts()
    steps = 7
    weights = np.zeros((6, 3))
    for _ in range(steps):
        gradient = np.einsum("bkd,bk->bd", x, np.einsum("bkd,bd->bk", x, weights) - y) / 12
        curvature = np.linalg.eigvalsh(np.einsum("bki,bkj->bij", x, x) / 12)[:, -1:]
        weights -= (1 / curvature if rate is None else rate) * gradient
    found = means(GradientDescent(steps=steps, rate=rate), x, y, queries)
    np.testing.assert_allclose(found, np.einsum("bmd,bd->bm", queries, weights))
    long = means(GradientDescent(steps=2000), x, y, queries)
    np.testing.assert_allclose(long, means(LeastSquares(), x, y, queries), rtol=1e-6)


def test_one_step_is_averaging_but_for_its_rate():
    x, y, queries = prompts()
    np.testing.assert_allclose(
        means(GradientDescent(steps=1, rate=1.0), x, y, queries), means(Averaging(), x, y, queries)
    )


def test_gradient_descent_on_a_network_is_adam():
    x, y, queries = prompts(count=2)
    predictor = GradientDescent(model="relu", steps=4, hidden=6, rate=0.02)
    found = means(predictor, x, y, queries)
    for b in range(2):
        weights = [np.asarray(part, np.float64) for part in predictor.first_weights(3)]
        moments = [[np.zeros_like(part), np.zeros_like(part)] for part in weights]
        for step in range(1, 5):
            hidden = x[b] @ weights[0]
            active = np.maximum(hidden, 0)
            slope = 2 * (active @ weights[1] - y[b]) / len(y[b])
            gradients = [x[b].T @ (slope[:, None] * weights[1] * (hidden > 0)), active.T @ slope]
            for part, gradient, (first, second) in zip(weights, gradients, moments, strict=True):
                first += 0.1 * (gradient - first)
                second += 0.001 * (gradient**2 - second)
                part -= 0.02 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        expected = np.maximum(queries[b] @ weights[0], 0) @ weights[1]
        np.testing.assert_allclose(found[b], expected, rtol=1e-4, atol=1e-5)


def test_a_tree_of_depth_one_is_the_best_stump():
    x, y, queries = prompts(count=3, pairs=8)
    found = means(DecisionTree(depth=1), x, y, queries)
    for b in range(3):
        best = (np.inf, None)
        for d, i in itertools.product(range(3), range(8)):
            low = x[b, :, d] <= x[b, i, d]
            if low.all():
                continue
            above = x[b, ~low, d].min()
            error = ((y[b, low] - y[b, low].mean()) ** 2).sum() + ((y[b, ~low] - y[b, ~low].mean()) ** 2).sum()
            goes_low = queries[b, :, d] <= (x[b, i, d] + above) / 2
            best = min(best, (error, np.where(goes_low, y[b, low].mean(), y[b, ~low].mean())), key=lambda pair: pair[0])
        np.testing.assert_allclose(found[b], best[1])


@pytest.mark.parametrize(("dimension", "depth"), [(1, 3), (3, 1)])
def test_boosted_trees_are_those_of_scikit_learn(dimension, depth):
    """Of several inputs some part the context alike, and scikit-learn draws among them: there at its own points."""
    x, y, queries = prompts(count=5, pairs=17, dimension=dimension)
    queries = queries if dimension == 1 else x

    def fitted(x, y):
        return GradientBoostingRegressor(n_estimators=50, max_depth=depth, learning_rate=0.1, random_state=0).fit(x, y)

    expected = each(fitted, x, y, queries)
    np.testing.assert_allclose(means(BoostedTrees(depth=depth), x, y, queries), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("pairs", [1, 2, 9])
def test_a_deep_boosted_tree_interpolates(pairs):
    x, y, _ = prompts(pairs=pairs)
    found = means(BoostedTrees(trees=1, rate=1.0, depth=8), x, y, x)
    np.testing.assert_allclose(found, y, rtol=1e-9, atol=1e-12)


PANELS = {
    "lines and sinusoids": (Mixture(), {"class fit", "class blend"}, {"Lasso", "averaging", "pool posterior"}),
    "lines": (Mixture(families=[Linear(dimension=3)]), {"Lasso", "averaging", "class fit"}, {"class blend"}),
    "pool": (
        Mixture(families=[TaskPool(family=Linear(dimension=2)), Linear(dimension=2)]),
        {"pool posterior", "class blend"},
        {"network by gradient descent"},
    ),
    "networks": (Mixture(families=[ReluNetwork(dimension=3)]), {"network by gradient descent"}, {"class fit"}),
}


@pytest.mark.parametrize("name", PANELS)
def test_the_panel_has_what_applies_and_all_of_it_answers(name):
    mixture, there, absent = PANELS[name]
    found = panel(mixture)
    labels = [predictor.label for predictor in found]
    assert len(set(labels)) == len(labels) and there <= set(labels) and not absent & set(labels)
    x, y, queries, _ = (np.asarray(part, np.float64) for part in mixture.prompts(jax.random.key(0), 3, 6, 4)[:4])
    for predictor in found:
        answer = predictor.predict_batch(x, y, queries, [0, 1, 6])
        assert np.isfinite(answer.mean).all(), predictor.label
        assert not (answer.variance < 0).any(), predictor.label


def test_sinusoids_are_no_lines():
    """A panel is good for telling algorithms apart: on its own prior the class fit comes far nearer than a line."""
    mixture = Mixture(families=[Linear(), Sinusoid()], noise=0.02)
    x, y, queries, truth = (np.asarray(p, np.float64) for p in mixture.prompts(jax.random.key(1), 32, 20, 16)[:4])
    algorithms = [*panel(mixture), Smoother()]
    errors = {p.label: np.square(means(p, x, y, queries) - truth).mean() for p in algorithms}
    assert errors["class fit"] < 0.01 < 0.1 < errors["least squares"]
    assert errors["class blend"] < 0.05 and errors["S"] < errors["least squares"]
