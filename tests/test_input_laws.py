"""Laws of inputs: each is what it says, and leaves the draws of the law that it is made from as they are."""

# pyright: reportCallIssue=false, reportAttributeAccessIssue=false
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compilations import programs_compiled

from offprior import input_laws as laws
from offprior.errors import SettingError
from offprior.families.linear import Linear
from offprior.input_laws.evenly import Evenly
from offprior.laws.fixed import Fixed
from offprior.laws.log_uniform import LogUniform
from offprior.laws.normal import Normal
from offprior.laws.uniform import Uniform
from offprior.mixture import Mixture, draw_prompts
from offprior.recipe.parts import law_from, plain

KEYS = jax.random.key(0), jax.random.key(1)
BASE = Normal()
N, M, D = 6, 5, 8


def drawn(law, n=N, m=M, d=D):
    return [np.asarray(side, np.float64) for side in law.prompt(*KEYS, n, m, d)]


def many(law, count=3000, n=2, d=4):
    """[count, n, d]: contexts of as many prompts."""
    keys = (jax.random.split(key, count) for key in KEYS)
    return np.asarray(jax.vmap(lambda *of: law.prompt(*of, n, 1, d)[0])(*keys), np.float64)


@pytest.mark.parametrize("law", [Uniform(-1.0, 2.0), Evenly()])
def test_prompts_of_plain_laws_are_their_inputs_and_queries(law):
    context, queries = law.prompt(*KEYS, 4, 3, 2)
    np.testing.assert_array_equal(context, law.inputs(KEYS[0], 4, 2))
    np.testing.assert_array_equal(queries, law.queries(KEYS[1], 3, 2))


@pytest.mark.parametrize("law", [Uniform(-1.0, 3.0), Normal(1.0, 2.0), LogUniform(0.5, 2.0), Fixed(2.0)])
def test_a_scaled_law_has_its_quantiles_times_the_factor(law):
    for share in (0.1, 0.5, 0.8):
        at = jnp.asarray(share)
        np.testing.assert_allclose(law.scaled(3.0).quantile(at), 3.0 * law.quantile(at), rtol=1e-5)
        np.testing.assert_allclose(laws.Affine(law).scaled(3.0).quantile(at), 3.0 * law.quantile(at), rtol=1e-5)


def test_affine_is_a_factor_and_a_shift():
    for plain_side, side in zip(drawn(BASE), drawn(laws.Affine(BASE, factor=2.0, shift=-1.0)), strict=True):
        np.testing.assert_allclose(side, 2 * plain_side - 1, atol=1e-6)
    x = np.asarray(laws.Affine(Uniform(0.0, 1.0), 2.0, 3.0).sample(KEYS[0], (1000, 1)))
    assert 3.0 <= x.min() < 3.1 and 4.9 < x.max() <= 5.0


def test_skewed_has_the_stated_spectrum():
    """Of one prompt with many inputs: eigenvalues ∝ 1/i², with the sum of the law it is made from."""
    for rotated in (True, False):
        x = np.asarray(laws.Skewed(BASE, power=2.0, rotated=rotated).inputs(KEYS[0], 40_000, 4), np.float64)
        found = np.sort(np.linalg.eigvalsh(np.cov(x.T)))[::-1]
        expected = np.arange(1, 5) ** -2.0
        np.testing.assert_allclose(found, 4 * expected / expected.sum(), rtol=0.04)
        assert np.allclose(np.cov(x.T), np.diag(np.diag(np.cov(x.T))), atol=0.05) is not rotated
    every = many(laws.Skewed(BASE, power=2.0)).reshape(-1, 4)
    np.testing.assert_allclose(np.cov(every.T), np.eye(4), atol=0.12)
    np.testing.assert_allclose(drawn(laws.Skewed(BASE, power=0.0))[0], drawn(BASE)[0], atol=1e-5)


def test_a_subspace_holds_context_and_queries_and_keeps_the_mean_square():
    context, queries = drawn(laws.Subspace(BASE, rank=3), n=10, m=10)
    assert np.linalg.matrix_rank(np.concatenate([context, queries]), tol=1e-4) == 3
    assert np.square(many(laws.Subspace(BASE, rank=2))).mean() == pytest.approx(1.0, rel=0.05)
    with pytest.raises(SettingError, match="rank: it must be at most the dimension 8 of an input, got 9"):
        drawn(laws.Subspace(BASE, rank=9))


def test_first_coordinates_are_kept_and_the_others_are_nought():
    context, queries = drawn(laws.FirstCoordinates(BASE, used=3))
    np.testing.assert_array_equal(context[:, :3], drawn(BASE)[0][:, :3])
    assert not context[:, 3:].any() and not queries[:, 3:].any()


