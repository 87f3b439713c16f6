"""What is not there, or does not fit, is said in one line, with what would do."""

import os
import re
import subprocess
import sys

import jax
import numpy as np
import pytest

from offprior.console.progress import Silence
from offprior.errors import OffpriorError
from offprior.families.linear import Linear
from offprior.mixture import Mixture
from offprior.models.transformer import Transformer
from offprior.pretraining import program, training_loop
from offprior.pretraining.gradient import sharing
from offprior.pretraining.population import Member
from offprior.pretraining.pretrain import pretrain, pretrain_population
from offprior.pretraining.step import initial_state, setting
from offprior.pretraining.training import Training

MODEL = Transformer(layers=1, heads=2, width=16)
MIXTURE = Mixture(families=[Linear()])


def said(*arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-m", "offprior", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="there is an accelerator")
def test_a_device_that_is_not_there_is_said_in_one_line():
    assert "--device: jax finds no tpu here, only cpu" in said("probe", "nothing", "--device", "tpu")
    assert "pip install 'jax[cuda13]'" in said("run", "mueller-2023", "--device", "gpu")
    assert "JAX_PLATFORMS=cuda, but jax finds no such device" in said("run", "mueller-2023", JAX_PLATFORMS="cuda")


DISPATCHES_ON_TWO_DEVICES = """
from offprior.compute.devices import use_one_device_per_core
use_one_device_per_core()
import numpy as np
from offprior import Linear, Mixture
from offprior.models.transformer import Transformer
from offprior.pretraining.gradient import sharing
from offprior.pretraining.program import program
from offprior.pretraining.step import initial_state, setting
from offprior.pretraining.training import Training

training = Training(steps=10000, batch=32, points=20, steps_per_dispatch=1, optimiser="adam")
fixed = setting(Mixture([Linear()]), training, 0)
state = initial_state(Transformer(layers=1, width=64, heads=1), fixed)
shared = sharing(training, state.network)
fixed, state = shared.replicated((fixed, state))
until = np.asarray(training.steps, np.int32)
step = program(fixed, shared, state, until)
for _ in range(500):
    state, report = step(fixed, state, until)
print(shared.mesh.size, int(state.step))
"""


def test_devices_that_wait_for_each_other_do_not_wait_for_ever():
    """With a step queued behind another, two devices with a thread each come to a stop, and XLA ends the process."""
    done = subprocess.run(
        [sys.executable, "-c", DISPATCHES_ON_TWO_DEVICES],
        env={**os.environ, "JAX_NUM_CPU_DEVICES": "2", "PJRT_NPROC": "2"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stdout.split() == ["2", "500"], done.stderr[-500:]


def needs(batch, members=1, at_once=0):
    """Bytes of such a program, before it is held against the memory."""
    training = member(batch, at_once=at_once).training
    settings = [setting(MIXTURE, training, seed) for seed in range(members)]
    states = [initial_state(MODEL, one) for one in settings]
    shared = sharing(training, states[0].network)
    state, fixed = training_loop.laid_out(states, settings, shared)
    return program.program(fixed, shared, state, np.asarray(training.steps, np.int32), members).bytes


def member(batch, seed=0, at_once=0):
    training = Training(
        steps=1, batch=batch, points=20, steps_per_dispatch=1, optimiser="adam", prompts_at_once=at_once
    )
    return Member(MIXTURE, training, seed)


def test_a_batch_too_large_for_the_memory_names_one_that_fits(monkeypatch):
    enough = needs(256, at_once=1024)
    monkeypatch.setattr(program, "memory", lambda platform: enough)
    with pytest.raises(OffpriorError, match=r"^training\.batch: batches of 1024 take .* would fit$") as refused:
        pretrain(MODEL, MIXTURE, member(1024, at_once=1024).training, progress=Silence())
    named = re.search(r"training\.batch=(\d+) would fit", str(refused.value))
    assert named is not None and 64 <= int(named.group(1)) < 1024
    pretrain(MODEL, MIXTURE, member(int(named.group(1)), at_once=0).training, progress=Silence())


def test_a_smaller_batch_is_no_remedy_where_a_few_prompts_are_taken_at_once(monkeypatch):
    """The bytes are then those of the weights: no batch is named that would not fit either."""
    enough = needs(64)
    monkeypatch.setattr(program, "memory", lambda platform: 0.5 * enough)
    with pytest.raises(OffpriorError, match=r"^training\.batch: batches of 64 take") as refused:
        pretrain(MODEL, MIXTURE, member(64).training, progress=Silence())
    named = re.search(r"training\.batch=(\d+) would fit", str(refused.value))
    if named is None:
        assert "training.prompts_at_once=1 would fit" in str(refused.value) or "too large" in str(refused.value)
    else:
        pretrain(MODEL, MIXTURE, member(int(named.group(1))).training, progress=Silence())


def test_too_many_members_for_the_memory_name_how_many_fit(monkeypatch):
    enough = needs(4, members=3)
    monkeypatch.setattr(program, "memory", lambda platform: enough)
    with pytest.raises(OffpriorError, match=r"for 8 members at once take .*\b(1|2) members"):
        pretrain_population(MODEL, [member(4, seed) for seed in range(8)], at_once=8, progress=Silence())


def test_a_device_that_runs_out_of_memory_on_the_way_says_what_to_try(monkeypatch):
    class Full:
        def __call__(self, *_):
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 9 bytes.")

    monkeypatch.setattr(training_loop, "program", lambda *_: Full())
    with pytest.raises(OffpriorError, match=r"out of memory with batches of 12; training\.batch=6 may fit"):
        pretrain(MODEL, MIXTURE, member(12).training, progress=Silence())
