# Converters take what users write, a number for a law; pyright sees the stored types alone, and no lengths of stars.
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offprior.components import Components, distinct, equal, merged
from offprior.components.combined import combine
from offprior.errors import SettingError
from offprior.families.combination import Combination
from offprior.families.grid import Grid
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.laws.normal import Normal
from offprior.laws.uniform import Uniform

KEY = jax.random.key(0)
X = np.asarray([[-2.0], [-0.7], [0.1], [1.6]])
SINE_GRID = Grid(slope=(0.0,), amplitude=(0.2,), frequency=(3 * np.pi,), offset=(0.0, 1.0, 101.0))
FAMILIES = {
    "line": Linear(),
    "line with intercept": Linear(intercept=True, scale=0.5, intercept_scale=2.0),
    "sinusoid": Sinusoid(),
    "normal amplitude and offset": Sinusoid(amplitude=Normal(0.5, 1.0), phase=(0.0, 1.0), offset=Normal(-1.0, 0.5)),
    "uniform amplitude and offset": Sinusoid(amplitude=(0.5, 2.0), frequency=2.0, phase=0.3, offset=(0.0, 1.0)),
    "fixed sinusoid": Sinusoid(amplitude=0.2, frequency=3.0, phase=0.0, offset=0.7),
    "half a turn": Sinusoid(phase=(0.0, np.pi)),
    "line grid": Grid(),
    "sinusoid grid": SINE_GRID,
    "list": Grid(functions=((1.0, 0.0, 1.0, 0.0, 0.5), (0.0, 2.0, 1.5, 0.1, -1.0))),
    "combination": Combination(Linear(intercept=True), Sinusoid(offset=0.5), 0.3),
    "unscaled": Combination(Linear(), Sinusoid(), 0.3, scaled=False),
    "grids": Combination(Grid(offset=(-1.0, 1.0, 11.0)), SINE_GRID, 0.25),
    "two sinusoids": Combination(Sinusoid(), Sinusoid(frequency=(3.0, 4.0)), 0.5),
}


