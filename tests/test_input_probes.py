"""Probes of inputs, noise and order: the functions stay, the conditions of pretraining do not."""

# pyright: reportCallIssue=false, reportArgumentType=false
import jax
import numpy as np
import pytest

from offprior.errors import SettingError
from offprior.evaluation.evaluate import evaluate
from offprior.families.linear import Linear
from offprior.input_laws.evenly import Evenly
from offprior.laws.normal import Normal
from offprior.laws.uniform import Uniform
from offprior.mixture import Mixture
from offprior.predictors.least_squares import LeastSquares
from offprior.probes.context_order import ContextOrder
from offprior.probes.dimension import Dimension
from offprior.probes.even_contexts import EvenContexts
from offprior.probes.half_subspace import HalfSubspace
from offprior.probes.input_law import InputLaw
from offprior.probes.input_scale import InputScale
from offprior.probes.noise_level import NoiseLevel
from offprior.probes.noise_tail import NoiseTail
from offprior.probes.orthogonal_queries import OrthogonalQueries
from offprior.probes.quadrants import Quadrants
from offprior.probes.shift import Shift
from offprior.probes.skewed_inputs import SkewedInputs
from offprior.recipe.parts import part_from

FLAT = Mixture([Linear(dimension=4)], inputs=Normal(), noise=0.2)
KEY = jax.random.key(3)
ALL = [ContextOrder(), Dimension(), EvenContexts(), HalfSubspace(), InputLaw(), InputScale(), NoiseLevel(), NoiseTail()]
ALL += [OrthogonalQueries(), Quadrants(), Shift(), SkewedInputs()]


def prompts(probe, strength, mixture=FLAT, length=3):
    return probe.distribution(strength, mixture).prompts(KEY, 300, length, 5)


@pytest.mark.parametrize("probe", ALL, ids=lambda probe: probe.label)
def test_one_place_is_the_mixture_itself_and_no_other_is(probe):
    """At the place that is inside, prompts are the mixture's bit for bit; elsewhere they change, functions do not."""
    strengths = probe.strengths(FLAT)
    inside = [strength for strength in strengths if probe.inside(strength, FLAT)]
    assert len(inside) == 1
    own = FLAT.prompts(KEY, 300, 3, 5)
    for strength in strengths:
        found = prompts(probe, strength)
        same = [np.array_equal(left, right) for left, right in zip(found[:4], own[:4], strict=True)]
        assert all(same) is (strength == inside[0]), strength
        slopes = np.linalg.lstsq(np.asarray(own.queries[0]), np.asarray(own.truth[0]), rcond=None)[0]
        np.testing.assert_allclose(found.queries[0] @ slopes, found.truth[0], atol=1e-3)


@pytest.mark.parametrize("kind", [InputScale, Quadrants, EvenContexts, ContextOrder, Shift])
def test_own_inputs_are_what_the_path_sets_out_from(kind):
    """They do not take the path's place: a scale probe elsewhere changed nothing, bit for bit."""
    probe = kind()
    with_own = part_from("probes", {"name": probe.label, "inputs": [0.0, 1.0]})
    drawn = [np.asarray(prompts(with_own, strength).x) for strength in with_own.strengths(FLAT)]
    assert all(not np.array_equal(one, other) for n, one in enumerate(drawn) for other in drawn[n + 1 :])
    assert with_own.label == f"{probe.label}, uniform 0 to 1"
    plain_place = next(strength for strength in probe.strengths(FLAT) if probe.inside(strength, FLAT))
    for strength in with_own.strengths(FLAT):
        assert with_own.inside(strength, FLAT) is (strength == plain_place)
    x = np.asarray(prompts(with_own, plain_place).x)
    assert x.min() >= 0 and x.max() <= 1


def test_input_scale_multiplies_every_input():
    own = FLAT.prompts(KEY, 300, 3, 5)
    found = prompts(InputScale(), 3.0)
    np.testing.assert_allclose(found.x, 3 * own.x, rtol=1e-5)
    np.testing.assert_allclose(found.queries, 3 * own.queries, rtol=1e-5)
    np.testing.assert_allclose(found.truth, 3 * own.truth, rtol=1e-4, atol=1e-5)
    assert InputScale().strengths(FLAT) == (1 / 3, 0.5, 1.0, 2.0, 3.0)
    with pytest.raises(SettingError, match="factors: it must not be empty"):
        InputScale(factors=()).strengths(FLAT)


def test_shift_ends_beyond_the_quartiles():
    assert Shift().strengths(Mixture()) == (0.0, 2.5, 5.0, 7.5, 10.0)
    own = FLAT.prompts(KEY, 300, 3, 5)
    np.testing.assert_allclose(prompts(Shift(stop=2.0), 2.0).x, own.x + 2, atol=1e-5)


def test_noise_level_is_the_noise_of_y():
    assert NoiseLevel().strengths(FLAT) == (0.0, 0.1, 0.2, 0.4, 1.0, 2.0)
    assert NoiseLevel().strengths(FLAT.changed(noise=0.0)) == (0.0, 0.01, 0.1, 1.0)
    silent, loud = (prompts(NoiseLevel(), strength) for strength in (0.0, 2.0))
    np.testing.assert_array_equal(silent.truth, loud.truth)
    assert np.std(np.asarray(loud.y - silent.y)) == pytest.approx(2.0, rel=0.1)
    with pytest.raises(TypeError, match="noise"):
        NoiseLevel(noise=0.1)  # type: ignore[call-arg]


