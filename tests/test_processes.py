"""Two processes on one loopback train what one process trains."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

RECIPE = """
name: two
title: Two processes train one model
mixture: {families: [{name: linear}, {name: sinusoid}]}
model: {name: transformer, layers: 2, heads: 2, width: 16}
training: {steps: 120, batch: 32, points: 10, optimiser: muon, steps_per_dispatch: 5, checkpoint_every: 20}
evaluation: {lengths: [5, 10]}
probes: [convex]
"""
LIMIT = 240
"""Seconds until a hanging process is killed: `jax.distributed` would wait, and swallow a gentle signal."""


def start(recipe, out, devices, number=None, port=0, *more):
    environment = {**os.environ, "JAX_NUM_CPU_DEVICES": str(devices)}
    arguments = ["pretrain", str(recipe), "--out", str(out), "--resume", *more]
    if number is not None:
        arguments.append("--distributed")
        environment |= {
            "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}", "JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": str(number),
        }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "offprior", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def outputs(processes):
    """What each has printed; those that hang are killed."""
    guard = threading.Timer(LIMIT, lambda: [process.kill() for process in processes])
    guard.start()
    said = [process.communicate()[0] for process in processes]
    guard.cancel()
    return said


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text(RECIPE)
    return path


def weights(folder):
    return load_file(folder / "seed-0" / "model.safetensors")


def test_two_processes_reach_the_parameters_of_one_though_one_was_asked_to_stop(recipe, tmp_path):
    port = free_port()
    pair = [start(recipe, tmp_path / "two", 1, number, port) for number in (0, 1)]
    end = time.monotonic() + LIMIT
    while time.monotonic() < end and pair[0].poll() is None and not list((tmp_path / "two").glob("seed-0/state-*")):
        time.sleep(0.02)
    pair[1].send_signal(signal.SIGTERM)
    said = outputs(pair)
    assert [process.returncode for process in pair] == [130, 130], said
    assert "at step" in said[0] and len(list((tmp_path / "two" / "seed-0").glob("state-*"))) in (1, 2)

    port = free_port()
    pair = [start(recipe, tmp_path / "two", 1, number, port) for number in (0, 1)]
    said = outputs(pair)
    assert [process.returncode for process in pair] == [0, 0], said
    single = start(recipe, tmp_path / "one", 2)
    assert outputs([single]) and single.returncode == 0
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert one.keys() == two.keys() and len(one) > 20
    for name in one:
        # A device each or two devices of one process: the same sums in the same order.
        np.testing.assert_allclose(two[name], one[name], atol=1e-6, rtol=0, err_msg=name)


def test_gpt_2_small_s_width_is_shared_by_two_processes(tmp_path):
    """deepmind-2023-124m at toy depth: one layer of its twelve."""
    settings = ["model.layers=1", "training.steps=2", "training.batch=2", "training.points=8", "evaluation.lengths=[8]"]
    changes = [word for setting in [*settings, "training.steps_per_dispatch=1"] for word in ("--set", setting)]
    port = free_port()
    pair = [start("deepmind-2023-124m", tmp_path / "big", 1, number, port, *changes) for number in (0, 1)]
    said = outputs(pair)
    assert [process.returncode for process in pair] == [0, 0], said
    found = weights(tmp_path / "big")
    assert sum(leaf.size for leaf in found.values()) > 7_000_000
    assert all(np.isfinite(leaf).all() for leaf in found.values())


def test_both_go_on_with_the_seeds_of_the_folder_and_stop_where_none_can_be_read(recipe, tmp_path):
    """The folder has two seeds, the command says one; then every state of a seed is torn."""
    recipe.write_text(RECIPE.replace("steps: 120", "steps: 40").replace("muon", "adam"))
    out = tmp_path / "seeds"
    for resumed in (False, True):
        port = free_port()
        more = () if resumed else ("--seeds", "2")
        pair = [start(recipe, out, 1, number, port, *more) for number in (0, 1)]
        said = outputs(pair)
        assert [process.returncode for process in pair] == [0, 0], said
    for state in (out / "seed-1").glob("state-*"):
        state.write_bytes(state.read_bytes()[:-9])
    port = free_port()
    pair = [start(recipe, out, 1, number, port) for number in (0, 1)]
    said = outputs(pair)
    assert [process.returncode for process in pair] == [2, 2], said
    assert "no readable checkpoint is left" in said[0] and "the first process failed to start" in said[1]


def test_a_mistake_that_only_the_first_process_can_see_stops_both(recipe, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "manifest.json").write_text("{}")
    port = free_port()
    pair = [start(recipe, tmp_path / "taken", 1, number, port) for number in (0, 1)]
    said = outputs(pair)
    assert [process.returncode for process in pair] == [2, 2], said
    assert "the first process failed to start" in said[1] and "Traceback" not in "".join(said)


def test_batches_without_equal_parts_are_refused(recipe, tmp_path):
    recipe.write_text(RECIPE.replace("batch: 32", "batch: 7"))
    port = free_port()
    pair = [start(recipe, tmp_path / "odd", 1, number, port) for number in (0, 1)]
    said = outputs(pair)
    assert [process.returncode for process in pair] == [2, 2], said
    assert "training.batch: 7 prompts cannot be shared equally by the 2 devices of all processes; 6 can" in said[0]
    assert "Traceback" not in "".join(said)


def test_a_process_that_nobody_told_of_the_others_says_what_it_needs(recipe, tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "OMPI"))}
    alone = subprocess.run(
        [sys.executable, "-m", "offprior", "pretrain", str(recipe), "--distributed", "--out", str(tmp_path / "x")],
        env=environment, capture_output=True, text=True, timeout=LIMIT,
    )  # fmt: skip
    assert alone.returncode == 2 and "JAX_COORDINATOR_ADDRESS" in alone.stderr
    assert "Traceback" not in alone.stderr and len(alone.stderr.splitlines()) == 1
