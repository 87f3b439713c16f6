"""Silent mistakes of other code, each a test with its name.

Others have theirs where they belong: a family per batch and weights that change nothing in `test_mixture.py`, a pool
smaller than the batch in `test_more_families.py`, a resume that repeats a batch in `test_pretraining.py`, an evaluation
seeded from the clock in `test_evaluate.py`, a probe that changes nothing in `test_probes.py`,
a probe that is inside the prior in `test_function_probes.py`, the memory of a pool of 2²⁰ tasks in
`test_class_predictors.py`.
"""

import jax
import numpy as np
import pytest

from offprior.compute.randomness import key_for
from offprior.errors import SettingError
from offprior.families.decision_tree import DecisionTree
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.families.task_pool import TaskPool
from offprior.input_laws.evenly import Evenly
from offprior.laws.normal import Normal
from offprior.mixture import Mixture, draw_sequences
from offprior.predictors._references import References
from offprior.predictors.bayes import Bayes
from offprior.recipe.recipe import from_mapping

KEY = jax.random.key(6)


def slopes_of(batch):
    return np.asarray(batch.values[:, 0] / batch.x[:, 0, 0], np.float64)


def test_tasks_drawn_once_before_the_loop():
    """256 tasks for a whole run, elsewhere: no slope of a step is there again at another."""
    mixture = Mixture([Linear()], noise=0.0)
    slopes = [slopes_of(draw_sequences(mixture, key_for(0, "training", step), 64, 4)) for step in range(6)]
    assert len(np.unique(np.round(np.concatenate(slopes), 5))) > 380
    for step, tasks in enumerate(slopes):
        others = np.concatenate(slopes[:step] + slopes[step + 1 :])
        assert not np.isclose(tasks[:, None], others[None], rtol=1e-5).all(1).any()
        assert not np.allclose(tasks, slopes[step - 1])


def test_a_pool_whose_tasks_differ_between_steps_or_seeds_of_the_run():
    """The pool is one for the whole run, and one for all of its seeds: it is the pool's own seed that makes it."""
    mixture = Mixture([TaskPool(family=Linear(), size=3)], noise=0.0)
    found = [
        np.unique(np.round(slopes_of(draw_sequences(mixture, key_for(seed, "training", step), 64, 4)), 4))
        for seed, step in ((0, 0), (0, 1), (7, 0))
    ]
    assert all(len(slopes) == 3 for slopes in found)
    np.testing.assert_allclose(found[1], found[0], atol=1e-3)
    np.testing.assert_allclose(found[2], found[0], atol=1e-3)


def test_seeded_trees_that_ignore_the_seed_and_never_ask_for_the_last_coordinate():
    family = DecisionTree(dimension=4, depth=3)
    trees = [family.draw(jax.random.key(seed)) for seed in range(200)]
    assert len({tuple(np.asarray(tree.leaves).tolist()) for tree in trees}) == 200
    asked = np.bincount(np.concatenate([tree.coordinate for tree in trees]), minlength=4)
    np.testing.assert_allclose(asked / asked.sum(), 0.25, atol=0.05)
    again = family.draw(jax.random.key(17))
    np.testing.assert_array_equal(again.leaves, trees[17].leaves)
    np.testing.assert_array_equal(again.coordinate, trees[17].coordinate)


@pytest.mark.parametrize("key", ["weight", "wieghts", "proportions"])
def test_mixture_weights_silently_ignored_for_a_misspelt_key(key):
    mapping = {"families": ["linear", "sinusoid"], key: [0.9, 0.1]}
    with pytest.raises(SettingError, match=rf"mixture\.{key}: unknown key"):
        from_mapping({"name": "x", "title": "x", "mixture": mapping, "model": "transformer"})


def test_axes_of_two_samplers_swapped():
    """Along a prompt the task is one and the inputs differ; between prompts both do."""
    mixture = Mixture([Linear(dimension=3)], inputs=Normal(), noise=0.0)
    batch = draw_sequences(mixture, KEY, 7, 11)
    x, values = np.asarray(batch.x, float), np.asarray(batch.values, float)
    assert x.shape == (7, 11, 3) and values.shape == (7, 11)
    solved = [np.linalg.lstsq(x[b], values[b], rcond=None) for b in range(7)]
    assert max(residual.sum() for _, residual, *_ in solved) < 1e-8
    assert len(np.unique(np.round([slopes for slopes, *_ in solved], 4), axis=0)) == 7
    across = [np.linalg.lstsq(x[:, i], values[:, i], rcond=None)[1].sum() for i in range(11)]
    assert min(across) > 1e-4, "at one place of all prompts there is no common task"
    assert len(np.unique(x)) == x.size
    even = np.asarray(draw_sequences(Mixture([Linear(dimension=3)], inputs=Evenly(-1, 1)), KEY, 4, 5).x)
    np.testing.assert_allclose(
        np.sort(even, axis=1), np.broadcast_to(np.linspace(-1, 1, 5)[:, None], even.shape), atol=1e-6
    )


def test_a_prior_bag_weighted_otherwise_than_meant():
    """.96/.04 where .73/.27 was meant: the shares of the draws, of B's prior, and of what B is given to choose from."""
    with pytest.raises(SettingError, match=r"\[0.73, 0.27\]"):
        Mixture([Linear(), Sinusoid()], weights=[73, 27])
    mixture = Mixture([Linear(), Sinusoid()], weights=[0.73, 0.27])
    drawn = np.asarray(draw_sequences(mixture, KEY, 20_000, 2).family)
    assert abs((drawn == 0).mean() - 0.73) < 4 * np.sqrt(0.73 * 0.27 / 20_000)
    # So noisy a point tells nothing of the family.
    blind = Bayes(mixture, noise=1e5)
    np.testing.assert_allclose(blind.family_posterior(np.ones((1, 1)), np.zeros(1)), [0.73, 0.27], atol=1e-6)
    prompts = mixture.prompts(KEY, 400, 1, 1)
    found = References(mixture).batch(prompts.x, prompts.y, prompts.queries, [1]).class_probability[:, 0, 0]
    assert abs(found.mean() - 0.73) < 4 * found.std() / 20, "posteriors average to the prior"
