"""The law of inputs of forecasters: the same horizon after a context of any length."""

import jax
import numpy as np

from offprior.input_laws.grid_then_horizon import GridThenHorizon
from offprior.mixture import Mixture
from offprior.probes.convex import Convex

KEYS = jax.random.split(jax.random.key(0), 2)


def test_contexts_end_at_the_end_and_queries_go_on_at_the_same_step():
    law = GridThenHorizon(end=2.0, step=0.5)
    context, queries = law.prompt(*KEYS, 5, 3, 1)
    np.testing.assert_allclose(context[:, 0], [0.0, 0.5, 1.0, 1.5, 2.0])
    np.testing.assert_allclose(queries[:, 0], [2.5, 3.0, 3.5])
    longer, same = law.prompt(*KEYS, 9, 3, 1)
    np.testing.assert_allclose(longer[4:], context)
    np.testing.assert_array_equal(same, queries)


def test_prompts_of_a_mixture_are_on_the_grid_at_every_length():
    mixture = Mixture(inputs=GridThenHorizon(), noise=0.0)
    for length in (2, 64, 1024):
        x = np.asarray(mixture.prompts(KEYS[0], 3, length, 48).x, float)
        np.testing.assert_allclose(np.diff(x[..., 0]), 0.1, rtol=1e-3)
    assert Convex().inside(1.0, mixture) and not Convex().inside(0.5, mixture)


def test_a_factor_scales_the_end_and_the_step():
    scaled = GridThenHorizon(end=2.0, step=0.5).scaled(3.0)
    context, _ = scaled.prompt(*KEYS, 3, 1, 2)
    np.testing.assert_allclose(context, [[3.0, 3.0], [4.5, 4.5], [6.0, 6.0]])
    assert GridThenHorizon().words == "a horizon at steps of 0.1"
