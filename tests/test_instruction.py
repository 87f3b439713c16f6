"""The instruction token: nothing is other without it, and with it a model can be told, rightly and wrongly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from offprior.console.progress import Silence
from offprior.errors import SettingError
from offprior.evaluation.evaluate import evaluate
from offprior.evaluation.instruction import instructions
from offprior.families.grid import Grid
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.mixture import Mixture
from offprior.models.transformer import Transformer
from offprior.networks import layout as layouts
from offprior.pretraining.pretrain import pretrain
from offprior.pretraining.step import initial_state, setting
from offprior.pretraining.training import Training
from offprior.probes.convex import Convex
from offprior.recipe.recipe import from_mapping

SETTINGS = {"layers": 1, "heads": 2, "width": 16}
UP_OR_DOWN = Mixture([Grid(slope=(1.0,), offset=(0.0,)), Grid(slope=(-1.0,), offset=(0.0,))], noise=0.1)
"""Two functions: who knows the family knows everything."""


BUDGET = {"batch": 8, "points": 4, "optimiser": "adam", "learning_rate": 1e-2}


def told(share=0.5, steps=4, **model):
    model = Transformer(**SETTINGS, instruction=2, **model)
    training = Training(**BUDGET, steps=steps, instruction_share=share)
    return pretrain(model, UP_OR_DOWN, training, progress=Silence())


@pytest.mark.parametrize("tokens", ["alternating", "paired"])
@pytest.mark.parametrize("attention", ["causal", "context"])
def test_all_tokens_see_it_and_nothing_else_changes(tokens, attention):
    x, y, queries = jnp.zeros((3, 1)), jnp.zeros(3), jnp.zeros((2, 1))
    plain = layouts.curve_layout(tokens, attention, x, y, queries, jnp.asarray(2))
    with_it = layouts.instructed(plain)
    assert with_it.visible[:, 0].all() and with_it.visible[0].sum() == 1
    np.testing.assert_array_equal(with_it.visible[1:, 1:], plain.visible)
    assert with_it.read == slice(plain.first + 1, None, plain.stride)


def test_the_other_weights_are_those_of_the_model_without_it():
    networks = [
        Transformer(**SETTINGS, instruction=named).initialise(
            jax.random.key(3), dimension=1, points=4, targets=jnp.zeros(8)
        )
        for named in (0, 2)
    ]
    assert networks[0].instructions is None and networks[1].instructions.shape == (3, 16)
    without, others = (
        [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(network) if "instructions" not in str(path)]
        for network in networks
    )
    for one, other in zip(without, others, strict=True):
        np.testing.assert_array_equal(one, other)
    assert [network.tokens(4) for network in networks] == [10, 11]


@pytest.mark.parametrize(("share", "untouched"), [(0.0, [0, 1]), (1.0, [2])])
def test_the_share_says_how_often_a_family_is_named(share, untouched):
    """What is never shown has no gradient, and stays as it was; what is shown does not."""
    settings = setting(UP_OR_DOWN, Training(**BUDGET, steps=4), 0)
    first = initial_state(Transformer(**SETTINGS, instruction=2), settings).network.instructions
    changed = (np.asarray(first) != np.asarray(told(share).network.instructions)).any(axis=1)
    assert [place for place in range(3) if not changed[place]] == untouched


@pytest.mark.parametrize("attention", ["causal", "context"])
def test_a_model_believes_what_it_is_told(attention):
    """Without a context only the instruction tells the two functions apart."""
    model = told(steps=300, attention=attention)
    table = evaluate([model], [], [0, 4], mixture=UP_OR_DOWN, tasks=32, queries=8, progress=Silence())
    errors = table.to_pandas().query("length == 0").groupby("predictor")["squared_error"].mean() / np.square(5.0) * 3
    assert errors["instructed: right"] < 0.1 and errors["instructed: wrong"] > 3
    assert errors["model"] == pytest.approx(1.0, abs=0.3)
    row = table.metrics().query("length == 0").iloc[0]
    cost = (errors["model"] - errors["instructed: right"]) / (row["variance"] / np.square(5.0) * 3)
    assert row["M10: instructed: right"] == pytest.approx(cost)
    assert row["M10: instructed: wrong"] < 0 < row["M10: instructed: right"]


def test_nobody_is_told_a_family_that_there_is_not():
    mixture = Mixture([Linear(), Sinusoid()])
    model = told()
    family = np.zeros(3, np.int32)
    assert instructions(model, mixture, Convex(0.5, 0.5, count=1).path(0.5, mixture), family) == {}
    assert instructions(model, mixture, Mixture([Sinusoid()]), family)["instructed: right"].tolist() == [1, 1, 1]
    found = instructions(model, mixture, mixture, np.array([0, 1, 1], np.int32))
    assert found["instructed: wrong"].tolist() == [1, 0, 0]
    model.label = "specialist: linear"
    assert instructions(model, mixture, mixture, family) == {}


def test_it_has_to_name_as_many_families_as_there_are():
    raw = {"name": "x", "title": "x", "mixture": {}, "model": {"name": "transformer", "instruction": 3}}
    with pytest.raises(SettingError, match=r"model\.instruction: got 3, but the mixture has 2 families; write 2"):
        from_mapping(raw)
