"""Where the pretraining prior holds a probe's functions: one rule, over mixtures in which the old ones were wrong."""

import jax.numpy as jnp
import numpy as np
import pytest

from offprior.families.combination import Combination
from offprior.families.grid import Grid
from offprior.families.linear import Linear
from offprior.families.polynomial import Polynomial
from offprior.families.product import Product
from offprior.families.scaled import Scaled
from offprior.families.sinusoid import Sinusoid
from offprior.families.sparse_linear import SparseLinear
from offprior.families.spherical_cap import SphericalCap
from offprior.families.spherical_ring import SphericalRing
from offprior.families.task_pool import TaskPool
from offprior.laws.fixed import Fixed
from offprior.laws.log_uniform import LogUniform
from offprior.laws.normal import Normal
from offprior.laws.rayleigh import Rayleigh
from offprior.laws.uniform import Uniform
from offprior.mixture import Mixture
from offprior.probes.amplitude import Amplitude
from offprior.probes.cap_angle import CapAngle
from offprior.probes.convex import Convex
from offprior.probes.frequency import Frequency
from offprior.probes.held_out_pairs import HeldOutPairs
from offprior.probes.mixture_weight import MixtureWeight
from offprior.probes.noise_level import NoiseLevel
from offprior.probes.output_scale import OutputScale
from offprior.probes.phase import Phase
from offprior.probes.slope import Slope
from offprior.probes.sparsity import Sparsity

LINE, WAVE = Linear(), Sinusoid(frequency=(1.0, 3.0))
HIGH = Sinusoid(frequency=(6.0, 8.0))


def held(probe, mixture, strengths):
    return [probe.inside(strength, mixture) for strength in strengths]


def test_every_range_of_frequencies_counts_and_none_without_weight():
    both = Mixture([WAVE, LINE, HIGH])
    assert held(Frequency(), both, (0.5, 2.0, 4.5, 7.0, 9.0)) == [False, True, False, True, False]
    assert Frequency(count=2).strengths(both) == (0.5, 16.0)
    unused = Mixture([WAVE, LINE, HIGH], [0.0, 0.5, 0.5])
    assert held(Frequency(), unused, (2.0, 7.0)) == [False, True]
    assert Frequency(count=2).strengths(unused) == (3.0, 16.0)
    assert not any(held(Frequency(), Mixture([WAVE, LINE], [0.0, 1.0]), (1.0, 2.0)))
    other = Mixture([WAVE, Sinusoid(amplitude=Rayleigh(2.0), frequency=(6.0, 8.0))])
    assert held(Frequency(), other, (2.0, 7.0)) == [True, False], "waves of its frequency, but of another amplitude"


def test_amplitudes_phases_and_scales():
    twice = Sinusoid(amplitude=Rayleigh(2.0), frequency=(1.0, 3.0))
    assert held(Amplitude(), Mixture([WAVE, twice]), (0.5, 1.0, 2.0)) == [False, True, True]
    assert held(Amplitude(), Mixture([WAVE, twice], [1.0, 0.0]), (1.0, 2.0)) == [True, False]
    assert held(Amplitude(), Mixture([WAVE, LINE], [0.0, 1.0]), (1.0,)) == [False]
    half = Sinusoid(phase=Uniform(0.0, np.pi))
    assert held(Phase(), Mixture([half]), (0.0, 1.0, np.pi, 4.0)) == [True, True, True, False]
    assert not any(held(Phase(), Mixture([half, LINE], [0.0, 1.0]), (0.0, 1.0)))
    scaled = Mixture([LINE, Scaled(family=LINE, factor=2.0, stretch=1.0)])
    assert held(OutputScale(), Mixture([LINE]), (1.0, 2.0)) == [True, False]
    assert held(OutputScale(), scaled, (1.0, 2.0)) == [True, False], "twice the second family is held by none"
    assert held(OutputScale(), Mixture([LINE, WAVE], [1.0, 0.0]), (1.0, 2.0)) == [True, False]


@pytest.mark.parametrize(
    "family, a",
    [
        (Combination(LINE, WAVE, 0.3), 0.3),
        (Combination(WAVE, LINE, 0.7), 0.3),
        (Combination(LINE, WAVE, np.float64(0.3)), 0.3),
        (Combination(LINE, WAVE, jnp.asarray(0.3, jnp.float32)), 0.3),
        (Scaled(family=Combination(LINE, WAVE, 0.5, scaled=False), factor=0.5, stretch=1.0), 0.5),
        (Combination(Scaled(family=LINE, factor=0.6, stretch=1.0), Scaled(family=WAVE, factor=1.4, stretch=1.0)), 0.3),
        (Combination(LINE, Sinusoid(frequency=(1.0, 3.0)), 1 - 0.7), 0.3),
        (Combination(WAVE, HIGH, 1.0), 0.0),
    ],
)
def test_a_combination_is_held_however_it_is_written(family, a):
    """In either order, of whatever kind of number, as a sum of scaled families, or of one family alone."""
    mixture = Mixture([LINE, WAVE, family])
    assert Convex().inside(a, mixture)
    assert not Convex().inside(0.8, mixture)
    assert Convex().inside(a, mixture.changed(weights=[0.5, 0.5, 0.0])) is (a == 0.0)
    assert Convex().inside(a, mixture.changed(weights=[0.0, 0.0, 1.0]))
    assert not Convex().inside(1.0, mixture.changed(weights=[0.0, 0.5, 0.5]))