@pytest.mark.parametrize("base", [BASE, Uniform(0.0, 4.0)])
def test_opposite_orthants(base):
    middle = float(base.quantile(jnp.asarray(0.5)))
    context, queries = drawn(laws.OppositeOrthants(base))
    sign = np.sign(context[0] - middle)
    assert (np.sign(context - middle) == sign).all() and (np.sign(queries - middle) == -sign).all()
    np.testing.assert_allclose(np.abs(context - middle), np.abs(drawn(base)[0] - middle), atol=1e-5)
    assert len(np.unique(np.sign(many(laws.OppositeOrthants(base), 50)[:, 0] - middle), axis=0)) > 8
    half = drawn(laws.OppositeOrthants(base, degree=0.5), n=400)[0]
    on_side = (np.sign(half - middle) == np.sign(half - middle)[0]).mean(0)
    assert (np.maximum(on_side, 1 - on_side) > 0.6).all() and (np.maximum(on_side, 1 - on_side) < 0.9).all()


def test_orthogonal_queries():
    (plain_context, plain_queries), (context, queries) = drawn(BASE), drawn(laws.OrthogonalQueries(BASE))
    np.testing.assert_array_equal(context, plain_context)
    assert np.abs(queries @ context.T).max() < 1e-5
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), np.linalg.norm(plain_queries, axis=1), rtol=1e-5)
    with pytest.raises(SettingError, match="in 8 dimensions no direction is orthogonal to a context of 8 inputs"):
        drawn(laws.OrthogonalQueries(BASE), n=8)
    assert not laws.OrthogonalQueries().nested


@pytest.mark.parametrize("degree", [1.0, -1.0])
def test_ordered_contexts(degree):
    context, queries = drawn(laws.Ordered(BASE, degree=degree))
    np.testing.assert_array_equal(queries, drawn(BASE)[1])
    assert (degree * np.diff(context[:, 0]) > 0).all()
    np.testing.assert_array_equal(context[np.argsort(context[:, 0])], drawn(BASE)[0][np.argsort(drawn(BASE)[0][:, 0])])


def test_partly_ordered_contexts_are_between():
    def agreement(degree):
        x = many(laws.Ordered(BASE, degree=degree), 400, 20, 1)[:, :, 0]
        return np.mean([np.corrcoef(np.arange(20), np.argsort(np.argsort(each)))[0, 1] for each in x])

    assert abs(agreement(0.0)) < 0.05 and 0.3 < agreement(0.5) < 0.95 and agreement(-0.5) < -0.3


@pytest.mark.parametrize(
    "base, expected", [(Uniform(-1.0, 1.0), np.linspace(-1, 1, 5)), (Normal(), [-1.2816, -0.5244, 0.0, 0.5244, 1.2816])]
)
def test_evened_contexts(base, expected):
    law = laws.Evened(base)
    context, queries = drawn(law, n=5, d=2)
    np.testing.assert_allclose(np.sort(context, axis=0), np.tile(np.asarray(expected)[:, None], 2), atol=1e-4)
    np.testing.assert_array_equal(queries, drawn(base, n=5, d=2)[1])
    np.testing.assert_array_equal(np.argsort(context, axis=0), np.argsort(drawn(base, n=5, d=2)[0], axis=0))
    half = drawn(laws.Evened(base, degree=0.5), n=5, d=2)[0]
    np.testing.assert_allclose(half, (context + drawn(base, n=5, d=2)[0]) / 2, atol=1e-5)


def test_mixed_inputs_come_from_either_law():
    x = many(laws.Mixed(Fixed(0.0), other=Fixed(1.0), share=0.3), 2000, 5, 2)
    assert set(np.unique(x)) == {0.0, 1.0} and x.mean() == pytest.approx(0.3, abs=0.02)
    np.testing.assert_array_equal(x[:, :, 0], x[:, :, 1])
    assert not laws.Mixed(Evenly()).nested and laws.Mixed().nested


def test_laws_of_laws_are_written_and_read():
    law = laws.Affine(laws.Skewed(Normal(0.0, 2.0), power=1.0), shift=3.0)
    again = law_from(plain(law))
    for left, right in zip(drawn(law), drawn(again), strict=True):
        np.testing.assert_array_equal(left, right)


def test_numbers_of_laws_are_leaves_of_one_program():
    mixture = Mixture([Linear(dimension=2)], inputs=laws.Skewed(power=1.0))
    draw_prompts(mixture, KEYS[0], 4, 3, 2)
    programs = programs_compiled()
    draw_prompts(mixture.changed(inputs=laws.Skewed(Uniform(-1.0, 1.0), power=2.0)), KEYS[0], 4, 3, 2)
    assert programs_compiled() == programs
