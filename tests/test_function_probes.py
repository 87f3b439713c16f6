"""Probes of functions: products, compositions, scales, sparsity, angles, held-out pairs, other families."""

# pyright: reportCallIssue=false, reportArgumentType=false
import jax
import numpy as np
import pytest

from offprior.errors import SettingError
from offprior.evaluation.evaluate import evaluate
from offprior.families.combination import Combination
from offprior.families.linear import Linear
from offprior.families.polynomial import Polynomial
from offprior.families.rotated_subspaces import RotatedSubspaces
from offprior.families.sinusoid import Sinusoid
from offprior.families.sparse_linear import SparseLinear
from offprior.families.spherical_cap import SphericalCap
from offprior.families.spherical_ring import SphericalRing
from offprior.families.union_of_subspaces import UnionOfSubspaces
from offprior.laws.fixed import Fixed
from offprior.laws.log_uniform import LogUniform
from offprior.laws.normal import Normal
from offprior.laws.uniform import Uniform
from offprior.mixture import Mixture
from offprior.predictors.bayes import Bayes
from offprior.predictors.least_squares import LeastSquares
from offprior.probes.amplitude import Amplitude
from offprior.probes.cap_angle import CapAngle
from offprior.probes.composition import Composition
from offprior.probes.convex import Convex
from offprior.probes.held_out_pairs import HeldOutPairs
from offprior.probes.other_family import OtherFamily
from offprior.probes.output_scale import OutputScale
from offprior.probes.phase import Phase
from offprior.probes.product import Product
from offprior.probes.sparsity import Sparsity
from offprior.probes.subspace_angle import SubspaceAngle

KEY = jax.random.key(6)


def prompts(probe, strength, mixture, tasks=200):
    return probe.distribution(strength, mixture).prompts(KEY, tasks, 3, 20)


def slopes(family, count=200):
    return np.asarray(jax.vmap(family.draw)(jax.random.split(KEY, count)), np.float64)


def judged(probe, length, mixture):
    """The only cell of a probe."""
    table = evaluate([LeastSquares(label="model")], probe, [length], mixture=mixture, tasks=30, queries=16)
    return table.metrics().query("probe != 'in-distribution'").iloc[0]


def test_a_sum_that_the_mixture_holds_is_inside():
    """A probe that lies inside the prior says so, and the verdict would say it too."""
    mixture = Mixture([Linear(), Sinusoid(), Combination(weight=0.5)])
    probe = Convex(count=3)
    assert [probe.inside(a, mixture) for a in (0.0, 0.5, 1.0)] == [True, True, True]
    assert not probe.inside(0.5, Mixture()) and not Convex(count=3, scaled=False).inside(0.5, mixture)
    unscaled = Mixture([Linear(), Sinusoid(), Combination(weight=0.5, scaled=False)])
    assert Convex(count=3, scaled=False).inside(0.5, unscaled) and not probe.inside(0.5, unscaled)
    assert judged(Convex(0.5, 0.5, count=1), 12, mixture)["verdict"] == "no prior gap"


def test_a_sum_that_the_mixture_holds_under_another_name_has_its_verdict():
    """`inside` compares families; M3 compares functions: lines plus lines are lines."""
    mixture = Mixture([Linear(), Linear(scale=2.0)])
    assert not Convex().inside(0.5, mixture)
    cell = judged(Convex(0.5, 0.5, count=1), 8, mixture)
    assert cell["M3"] <= 0.02 and cell["verdict"] == "no prior gap"


def test_own_families_are_inside_where_the_mixture_has_them():
    own = Convex(first=Linear(), second=Polynomial())
    assert own.inside(1.0, Mixture()) and not own.inside(0.0, Mixture())


def test_products_and_compositions_are_those_of_the_drawn_functions():
    for probe, mixture in ((Product(), Mixture()), (Composition(), Composition.example_mixture())):
        ends = [np.asarray(prompts(probe, a, mixture).truth) for a in (0.0, 0.25, 1.0)]
        np.testing.assert_allclose(ends[1], 0.75 * ends[0] + 0.25 * ends[2], atol=1e-4)
        assert probe.inside(0.0, mixture) and not probe.inside(0.25, mixture)
    alone = prompts(Product(), 1.0, Mixture())
    ratio = np.asarray(alone.truth / alone.queries[..., 0])
    assert np.abs(ratio).max() < 40 and (np.diff(np.sign(ratio), axis=1) != 0).any(), "a wave, times the input"
    with pytest.raises(SettingError, match="the mixture has one"):
        Product().strengths(Mixture([Linear()]))
    with pytest.raises(SettingError, match=r"outer.dimension"):
        Composition().strengths(Mixture([Linear(dimension=2), Linear(dimension=2)]))