def prior_moments(components: Components, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and second moment of f(x), summed over nodes and rows: what the components say of the prior."""
    with jax.enable_x64(True):
        if jax.tree.leaves(components.nodes):
            of_points = jax.vmap(components.features, in_axes=(None, 0))
            columns = jax.vmap(of_points, in_axes=(0, None))(components.nodes, x)
        else:
            columns = jax.vmap(lambda point: components.features(components.nodes, point))(x)[None]
    columns = np.asarray(columns, np.float64)
    fixed = np.asarray(components.fixed)
    nodes, rows = np.exp(components.log_weights), np.exp(components.log_scale_weights)
    np.testing.assert_allclose([nodes.sum(), rows.sum()], 1, rtol=1e-9)
    known = components.scales * fixed
    coefficients = rows @ known
    products = (known * rows[:, None]).T @ known + np.diag(rows @ (components.scales * ~fixed) ** 2)
    mean = np.einsum("z,znc,c->n", nodes, columns, coefficients)
    return mean, np.einsum("z,znc,cd,zmd->nm", nodes, columns, products, columns)


@pytest.mark.parametrize("name", FAMILIES)
def test_components_have_the_moments_of_the_draws(name):
    """Exact inference and sampling are written apart; they have to mean the same prior."""
    family = FAMILIES[name]
    tasks = jax.vmap(family.draw)(jax.random.split(KEY, 40_000))
    values = np.asarray(jax.vmap(family.evaluate, in_axes=(0, None))(tasks, jnp.asarray(X, jnp.float32)), np.float64)
    mean, second = prior_moments(family.components(), X)
    products = values[:, :, None] * values[:, None, :]
    np.testing.assert_array_less(np.abs(values.mean(0) - mean), 5 * values.std(0) / 200 + 1e-6)
    np.testing.assert_array_less(np.abs(products.mean(0) - second), 5 * products.std(0) / 200 + 1e-5)


@settings(max_examples=25)
@given(st.floats(0, 1), st.booleans())
def test_components_of_a_combination_are_the_manual_combination(a, scaled):
    first, second = Linear(intercept=True), Sinusoid(offset=Normal(0.5, 1.0))
    combination = Combination(first, second, a, scaled)
    f, g = (1.0, 1.0) if not scaled else (a, 1 - a)
    if not scaled:
        f, g = a / max(a, 1 - a), (1 - a) / max(a, 1 - a)
    mean_f, square_f = prior_moments(first.components(64), X)
    mean_g, square_g = prior_moments(second.components(64), X)
    mean, square = prior_moments(combination.components(64), X)
    np.testing.assert_allclose(mean, f * mean_f + g * mean_g, atol=1e-9)
    cross = f * g * (np.outer(mean_f, mean_g) + np.outer(mean_g, mean_f))
    np.testing.assert_allclose(square, f**2 * square_f + g**2 * square_g + cross, atol=1e-9)


def test_ends_of_a_combination_are_the_families_and_its_middle_unscaled_is_their_sum():
    for scaled in (True, False):
        assert Combination(weight=1.0, scaled=scaled).factors == (1.0, 0.0)
        assert Combination(weight=0.0, scaled=scaled).factors == (0.0, 1.0)
    assert Combination(weight=0.5).factors == (0.5, 0.5)
    assert Combination(weight=0.5, scaled=False).factors == (1.0, 1.0)
    task = Combination().draw(KEY)
    x = jnp.asarray([0.7])
    parts = Linear().value(task.first, x), Sinusoid().value(task.second, x)
    np.testing.assert_allclose(Combination(weight=0.5, scaled=False).value(task, x), sum(parts), rtol=1e-6)


def test_a_weight_outside_0_and_1_is_named():
    with pytest.raises(SettingError, match=r"^weight: 1\.2 "):
        Combination(weight=1.2)
    with pytest.raises(SettingError, match=r"second\.dimension"):
        Combination(Linear(dimension=2), Sinusoid())


def test_frequencies_are_known_where_there_are_any():
    assert np.isnan(Linear().angular_frequency(Linear().draw(KEY)))
    wave = Sinusoid(frequency=2.0)
    assert float(wave.angular_frequency(wave.draw(KEY))) == 2.0
    assert float(Combination(Linear(), wave).angular_frequency(Combination(Linear(), wave).draw(KEY))) == 2.0
    assert float(SINE_GRID.angular_frequency(SINE_GRID.draw(KEY))) == pytest.approx(3 * np.pi)
    assert np.isnan(Grid().angular_frequency(Grid().draw(KEY)))


def test_the_grids_of_2024():
    assert Grid().label == "line-grid" and SINE_GRID.label == "sinusoid-grid"
    assert Grid().components().scales.shape == (10_201, 2)
    assert SINE_GRID.components().scales.shape == (101, 2)
    tasks = jax.vmap(Grid().draw)(jax.random.split(KEY, 500))
    steps = (np.asarray(tasks.slope, np.float64) + 1) / 0.02
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-4)


def test_equal_functions_of_a_grid_pair_become_one():
    """0.5·(offset₁ + offset₂) has 301 values for the 2024 grids, not 101²."""
    pairs = Combination(Grid(), SINE_GRID, 0.5, scaled=False).components()
    assert pairs.scales.shape == (101 * 301, 3)
    np.testing.assert_allclose(np.exp(pairs.log_scale_weights).sum(), 1)


@pytest.mark.parametrize(
    "setting",
    [{"slope": (1.0, -1.0, 5.0)}, {"offset": (0.0, 1.0)}, {"phase": (0.0, 1.0, 2.5)}, {"functions": ((1.0,),)}],
)
def test_what_is_no_grid(setting):
    with pytest.raises(SettingError, match=next(iter(setting))):
        Grid(**setting)


def test_any_dimension_of_lines():
    family = Linear(dimension=5, intercept=True)
    x = jax.random.normal(KEY, (7, 5))
    task = family.draw(KEY)
    np.testing.assert_allclose(family.evaluate(task, x), x @ task.slopes + task.intercept, rtol=1e-5)
    assert family.components().rank == 6


def test_strengths_of_one_combination_share_their_nodes():
    line, wave = Linear().components(), Sinusoid().components(64)
    union = merged(combine(line, wave, 0.25, 0.75), combine(line, wave, 0.5, 0.5), 0.5)
    assert union is not None and union.node_count == 64 and len(union.scales) == 2
    square = prior_moments(union, X)[1]
    parts = [prior_moments(combine(line, wave, a, 1 - a), X)[1] for a in (0.25, 0.5)]
    np.testing.assert_allclose(square, sum(parts) / 2, atol=1e-12)
    assert merged(line, wave, 0.5) is None


def test_frequencies_of_one_sinusoid_become_nodes():
    fixed = [Sinusoid(frequency=float(omega)).components() for omega in (1.0, 2.0)]
    union = merged(*fixed, 0.5)
    assert union is not None and union.node_count == 2
    assert equal(fixed[0], Sinusoid(frequency=1.0).components()) and not equal(*fixed)


def test_distinct_rows_add_their_weights():
    rows, log_weights = distinct(np.asarray([[1.0, 2.0], [0.0, 2.0], [1.0, 2.0]]), np.log([0.25, 0.5, 0.25]))
    assert sorted(rows.tolist()) == [[0.0, 2.0], [1.0, 2.0]]
    np.testing.assert_allclose(np.exp(log_weights), 0.5)


def test_numbers_of_a_family_are_leaves_of_one_program():
    def spread(high: jax.Array) -> jax.Array:
        return Sinusoid(frequency=Uniform(1.0, high)).draw(KEY).frequency

    frequencies = jax.vmap(spread)(jnp.asarray([2.0, 3.0]))
    np.testing.assert_allclose(frequencies[1] - 1, 2 * (frequencies[0] - 1), rtol=1e-5)