def test_noise_tail_keeps_the_standard_deviation():
    silent = np.asarray(prompts(NoiseLevel(), 0.0, length=20).y)
    normal, heavy = (np.asarray(prompts(NoiseTail(), place, length=20).y) - silent for place in (0.0, 0.2))
    assert normal.std() == pytest.approx(0.2, rel=0.03) and heavy.std() == pytest.approx(0.2, rel=0.1)
    assert (np.abs(heavy) > 0.6).mean() > 2 * (np.abs(normal) > 0.6).mean()
    with pytest.raises(SettingError, match="noise: the prompts have no noise whose tails could change"):
        NoiseTail().strengths(FLAT.changed(noise=0.0))
    heavy = FLAT.changed(noise_degrees=4.0)
    assert NoiseTail().inside(0.25, heavy) and 0.25 in NoiseTail().strengths(heavy)
    assert prompts(NoiseTail(), 0.0, heavy).y.shape == (300, 3)


def test_input_law_is_one_of_the_same_mean_and_deviation():
    mixture = Mixture(inputs=Uniform(1.0, 3.0))
    (other,) = {type(InputLaw().distribution(1.0, mixture).inputs.other)}  # pyright: ignore[reportAttributeAccessIssue]
    assert other is Normal
    for one in (mixture, mixture.changed(inputs=Normal(2.0, 3**-0.5))):
        x = np.asarray(InputLaw().distribution(1.0, one).prompts(KEY, 4000, 5, 1).x, np.float64)
        assert x.mean() == pytest.approx(2.0, abs=0.02) and x.std() == pytest.approx(3**-0.5, rel=0.02)
    assert np.asarray(InputLaw(other=(8.0, 9.0)).distribution(1.0, mixture).prompts(KEY, 5, 5, 1).x).min() >= 8


def test_even_contexts_are_those_of_evenly_spaced_points():
    found = prompts(EvenContexts(), 1.0, Mixture(), length=5)
    np.testing.assert_allclose(np.sort(found.x[..., 0]), np.tile(np.linspace(-5, 5, 5), (300, 1)), atol=1e-5)
    with pytest.raises(SettingError, match="evenly spaced already"):
        EvenContexts().strengths(Mixture(inputs=Evenly()))


def test_orthogonal_queries_take_contexts_that_are_short_enough():
    assert OrthogonalQueries().lengths([2, 3, 4, 20], FLAT) == (2, 3)
    assert OrthogonalQueries().lengths([5, 20], FLAT) == (3,)
    found = prompts(OrthogonalQueries(), 1.0)
    assert np.abs(np.einsum("bnd,bmd->bnm", found.x, found.queries)).max() < 1e-4


@pytest.mark.parametrize("kind", [Dimension, HalfSubspace, OrthogonalQueries, SkewedInputs])
def test_probes_of_several_dimensions_say_so(kind):
    with pytest.raises(SettingError, match=r"name: inputs of one number have no .*two or more dimensions"):
        kind().strengths(Mixture())
    with pytest.raises(SettingError, match=r"got 5 .*, but an input has 4"):
        (Dimension(used=(5,)) if kind is Dimension else HalfSubspace(ranks=(5,))).strengths(FLAT)


def test_where_only_inputs_change_the_verdict_is_inside_and_the_distance_tells():
    """B is the optimum at the place itself: M3 is nil, and least squares, which has no prior, lies further from it."""
    table = evaluate([LeastSquares(label="model")], HalfSubspace(), [3], mixture=FLAT, tasks=1024, queries=16)
    cells = table.metrics().query("probe == 'half-subspace'").set_index("strength")
    assert (cells["M3"].abs() < 1e-9).all() and (cells["verdict"] == "no prior gap").all()
    rows = table.to_pandas().query("probe == 'half-subspace' and predictor == 'model'")
    for strength, part in rows.groupby("strength"):
        variance = part["truth_square"].mean() - part["truth_mean"].mean() ** 2
        distance = cells.loc[strength, "bayes_distance"]
        assert distance == pytest.approx(part["bayes_gap"].mean() / variance)
        assert cells.loc[strength, "bayes_distance_low"] <= distance <= cells.loc[strength, "bayes_distance_high"]
    # Least squares, which has no prior, pays for it: the gain over B is negative, as far as it lies from B.
    assert cells.loc[2.0, "M4"] < 0 < cells.loc[2.0, "bayes_distance_low"]


def test_evaluation_seeds_are_not_taken_from_the_clock():
    """The same evaluation twice is the same table, to the last bit; another seed is another."""

    def rows(seed):
        probes = [Quadrants(count=2), ContextOrder(count=3), NoiseTail()]
        return evaluate([LeastSquares()], probes, [3], mixture=FLAT, tasks=8, queries=4, seed=seed).to_pandas()

    one, again, other = rows(0), rows(0), rows(1)
    assert one.equals(again) and not one["squared_error"].equals(other["squared_error"])
