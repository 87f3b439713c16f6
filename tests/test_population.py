"""Members of a population are the models that they would be alone."""

import functools

import jax
import numpy as np
import optax
import pytest
from slow_progress import Slow

from offprior.console.progress import Silence
from offprior.errors import OffpriorError
from offprior.families.grid import Grid
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.mixture import Mixture
from offprior.models.transformer import Transformer
from offprior.pretraining import checkpoint
from offprior.pretraining.population import Member
from offprior.pretraining.pretrain import pretrain, pretrain_population
from offprior.pretraining.training import Training

MODEL = Transformer(layers=1, heads=2, width=16, tokens="paired", attention="context", head="buckets", buckets=16)
SHORT = {"batch": 4, "points": 6, "steps_per_dispatch": 5, "checkpoint_every": 10}


def mixture(weight=0.5, noise=0.1, high=1.5):
    families = [Linear(), Sinusoid(frequency=(0.5, high))]
    return Mixture(families=families, weights=[weight, 1 - weight], noise=noise)


def training(rate=2e-3, **others):
    return Training(**{"steps": 12, "learning_rate": rate, **SHORT, **others})


# Every number that a sweep may vary, all of them at once.
MEMBERS = [
    Member(mixture(), training(), seed=0),
    Member(mixture(weight=0.2), training(), seed=1),
    Member(mixture(noise=0.3), training(rate=1e-2, warmup=0.3, clip=0.5), seed=2),
    Member(mixture(high=3.0), training(weight_decay=0.1), seed=2),
]


def weights(model):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(model.network)]


def alone(member):
    return pretrain(MODEL, member.mixture, member.training, seed=member.seed, progress=Silence())


def test_members_in_a_queue_are_their_single_runs_bit_for_bit():
    """It is the same program: one member at a time, which is the default on a processor."""
    found = pretrain_population(MODEL, MEMBERS, progress=Silence())
    for member, model in zip(MEMBERS, found.models, strict=True):
        for own, single in zip(weights(model), weights(alone(member)), strict=True):
            np.testing.assert_array_equal(own, single)


@pytest.fixture
def steady_adam(monkeypatch):
    """AdamW whose epsilon is as large as gradients are.

    Otherwise it divides by a gradient's size, which makes a step of the rounding where a gradient is 0 but for that.
    """
    monkeypatch.setattr(optax, "scale_by_adam", functools.partial(optax.scale_by_adam, eps=1e-3))
    jax.clear_caches()
    yield
    jax.clear_caches()


def test_members_in_one_program_are_their_single_runs_to_rounding(steady_adam):
    """Batched products are summed in another order, so bits differ; over twelve steps by less than 3e-7.

    Under AdamW: Muon's orthogonalisation magnifies rounding.
    """
    members = [member._replace(training=training_with(member, "adamw")) for member in MEMBERS]
    found = pretrain_population(MODEL, members, at_once=4, progress=Silence())
    for member, model in zip(members, found.models, strict=True):
        single = alone(member)
        for own, other in zip(weights(model), weights(single), strict=True):
            np.testing.assert_allclose(own, other, atol=3e-7, rtol=0)
        np.testing.assert_allclose(model.history["loss"], single.history["loss"], rtol=1e-5)
    # Both begin with the weights of seed 2, and differ by what they were trained with.
    assert max(np.abs(one - other).max() for one, other in zip(*map(weights, found.models[2:]), strict=True)) > 1e-2


def training_with(member, optimiser):
    own = member.training
    return training(
        optimiser=optimiser, rate=own.learning_rate, warmup=own.warmup, clip=own.clip, weight_decay=own.weight_decay
    )


