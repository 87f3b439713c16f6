"""Numbers do not depend on the process's jax settings, and an import changes none of them."""

import os
import subprocess
import sys
import textwrap

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from offprior.compute.randomness import key_for
from offprior.console.progress import Silence
from offprior.families.linear import Linear
from offprior.families.polynomial import Polynomial
from offprior.laws.normal import Normal
from offprior.mixture import Mixture, draw_prompts, draw_sequences
from offprior.models.transformer import Transformer
from offprior.predictors.bayes import Bayes
from offprior.predictors.gradient_descent import GradientDescent
from offprior.predictors.ridge import Ridge
from offprior.pretraining.checkpoint import fingerprint, read_pretrained
from offprior.pretraining.pretrain import pretrain
from offprior.pretraining.training import Training
from offprior.probes.shift import Shift

OTHER = {
    "jax_enable_x64": True,
    "jax_debug_nans": True,
    "jax_debug_infs": True,
    "jax_default_matmul_precision": "bfloat16",
    "jax_default_prng_impl": "rbg",
    "jax_threefry_partitionable": False,
    "jax_high_dynamic_range_gumbel": True,
    "jax_random_seed_offset": 7,
}
MODEL = Transformer(layers=1, heads=2, width=8, head="gaussian")
TRAINING = Training(steps=4, batch=2, points=4, optimiser="adam")


def numbers(folder):
    """Whatever is drawn, trained, kept and predicted."""
    mixture = Mixture([Linear(), Polynomial(degree=1)], [0.3, 0.7], inputs=(-3, 3), noise=0.1)
    key = key_for(-3, "settings")
    prompts = draw_prompts(mixture, key, 4, 4, 3)
    found = {"prompts": prompts, "sequences": draw_sequences(mixture, key, 4, 3)}
    trained = pretrain(MODEL, mixture, TRAINING, seed=1, folder=folder, progress=Silence())
    kept = read_pretrained(folder, 1, MODEL, mixture, TRAINING)
    found["weights"] = jax.tree.leaves(eqx.filter((trained.network, kept.network), eqx.is_array))
    predictors = {
        "trained": trained,
        "B": Bayes(mixture, nodes=32),
        "network": GradientDescent(model="relu", hidden=4, steps=2),
        "ridge": Ridge(mixture=mixture),
    }
    for name, one in predictors.items():
        found[name] = one.predict_batch(*prompts[:3], [2, 4])
    found["shift"] = Shift().strengths(Mixture(inputs=Normal(0.1, 0.7)))
    found["fingerprint"] = fingerprint(MODEL, mixture, TRAINING)
    return found


def test_numbers_are_the_same_whatever_the_settings(tmp_path):
    """Prompts, weights and predictions, bit for bit; a checkpoint of one setting is read under another."""
    plain = numbers(tmp_path / "plain")
    before = {name: getattr(jax.config, name) for name in OTHER}
    try:
        for name, value in OTHER.items():
            jax.config.update(name, value)
        other = numbers(tmp_path / "other")
        kept = read_pretrained(tmp_path / "plain", 1, MODEL, Mixture([Linear(), Polynomial(degree=1)]), TRAINING)
        assert {name: getattr(jax.config, name) for name in OTHER} == OTHER, "they are left as they were set"
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
    assert plain.keys() == other.keys()
    for name in plain:
        for one, same in zip(*(jax.tree.leaves(found[name]) for found in (plain, other)), strict=True):
            assert np.asarray(one).dtype == np.asarray(same).dtype
            np.testing.assert_array_equal(one, same, err_msg=name)
    assert {leaf.dtype.itemsize for leaf in jax.tree.leaves(eqx.filter(kept.network, eqx.is_array))} <= {1, 4}


def test_prompts_do_not_depend_on_the_width_of_the_numbers_given():
    def mixture(scale, mean, noise):
        return Mixture([Linear(scale=scale)], inputs=Normal(mean, 2.0), noise=noise)

    with jax.enable_x64(True):
        wide = mixture(*map(jnp.asarray, (0.5, 0.25, 0.125)))
        assert wide.noise.dtype == jnp.float64
        drawn = draw_prompts(wide, key_for(0), 3, 4, 2)
    for one, other in zip(drawn, draw_prompts(mixture(0.5, 0.25, 0.125), key_for(0), 3, 4, 2), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_importing_and_naming_parts_changes_no_setting():
    program = """
    import jax, os
    before = dict(jax.config.values)
    import offprior as op
    from jax._src import xla_bridge
    mixture = op.Mixture([op.Linear(), op.Sinusoid()], [0.3, 0.7], inputs=(-3, 3))
    op.Bayes, op.Transformer(), op.pretrain, op.evaluate, op.run, op.probes.Convex()
    op.read_recipe("mueller-2023")
    after = dict(jax.config.values)
    assert after == before, {name for name in after if after[name] != before[name]}
    assert "PJRT_NPROC" not in os.environ
    assert not xla_bridge.backends_are_initialized(), "jax has begun: pretrain could no longer ask for devices"
    print("as it was")
    from offprior.compute import devices
    devices.cores = lambda: 3
    jax.numpy.zeros(1)
    devices.use_one_device_per_core()
    print(devices.unshared_cores())
    """
    clean = {name: value for name, value in os.environ.items() if name not in ("JAX_NUM_CPU_DEVICES", "PJRT_NPROC")}
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, env=clean)
    said = "jax was already running with 1 device, so the 3 cores do not share batches"
    assert done.stdout.startswith(f"as it was\n{said}; pretrain before any other use of jax"), done.stderr
