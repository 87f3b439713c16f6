import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offprior.errors import SettingError
from offprior.input_laws.evenly import Evenly
from offprior.laws.fixed import Fixed
from offprior.laws.law import Law, concrete, law, unit_nodes
from offprior.laws.log_uniform import LogUniform
from offprior.laws.normal import Normal
from offprior.laws.rayleigh import Rayleigh
from offprior.laws.uniform import Uniform

KEY = jax.random.key(0)
# Each with its exact mean and mean square.
SPREAD = [
    (Uniform(1.0, 3.0), 2.0, 13 / 3),
    (LogUniform(1.0, np.e), np.e - 1, (np.e**2 - 1) / 2),
    (Normal(0.5, 2.0), 0.5, 4.25),
    (Rayleigh(1.5), 1.5 * np.sqrt(np.pi / 2), 4.5),
]


@pytest.mark.parametrize("one, mean, square", SPREAD)
def test_draws_and_quadrature_have_the_laws_moments(one, mean, square):
    drawn = np.asarray(one.sample(KEY, (40_000,)), np.float64)
    sd = np.sqrt(square - mean**2)
    assert abs(drawn.mean() - mean) < 5 * sd / 200
    assert abs((drawn**2).mean() - square) < 5 * (drawn**2).std() / 200

    nodes, log_weights = one.nodes(256)
    weights = np.exp(log_weights)
    assert nodes.dtype == np.float64
    tolerance = 1e-10 if isinstance(one, Uniform | LogUniform) else 1e-3  # bounded laws to the last digits
    np.testing.assert_allclose([weights.sum(), weights @ nodes, weights @ nodes**2], [1, mean, square], rtol=tolerance)


@pytest.mark.parametrize("one", [one for one, *_ in SPREAD])
def test_draws_and_quantiles_are_those_of_an_independent_library(one):
    """The draws to the bit: tasks of recorded runs were drawn by it."""
    theirs = {
        Uniform: lambda: dist.Uniform(one.low, one.high),
        Normal: lambda: dist.Normal(one.mean, one.sd),
        LogUniform: lambda: dist.LogUniform(one.low, one.high),
        Rayleigh: lambda: dist.Weibull(one.scale * np.sqrt(2.0).item(), 2.0),
    }[type(one)]()
    for shape in ((), (5,), (2, 3)):
        np.testing.assert_array_equal(one.sample(KEY, shape), theirs.sample(KEY, shape))
    u = jnp.asarray([0.01, 0.3, 0.5, 0.9])
    np.testing.assert_allclose(theirs.cdf(jax.vmap(one.quantile)(u)), u, rtol=1e-4)


def test_a_law_of_its_own_needs_its_quantiles_alone():
    class Exponential(Law):
        def quantile(self, u):
            return -jnp.log1p(-u)

    draws = np.asarray(Exponential().sample(KEY, (100, 200)))
    assert draws.shape == (100, 200) and np.isfinite(draws).all() and draws.min() > 0
    for share in (0.1, 0.5, 0.99):
        assert (draws < -np.log1p(-share)).mean() == pytest.approx(share, abs=0.02)


@given(st.integers(1, 2000))
def test_nodes_of_the_unit_interval_are_whole_panels_of_weight_one(count):
    u, log_weights = unit_nodes(count)
    assert len(u) % 8 == 0 and abs(len(u) - count) <= 7
    assert (np.diff(u) > 0).all() and u[0] > 0 and u[-1] < 1
    np.testing.assert_allclose(np.exp(log_weights).sum(), 1)


def test_a_number_is_fixed_and_a_pair_is_uniform():
    assert law(2) == Fixed(2.0)
    assert law((1.0, 3.0)) == law([1.0, 3.0]) == Uniform(1.0, 3.0)
    assert law(Normal()) == Normal()
    assert float(Fixed(0.2).sample(KEY)) == pytest.approx(0.2)
    nodes, log_weights = Fixed(0.2).nodes(256)
    assert nodes.tolist() == [0.2] and log_weights.tolist() == [0.0]


@pytest.mark.parametrize("value", ["wide", True, None, (1.0, 2.0, 3.0), (3.0, 1.0), (1.0, 1.0)])
def test_what_is_no_law(value):
    with pytest.raises(SettingError):
        law(value)


def test_a_reversed_range_says_how_to_write_it():
    with pytest.raises(SettingError, match=r"low: .*write \[1, 3\]"):
        Uniform(3.0, 1.0)
    with pytest.raises(SettingError, match=r"sd: .*above 0"):
        Normal(0.0, -1.0)


def test_evenly_spaced_inputs_are_the_grid_in_random_order():
    evenly = Evenly(-1.0, 1.0)
    inputs = np.asarray(evenly.inputs(KEY, 10, 2))
    np.testing.assert_allclose(np.sort(inputs, axis=0), np.tile(np.linspace(-1, 1, 10)[:, None], 2), atol=1e-6)
    assert not np.array_equal(inputs[:, 0], inputs[:, 1]) and (np.diff(inputs[:, 0]) < 0).any()
    np.testing.assert_allclose(evenly.queries(KEY, 5, 1)[:, 0], [-1, -0.5, 0, 0.5, 1])
    np.testing.assert_allclose(evenly.grid(1), [0.0])
    assert not evenly.nested and Uniform().nested


def test_ranges_are_leaves_of_one_program():
    draws = jax.vmap(lambda low: Uniform(low, low + 1).sample(KEY, (100,)))(jnp.asarray([0.0, 10.0]))
    np.testing.assert_allclose(draws[1] - draws[0], 10, rtol=1e-5)
    assert concrete(jnp.asarray(2.0)) == 2.0 and concrete(jnp.ones(3)) is None