def test_contents_of_a_pool_may_differ_between_members():
    pools = [Grid(functions=[(slope, 0.0, 1.0, 0.0, 0.0), (0.0, slope, 1.0, 0.0, 1.0)]) for slope in (1.0, 2.0, 3.0)]
    members = [Member(Mixture(families=[pool]), training(optimiser="adamw")) for pool in pools]
    found = pretrain_population(MODEL, members, at_once=3, progress=Silence())
    for member, model in zip(members, found.models, strict=True):
        np.testing.assert_allclose(model.history["loss"], alone(member).history["loss"], rtol=1e-5)
    assert len({float(model.history["loss"].iloc[-1]) for model in found.models}) == 3


def test_more_members_than_fit_are_queued_and_members_of_other_shapes_go_by_themselves():
    members = [Member(mixture(), training(steps=5), seed=seed) for seed in range(3)]
    members.append(Member(mixture(), training(steps=5, batch=8), seed=0))
    found = pretrain_population(MODEL, members, at_once=2, progress=Silence())
    assert [model.history["step"].tolist() for model in found.models] == [[5]] * 4
    assert [model.seed for model in found.models] == [0, 1, 2, 0]


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_member_that_diverges_does_not_stop_the_others(at_once, tmp_path):
    hot = training(rate=1e20, optimiser="adam", steps=60)
    mild = training(rate=1e-3, optimiser="adam", steps=60)
    members = [Member(mixture(), t, seed, tmp_path) for seed, t in enumerate((mild, hot, mild))]
    found = pretrain_population(MODEL, members, at_once=at_once, progress=Silence())
    assert list(found.diverged) == [1] and "no longer finite" in found.diverged[1]
    assert found.models[1] is None
    for seed in (0, 2):
        assert np.isfinite(found.models[seed].history["loss"]).all()
        assert checkpoint.steps_done(tmp_path, seed) == 60


def test_all_but_one_may_diverge():
    """The program is made anew for those that are left."""
    rates = (1e20, 1e20, 1e-3, 1e20)
    members = [Member(mixture(), training(rate=rate, optimiser="adam", steps=60)) for rate in rates]
    found = pretrain_population(MODEL, members, at_once=4, progress=Silence())
    assert list(found.diverged) == [0, 1, 3]
    single = pretrain(MODEL, members[2].mixture, members[2].training, progress=Silence())
    np.testing.assert_allclose(found.models[2].history["loss"], single.history["loss"], rtol=1e-3)


def test_members_may_diverge_one_dispatch_after_another():
    """The second when the program for those that are left is being made: nobody is left."""
    rates = (1e20, 1e4)
    members = [
        Member(mixture(), training(rate=rate, optimiser="adam", steps=60, steps_per_dispatch=2)) for rate in rates
    ]
    found = pretrain_population(MODEL, members, at_once=2, progress=Silence())
    steps = [int(message.partition("at step ")[2].partition(";")[0]) for message in found.diverged.values()]
    assert sorted(found.diverged) == [0, 1] and found.models == [None, None]
    assert len({(step - 1) // 2 for step in steps}) == 2, "in different dispatches"


def test_a_population_resumes_members_that_stand_at_different_steps(tmp_path):
    members = [Member(mixture(), training(steps=20), seed, tmp_path / "parts") for seed in range(2)]
    whole = pretrain_population(
        MODEL, [member._replace(folder=None) for member in members], at_once=2, progress=Silence()
    )
    pretrain_population(MODEL, members, at_once=2, progress=Slow())
    # The last checkpoint of the second is lost.
    newest, older = checkpoint.state_files(tmp_path / "parts", 1)
    newest.unlink()
    assert older.name == "state-000000010.safetensors"
    resumed = pretrain_population(MODEL, members, resume=True, at_once=2, progress=Silence())
    for own, other in zip(resumed.models, whole.models, strict=True):
        for one, two in zip(weights(own), weights(other), strict=True):
            np.testing.assert_allclose(one, two, atol=1e-3)


def test_a_whole_population_that_diverges_is_an_error():
    with pytest.raises(OffpriorError, match="no longer finite at step"):
        pretrain(MODEL, mixture(), training(rate=1e20, optimiser="adam", steps=60), progress=Silence())
