"""Contexts in a part of the range: where they lie, where the queries lie, and what is pretrained on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from offprior.input_laws.one_sided import OneSided
from offprior.input_laws.sub_interval import SubInterval
from offprior.laws.normal import Normal
from offprior.laws.uniform import Uniform
from offprior.mixture import Mixture, draw_sequences

KEYS = jax.random.split(jax.random.key(0), 2000)
BASE = Uniform(-5.0, 5.0)


def prompts(law, n=8, m=6, d=1):
    """Contexts [2000, n, d] and queries [2000, m, d] of as many prompts."""
    drawn = jax.vmap(lambda key: law.prompt(key, jax.random.fold_in(key, 1), n, m, d))(KEYS)
    return [np.asarray(side, np.float64) for side in drawn]


@pytest.mark.parametrize("base", [BASE, Normal(1.0, 2.0)])
@pytest.mark.parametrize("share", [0.1, 0.6, 0.999])
def test_one_sided_contexts_lie_below_all_queries(base, share):
    context, queries = prompts(OneSided(base, share=share))
    end = float(base.quantile(jnp.asarray(share)))
    assert np.isfinite(context).all() and np.isfinite(queries).all()
    assert context.max() <= end + 1e-4 <= queries.min() + 2e-4
    # Each side is the base's own law, cut off at the end: its median is the middle quantile of its part.
    for side, middle in ((context, share / 2), (queries, (1 + share) / 2)):
        below = np.mean(side < float(base.quantile(jnp.asarray(middle))))
        assert abs(below - 0.5) < 4 * 0.5 / np.sqrt(side.size)


def test_one_sided_with_the_whole_range_is_the_base_itself():
    whole = prompts(OneSided(BASE, share=1.0))
    for side, plain_side in zip(whole, prompts(BASE), strict=True):
        np.testing.assert_array_equal(side, plain_side)


def test_sub_intervals_hold_the_declared_shares_anywhere_in_the_range_and_queries_lie_everywhere():
    context, queries = prompts(SubInterval(BASE, least=0.25, most=0.5), n=200)
    width = np.ptp(context, axis=1)[:, 0] / 10
    assert width.max() < 0.5 and abs(width.mean() - 0.375 * 199 / 201) < 0.01  # the range of 200 uniform draws
    assert context.min() < -4.9 and context.max() > 4.9
    assert abs(np.mean(queries < 0) - 0.5) < 0.02 and abs(np.mean(np.square(queries)) - 25 / 3) < 0.3
    beyond = (queries < context.min(1, keepdims=True)) | (queries > context.max(1, keepdims=True))
    assert abs(beyond.mean() - (1 - 0.375)) < 0.02


def test_prompts_to_pretrain_on_begin_in_their_interval_and_go_on_everywhere():
    """Half of all points are of the interval, those of the beginning always; the law of both parts is as declared."""
    mixture = Mixture(inputs=SubInterval(BASE, least=0.1, most=0.1))
    x = np.asarray(draw_sequences(mixture, KEYS[0], 4000, 16).x, np.float64)[..., 0]
    # With s of 16 points in an interval of a tenth, the first s have a range of at most 1.
    in_interval = (np.maximum.accumulate(x, 1) - np.minimum.accumulate(x, 1) <= 1.0).sum(1)
    counts = np.bincount(np.minimum(in_interval, 16), minlength=17)[2:16] / len(x)
    assert np.abs(counts - 1 / 17).max() < 0.02
    assert abs(np.mean(np.abs(x[:, -1]) < 2.5) - 0.5) < 0.04


def test_prompts_to_pretrain_on_are_those_of_the_contexts_for_every_other_law():
    key = KEYS[0]
    for law in (BASE, OneSided(BASE, share=0.5)):
        np.testing.assert_array_equal(law.sequence(key, 7, 1), law.inputs(key, 7, 1))


def test_a_vector_is_restricted_in_its_first_coordinate_only():
    context, queries = prompts(OneSided(Normal(), share=0.5), d=3)
    assert context[..., 0].max() <= 1e-5 and queries[..., 0].min() >= -1e-5
    assert abs(np.mean(context[..., 1:] < 0) - 0.5) < 0.02 and abs(np.mean(queries[..., 1:] < 0) - 0.5) < 0.02