def test_combinations_of_other_sides_are_not_held():
    for family in (Combination(LINE, HIGH, 0.3), Combination(LINE, WAVE, 0.31), Combination(LINE, LINE, 0.3)):
        assert not Convex().inside(0.3, Mixture([LINE, WAVE, family]))


def test_pairs_without_weight_are_held_out():
    families = [LINE, WAVE, Polynomial(degree=2)]
    mixture = Mixture([*families, Combination(WAVE, LINE), Combination(LINE, families[2])], [0.25] * 4 + [0])
    probe = HeldOutPairs()
    assert held(probe, mixture, probe.strengths(mixture)) == [True, False, False]
    all_three = mixture.changed(
        families=[*mixture.families, Combination(WAVE, families[2])], weights=[0.2, 0.2, 0.2, 0.2, 0, 0.2]
    )
    assert held(probe, all_three, probe.strengths(all_three)) == [True, False, True]


def test_sparse_and_dense_functions_of_weight_0_hold_nothing():
    sparse, dense = SparseLinear(dimension=4, sparsity=2), Linear(dimension=4)
    places = (1.0, 2.0, 4.0)
    assert held(Sparsity(), Mixture([sparse, dense]), places) == [False, True, True]
    assert held(Sparsity(), Mixture([sparse, dense], [0.0, 1.0]), places) == [False, False, True]
    assert held(Sparsity(), Mixture([sparse, dense], [1.0, 0.0]), places) == [False, True, False]
    drawn = SparseLinear(dimension=4, sparsity=0)
    assert held(Sparsity(), Mixture([drawn]), places) == [True] * 3
    cap = SphericalCap(dimension=3, angle=60.0)
    assert held(CapAngle(), Mixture([cap]), (30.0, 60.0, 90.0)) == [True, True, False]
    assert held(CapAngle(), Mixture([cap, SphericalCap(dimension=3, angle=90.0)]), (90.0, 120.0)) == [True, False]
    assert not any(held(CapAngle(), Mixture([cap, Linear(dimension=3)], [0.0, 1.0]), (30.0,)))


def test_shares_and_noise_are_conditions_of_the_path():
    mixture = Mixture([LINE, WAVE], [0.3, 0.7], noise=0.2)
    assert held(MixtureWeight(), mixture, (0.0, 0.3, 1.0)) == [False, True, False]
    assert held(MixtureWeight(sums=True), mixture, (0.5, 1.0)) == [False, True]
    assert held(NoiseLevel(), mixture, (0.1, 0.2)) == [False, True]
    line = Combination(Grid(slope=(0.2, 0.3, 11.0), offset=(0.0,)), WAVE, scaled=False)
    assert held(Slope(), Mixture([LINE, WAVE, line]), (0.23, 0.235, 0.31)) == [True, False, False]


def test_priors_that_hold_others():
    for wide, narrow in (
        (Uniform(0.0, 2.0), Fixed(2.0)),
        (LogUniform(0.1, 2.0), Fixed(0.5)),
        (Fixed(1.0), Fixed(1.0 + 1e-9)),
        (Normal(0.0, 1.0), Normal(0.0, 1.0)),
    ):
        assert wide.includes(narrow)
    for wide, narrow in (
        (Uniform(0.0, 2.0), Fixed(2.1)),
        (Uniform(0.0, 2.0), Uniform(0.0, 1.0)),
        (Normal(0.0, 1.0), Fixed(0.0)),
        (Fixed(1.0), Uniform(0.0, 2.0)),
    ):
        assert not wide.includes(narrow)
    grid = Grid(slope=(-1.0, 1.0, 5.0), offset=(0.0, 1.0, 2.0))
    listed = Grid(functions=((0.5, 0.0, 3.0, 0.2, 1.0), (-1.0, 0.0, 1.0, 0.0, 0.0)))
    assert grid.includes(listed) and grid.includes(Grid(slope=(0.5,), offset=(1.0,))) and not listed.includes(grid)
    assert not grid.includes(Grid(slope=(0.4,), offset=(1.0,)))
    assert not grid.includes(Grid(functions=((0.5, 1.0, 3.0, 0.2, 1.0),)))
    assert Linear(dimension=2, intercept_scale=3.0).includes(Linear(dimension=2))
    assert not Linear(intercept=True, intercept_scale=3.0).includes(Linear(intercept=True))
    assert SphericalCap(dimension=2, angle=50.0).includes(SphericalRing(dimension=2, angle=50.0))
    assert not TaskPool(family=WAVE, size=3).includes(TaskPool(family=WAVE, size=3, seed=1))
    assert Product(LINE, WAVE).includes(Product(LINE, Sinusoid(frequency=2.0)))