def test_output_scale_multiplies_the_functions_and_not_the_noise():
    mixture = Mixture(noise=0.0)
    own = mixture.prompts(KEY, 200, 3, 20)
    np.testing.assert_allclose(prompts(OutputScale(), 3.0, mixture).y, 3 * own.y, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(prompts(OutputScale(), 1.0, mixture).truth, own.truth)
    noisy = mixture.changed(noise=0.5)
    found = np.asarray(prompts(OutputScale(), 3.0, noisy).y - prompts(OutputScale(), 3.0, mixture).y)
    assert found.std() == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("law", [Fixed(2.0), Uniform(1.0, 2.0), Normal(0.0, 1.0), LogUniform(0.5, 2.0)])
def test_amplitude_multiplies_the_waves(law):
    mixture = Mixture([Linear(), Sinusoid(amplitude=law)])
    one, two = (np.asarray(prompts(Amplitude(), s, mixture).truth) for s in (1.0, 4.0))
    np.testing.assert_allclose(two, 4 * one, rtol=1e-4, atol=1e-4)
    with pytest.raises(SettingError, match="no family of sinusoids whose amplitude could change"):
        Amplitude().strengths(Mixture([Linear()]))


def test_phase_goes_around_the_turn():
    mixture = Phase.example_mixture()
    places = Phase(count=4).strengths(mixture)
    np.testing.assert_allclose(places, np.arange(4) * np.pi / 2)
    assert [Phase().inside(place, mixture) for place in places] == [True, True, True, False]
    found = prompts(Phase(), places[3], mixture)
    np.testing.assert_allclose(found.truth, -np.cos(2 * np.asarray(found.queries[..., 0])), atol=1e-4)
    with pytest.raises(SettingError, match="full turn; no other phase is left"):
        Phase().strengths(Mixture())
    with pytest.raises(SettingError, match="unbounded"):
        Phase().strengths(Mixture([Sinusoid(phase=Normal())]))


def test_sparsity_runs_from_one_coordinate_to_all():
    mixture = Mixture([SparseLinear(dimension=4, sparsity=2), Linear(dimension=4)])
    assert Sparsity().strengths(mixture) == (1.0, 2.0, 3.0, 4.0)
    assert [Sparsity().inside(s, mixture) for s in (1.0, 2.0, 3.0, 4.0)] == [False, True, False, True]
    for s in (1, 3):
        (family,) = Sparsity().path(float(s), mixture).families
        assert ((slopes(family) != 0).sum(1) == s).all()
    drawn = Mixture([SparseLinear(dimension=4, sparsity=0)])
    assert all(Sparsity().inside(s, drawn) for s in (1.0, 4.0))
    with pytest.raises(SettingError, match="got 5, but an input has 4 coordinates"):
        Sparsity(sparsities=(2, 5)).strengths(mixture)
    with pytest.raises(SettingError, match="sparsities: expected at most 1000 places, got 20000"):
        Sparsity().strengths(Mixture([SparseLinear(dimension=20_000, sparsity=2), Linear(dimension=20_000)]))
    with pytest.raises(SettingError, match="no family of linear functions"):
        Sparsity().strengths(Mixture([Sinusoid()]))


@pytest.mark.parametrize("towards", ["next", "outside"])
@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0])
def test_rotated_subspaces_have_the_angle(towards, angle):
    """All principal angles, by singular values; towards the next they stay in the span of all, outside they do not."""
    union = UnionOfSubspaces(dimension=8, count=2, rank=2, seed=5)
    turned = RotatedSubspaces(dimension=8, count=2, rank=2, seed=5, angle=angle, towards=towards)
    span = np.linalg.qr(np.concatenate(list(union.bases), axis=1))[0]
    for own, basis in zip(union.bases, turned.bases, strict=True):
        np.testing.assert_allclose(basis.T @ basis, np.eye(2), atol=1e-12)
        np.testing.assert_allclose(np.linalg.svd(own.T @ basis)[1], np.cos(np.deg2rad(angle)), atol=1e-12)
        left = np.linalg.norm(basis - span @ (span.T @ basis), axis=0)
        np.testing.assert_allclose(left, 0 if towards == "next" else np.sin(np.deg2rad(angle)), atol=1e-12)
    w = slopes(turned)
    planes = [np.abs(w - w @ basis @ basis.T).max(1) for basis in turned.bases]
    assert (np.minimum(*planes) < 1e-5).all() and (planes[0] < 1e-5).any() and (planes[1] < 1e-5).any()


