# Converters take what users write, a number for a law; pyright sees the stored types alone, and no lengths of stars.
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false
"""Families made of others, and those whose freedom is in where they are cut or bent: B against brute force."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact import agrees, dense, integrated
from scipy import stats

from offprior.components import NoClosedForm
from offprior.errors import SettingError
from offprior.families.combination import Combination
from offprior.families.composition import Composition
from offprior.families.decision_tree import DecisionTree
from offprior.families.grid import Grid
from offprior.families.linear import Linear
from offprior.families.low_rank_linear import LowRankLinear
from offprior.families.polynomial import Polynomial
from offprior.families.product import Product
from offprior.families.quadratic import Quadratic
from offprior.families.relu_network import ReluNetwork
from offprior.families.scaled import Scaled
from offprior.families.sinusoid import Sinusoid
from offprior.families.step_function import StepFunction
from offprior.families.task_pool import TaskPool
from offprior.laws.rayleigh import Rayleigh
from offprior.mixture import Mixture
from offprior.predictors.bayes import Bayes

DRAWN = np.random.default_rng(12)
NOISE = 0.3
KEY = jax.random.key(5)


def prompt(d=1, k=4, m=5):
    return DRAWN.normal(size=(k, d)), DRAWN.normal(size=k), DRAWN.normal(size=(m, d))


def test_quadratics_are_linear_in_squares():
    x, y, queries = prompt(3, 5)
    agrees(Quadratic(dimension=3, scale=0.8), x, y, queries, NOISE, [(0.0, x**2, queries**2, np.full(3, 0.8 / 3**0.5))])
    family = Quadratic(dimension=4)
    at = jax.random.normal(KEY, (20_000, 4))
    values = jax.vmap(family.value)(jax.vmap(family.draw)(jax.random.split(KEY, 20_000)), at)
    np.testing.assert_allclose(np.square(values).mean(), 4, rtol=0.08, err_msg="the variance of the linear family")


def test_a_shared_matrix_is_a_subspace():
    family = LowRankLinear(dimension=6, rank=2, scale=0.7, seed=3)
    x, y, queries = prompt(6, 4)
    agrees(family, x, y, queries, NOISE, [(0.0, x @ family.matrix, queries @ family.matrix, np.full(2, 0.7))])
    tasks = np.asarray(jax.vmap(family.draw)(jax.random.split(KEY, 50)))
    assert np.linalg.matrix_rank(tasks, tol=1e-4) == 2
    assert not np.allclose(family.matrix, LowRankLinear(dimension=6, rank=2, seed=4).matrix), "another seed, another U"
    with pytest.raises(SettingError, match="it must be at most the dimension 6, got 7"):
        LowRankLinear(dimension=6, rank=7)


@pytest.mark.parametrize("rank", [1, 3])
def test_a_matrix_of_each_tasks_own_is_a_random_scale(rank):
    """Brute force over |z|, which is χ-distributed; and the draws are spread over all dimensions."""
    family = LowRankLinear(dimension=3, rank=rank, shared=False)
    x, y, queries = prompt(3, 4)
    lengths = np.sqrt(stats.chi2.ppf((np.arange(4000) + 0.5) / 4000, rank))
    parts = [(-math.log(4000), x, queries, np.full(3, length / rank**0.5)) for length in lengths]
    agrees(family, x, y, queries, NOISE, parts, tolerance=2e-3)
    tasks = np.asarray(jax.vmap(family.draw)(jax.random.split(KEY, 20_000)))
    np.testing.assert_allclose(np.cov(tasks.T), np.eye(3), atol=0.06)
    drawn = np.quantile(np.linalg.norm(tasks, axis=1), [0.1, 0.5, 0.9])
    generator = np.random.default_rng(0)
    expected = np.sqrt(generator.chisquare(rank, 10**5) * generator.chisquare(3, 10**5) / rank)
    np.testing.assert_allclose(drawn, np.quantile(expected, [0.1, 0.5, 0.9]), rtol=0.05)


@pytest.mark.parametrize("k", [1, 6])
def test_step_functions_are_a_sum_over_cuts(k):
    family = StepFunction(cuts=2, places=5, low=-1.0, high=1.0, scale=0.9)
    x, y, queries = prompt(1, k)
    at = -1 + 2 * (np.arange(5) + 1) / 6
    parts = []
    for size in (1, 2):
        for cuts in itertools.combinations(at, size):
            holds = [(where >= np.asarray(cuts)).sum(1)[:, None] == np.arange(3) for where in (x, queries)]
            weight = -math.log(2 * math.comb(5, size))
            parts.append((weight, holds[0].astype(float), holds[1].astype(float), np.full(3, 0.9)))
    agrees(family, x, y, queries, NOISE, parts)


def test_steps_are_drawn_as_they_are_enumerated():
    family = StepFunction(cuts=3, places=7, low=0.0, high=8.0)
    tasks = jax.vmap(family.draw)(jax.random.split(KEY, 6000))
    cuts = np.asarray(tasks.cuts)
    counts = np.isfinite(cuts).sum(1)
    np.testing.assert_allclose(np.bincount(counts, minlength=4)[1:] / 6000, 1 / 3, atol=0.03)
    places = np.rint(cuts[np.isfinite(cuts)]).astype(int)
    np.testing.assert_allclose(cuts[np.isfinite(cuts)], places, atol=1e-5)
    np.testing.assert_allclose(np.bincount(places, minlength=8)[1:] / len(places), 1 / 7, atol=0.02)
    assert all(len(set(row[np.isfinite(row)])) == np.isfinite(row).sum() for row in cuts[:500]), "without repetition"
    task = jax.tree.map(lambda leaf: leaf[0], tasks)
    at = jnp.linspace(0.1, 7.9, 40)[:, None]
    assert len(np.unique(family.evaluate(task, at))) == counts[0] + 1
    with pytest.raises(NoClosedForm, match="sets of cuts are too many"):
        StepFunction(cuts=4, places=63).components()
    with pytest.raises(SettingError, match="cuts: it must be at most the number of places 2, got 3"):
        StepFunction(cuts=3, places=2)


@pytest.mark.parametrize("depth, dimension", [(1, 3), (2, 2)])
def test_small_trees_are_a_sum_over_their_questions(depth, dimension):
    family = DecisionTree(dimension=dimension, depth=depth, scale=1.1)
    x, y, queries = prompt(dimension, 5)
    parts = []
    for asked in itertools.product(range(dimension), repeat=family.inner):

        def leaves(at, asked=asked):
            found = np.zeros((len(at), family.inner + 1))
            for row, point in zip(found, at, strict=True):
                place = 0
                while place < family.inner:
                    place = 2 * place + 1 + (point[asked[place]] > 0)
                row[place - family.inner] = 1
            return found

        parts.append((-family.inner * math.log(dimension), leaves(x), leaves(queries), np.full(family.inner + 1, 1.1)))
    agrees(family, x, y, queries, NOISE, parts)
    with pytest.raises(NoClosedForm, match=r"20\^15 choices of coordinates"):
        DecisionTree().components()


SCALED = Scaled(family=Linear(intercept=True, scale=0.6), factor=-1.5, stretch=2.0, shift=0.4)


def test_a_scaled_family_is_the_other_at_moved_points():
    x, y, queries = prompt(1, 4)

    def columns(at):
        return np.concatenate([2 * at + 0.4, np.ones_like(at)], axis=1)

    agrees(SCALED, x, y, queries, NOISE, [(0.0, columns(x), columns(queries), np.asarray([0.9, 1.5]))])
    task = SCALED.draw(KEY)
    at = jnp.asarray([0.7])
    np.testing.assert_allclose(SCALED.value(task, at), -1.5 * SCALED.family.value(task, 2 * at + 0.4), rtol=1e-6)


def test_stretching_a_sinusoid_is_another_frequency():
    """c = 2 and s = 3 of ω ~ U[1, 2] are ω ~ U[3, 6] with twice the amplitude; the quadrature is refined as there."""
    x, y, queries = prompt(1, 9)
    stretched = Scaled(family=Sinusoid(frequency=(1.0, 2.0)), factor=2.0, stretch=3.0)
    other = Sinusoid(frequency=(3.0, 6.0), amplitude=Rayleigh(2.0))
    ours, theirs = (Bayes(Mixture([family], noise=0.02)) for family in (stretched, other))
    np.testing.assert_allclose(ours.log_evidence(x, y), theirs.log_evidence(x, y), rtol=1e-7)
    np.testing.assert_allclose(ours.predict(x, y, queries).mean, theirs.predict(x, y, queries).mean, rtol=1e-6)
    assert float(stretched.angular_frequency(stretched.draw(KEY))) > 3


POOL = TaskPool(family=Linear(dimension=2), size=5, seed=3)


def pool_values(at):
    with jax.enable_x64(False):
        slopes = np.stack([POOL.task(number).slopes for number in range(5)]).astype(float)
    return at @ slopes.T


@pytest.mark.parametrize("swapped", [False, True])
def test_a_product_with_known_functions_is_linear_in_the_rest(swapped):
    x, y, queries = prompt(2, 5)
    sides = (POOL, Linear(dimension=2, intercept=True, scale=0.8))
    family = Product(*(sides[::-1] if swapped else sides))
    known, asked = pool_values(x), pool_values(queries)
    parts = [
        (
            -math.log(5),
            known[:, [i]] * np.concatenate([x, np.ones((5, 1))], axis=1),
            asked[:, [i]] * np.concatenate([queries, np.ones((5, 1))], axis=1),
            np.asarray([0.8, 0.8, 1.0]),
        )
        for i in range(5)
    ]
    agrees(family, x, y, queries, NOISE, parts)


def test_a_product_with_a_grid_of_many_columns():
    """Rows of scales of several columns become nodes."""
    grid = Grid(slope=(-1.0, 1.0, 3.0), offset=(0.5, 1.5, 2.0))
    x, y, queries = prompt(1, 4)
    parts = []
    for slope, offset in itertools.product([-1, 0, 1], [0.5, 1.5]):
        known, asked = ((slope * at + offset) * at for at in (x, queries))
        parts.append((-math.log(6), known, asked, np.ones(1)))
    agrees(Product(grid, Linear()), x, y, queries, NOISE, parts)


def test_a_product_with_one_free_coefficient_is_integrated_over_it():
    """kx·(a sin 2x + b cos 2x): a fine midpoint rule over k."""
    x, y, queries = prompt(1, 6)
    family = Product(Linear(), Sinusoid(frequency=2.0))

    def columns(at):
        return at * np.concatenate([np.sin(2 * at), np.cos(2 * at)], axis=1)

    slopes = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)
    parts = [(-math.log(4000), columns(x), columns(queries), np.full(2, abs(slope))) for slope in slopes]
    agrees(family, x, y, queries, NOISE, parts, tolerance=2e-3)
    with pytest.raises(NoClosedForm, match="products of 2 and 2 normal coefficients"):
        Product(Sinusoid(), Linear(intercept=True)).components()
    with pytest.raises(SettingError, match=r"second\.dimension"):
        Product(Linear(dimension=2), Linear())


def test_a_composition_with_known_inner_functions_is_linear_outside():
    """c₀ + c₁ g + c₂ g², g from a pool of lines of two inputs."""
    x, y, queries = prompt(2, 5)
    family = Composition(Polynomial(degree=2, width=1.0, scale=0.7), POOL)
    known, asked = pool_values(x), pool_values(queries)
    parts = [
        (-math.log(5), known[:, [i]] ** np.arange(3), asked[:, [i]] ** np.arange(3), np.full(3, 0.7)) for i in range(5)
    ]
    agrees(family, x, y, queries, NOISE, parts)
    with pytest.raises(NoClosedForm, match="normal coefficients inside another function"):
        Composition(Polynomial(), Linear()).components()
    with pytest.raises(SettingError, match=r"outer\.dimension: it must be 1"):
        Composition(Linear(dimension=2), Linear())


def test_a_composition_is_refined_where_its_inner_family_is():
    """Polynomials of sin ωx, ω ~ U[1, 3], with little noise: against a fine midpoint rule over ω."""
    task = np.asarray([0.3, -1.0, 0.8])
    x, _, queries = prompt(1, 8)
    y = np.sin(2.2 * x) ** np.arange(3) @ task
    omegas = 1 + 2 * (np.arange(20_000) + 0.5) / 20_000
    evidence, mean, _ = integrated(
        [
            (
                -math.log(20_000),
                *dense(*(np.sin(omega * at) ** np.arange(3) for at in (x, queries)), np.ones(3), y, 0.01),
            )
            for omega in omegas
        ]
    )
    bayes = Bayes(Mixture([Composition()], noise=0.01))
    np.testing.assert_allclose(bayes.log_evidence(x, y), evidence, atol=1e-4)
    np.testing.assert_allclose(bayes.predict(x, y, queries).mean, mean, atol=1e-5)


@pytest.mark.parametrize(
    "family", [Product(), Composition(), Scaled(), Product(Grid(offset=(0.0,)), Sinusoid()), StepFunction()]
)
def test_components_and_draws_mean_the_same_prior(family):
    """Second moments of 40,000 draws beside those of the components."""
    from test_families import prior_moments

    at = np.asarray([[-2.0], [-0.7], [0.15], [1.6]])
    tasks = jax.vmap(family.draw)(jax.random.split(KEY, 40_000))
    values = np.asarray(jax.vmap(family.evaluate, in_axes=(0, None))(tasks, jnp.asarray(at, jnp.float32)), np.float64)
    mean, second = prior_moments(family.components(), at)
    products = values[:, :, None] * values[:, None, :]
    np.testing.assert_array_less(np.abs(values.mean(0) - mean), 5 * values.std(0) / 200 + 1e-6)
    np.testing.assert_array_less(np.abs(products.mean(0) - second), 5 * products.std(0) / 200 + 2e-3)


def test_what_has_no_closed_form_says_so_in_a_whole_too():
    for whole in (Product(ReluNetwork(dimension=1), Linear()), Combination(Linear(), ReluNetwork(dimension=1))):
        with pytest.raises(NoClosedForm, match="relu-network"):
            whole.components()
    with pytest.raises(NoClosedForm, match="relu-network"):
        Scaled(family=ReluNetwork(dimension=1)).components()


def test_numbers_of_scaled_families_are_leaves_of_one_program():
    def value(stretch):
        return Scaled(family=Linear(), stretch=stretch).value(Linear().draw(KEY), jnp.ones(1))

    values = jax.vmap(value)(jnp.asarray([1.0, 3.0]))
    np.testing.assert_allclose(values[1], 3 * values[0], rtol=1e-6)