def test_subspace_angle():
    mixture = SubspaceAngle.example_mixture()
    assert SubspaceAngle().strengths(mixture) == (0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0)
    assert SubspaceAngle().path(0.0, mixture).families == mixture.families
    with pytest.raises(SettingError, match="at least 9, the number of orthogonal directions"):
        SubspaceAngle(towards="outside").strengths(Mixture([UnionOfSubspaces(dimension=8, count=2, rank=3)]))
    with pytest.raises(SettingError, match="there is only one subspace and no next one"):
        SubspaceAngle().strengths(Mixture([UnionOfSubspaces(dimension=8, count=1, rank=3)]))
    assert SubspaceAngle(towards="outside").label == "subspace-angle, outside the span"


@pytest.mark.parametrize("dimension", [2, 3, 10])
def test_a_ring_is_at_its_angle_to_the_pole(dimension):
    w = slopes(SphericalRing(dimension=dimension, angle=120.0, radius=2.0))
    np.testing.assert_allclose(np.linalg.norm(w, axis=1), 2.0, rtol=1e-5)
    np.testing.assert_allclose(w[:, 0], -1.0, atol=1e-5)
    different = len(np.unique(np.round(w, 4), axis=0))
    assert different == 2 if dimension == 2 else different > 190


def test_a_ring_of_the_plane_by_enumeration():
    """Two functions: the posterior weighs their likelihoods."""
    ring, sigma = SphericalRing(dimension=2, angle=50.0), 0.3
    bayes = Bayes(Mixture([ring], inputs=Normal(), noise=sigma))
    given = Mixture([ring], inputs=Normal(), noise=sigma).prompts(KEY, 1, 3, 4)
    x, y, queries = (np.asarray(part[0], np.float64) for part in (given.x, given.y, given.queries))
    angle = np.deg2rad(50)
    both = np.array([[np.cos(angle), np.sin(angle)], [np.cos(angle), -np.sin(angle)]])
    log = -0.5 * np.square(y[None] - both @ x.T).sum(1) / sigma**2
    weights = np.exp(log - np.logaddexp.reduce(log))
    np.testing.assert_allclose(bayes.predict(x, y, queries).mean, weights @ both @ queries.T, atol=1e-8)


def test_cap_angle_leaves_the_cap():
    mixture = Mixture([SphericalCap(dimension=3, angle=60.0, radius=2.0)])
    assert [CapAngle().inside(angle, mixture) for angle in (15.0, 60.0, 75.0)] == [True, True, False]
    (family,) = CapAngle().path(75.0, mixture).families
    np.testing.assert_allclose(slopes(family)[:, 0], 2 * np.cos(np.deg2rad(75)), atol=1e-5)
    with pytest.raises(SettingError, match="no family of spherical caps"):
        CapAngle().strengths(Mixture())


def test_held_out_pairs_are_those_that_the_mixture_has_no_combination_of():
    mixture = HeldOutPairs.example_mixture()
    assert HeldOutPairs().strengths(mixture) == (1.0, 2.0, 3.0)
    assert [HeldOutPairs().inside(pair, mixture) for pair in (1.0, 2.0, 3.0)] == [True, False, False]
    (family,) = HeldOutPairs().path(3.0, mixture).families
    assert isinstance(family, Combination) and (family.first, family.second) == mixture.families[1:3]
    turned = mixture.changed(families=[*mixture.families[:3], Combination(Sinusoid(), Linear(), 0.5)])
    assert HeldOutPairs().inside(1.0, turned)
    with pytest.raises(SettingError, match="no combination of two families"):
        HeldOutPairs().strengths(Mixture())
    with pytest.raises(SettingError, match="has all 1 pairs"):
        HeldOutPairs().strengths(Mixture([Linear(), Sinusoid(), Combination()]))


def test_other_family_is_one_that_the_mixture_lacks():
    assert OtherFamily().path(1.0, Mixture()).family_names == ["polynomial"]
    assert OtherFamily().path(1.0, Mixture([Linear(dimension=3)])).family_names == ["sparse-linear"]
    half = OtherFamily().distribution(0.5, Mixture(weights=[0.2, 0.8]))
    np.testing.assert_allclose(half.weights, [0.1, 0.4, 0.5], rtol=1e-6)
    assert OtherFamily(family=Sinusoid()).inside(1.0, Mixture()) and not OtherFamily().inside(0.5, Mixture())
    assert OtherFamily(family=Sinusoid()).label == "other-family, sinusoid"
    with pytest.raises(SettingError, match=r"family.dimension: it must be 1, as for the mixture; got 2"):
        OtherFamily(family=Linear(dimension=2)).strengths(Mixture())
    with pytest.raises(SettingError, match="every family that is tried by default"):
        OtherFamily().strengths(Mixture([Linear(), Sinusoid(), Polynomial()]))
