"""A run that is killed 25 times, at random moments, is the run that was never interrupted."""

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from subprocess import PIPE

import pytest

from offprior.pretraining import checkpoint

KILLS = 25
STEPS = 6_000
PROGRAM = textwrap.dedent(
    f"""
    import os, sys, traceback
    from offprior.families.linear import Linear
    from offprior.mixture import Mixture
    from offprior.models.transformer import Transformer
    from offprior.pretraining.pretrain import pretrain

    class Lines:
        def start(self, label, total, done=0): print(done, flush=True)
        def advance(self, done, message=""): print(done, flush=True)
        def finish(self): pass

    def run(folder):
        print(os.getpid(), flush=True)
        pretrain(
            Transformer(layers=1, heads=2, width=8), Mixture(families=[Linear()]), steps={STEPS}, batch=2, points=4,
            optimiser="adam", steps_per_dispatch=5, checkpoint_every=5, folder=folder, resume=True, progress=Lines(),
        )

    for folder in sys.stdin:
        child = os.fork()
        if not child:
            code = 1
            try:
                run(folder.strip())
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    """
)
"""Imports once, and forks a process for each folder it is told: a run in a process of its own, and how that ended."""


@pytest.fixture
def parent():
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=PIPE, stdout=PIPE, text=True, bufsize=1) as process:
        assert process.stdin is not None
        yield process
        process.stdin.close()
        process.wait()
    assert process.returncode == 0


def start(parent, folder):
    """The number of a new process."""
    parent.stdin.write(f"{folder}\n")
    return int(parent.stdout.readline())


def ended(parent):
    """The exit code, once it has ended."""
    return next(int(line.split()[1]) for line in parent.stdout if line.startswith("ended"))


def test_a_run_killed_25_times_ends_as_if_it_had_not_been(parent, tmp_path):
    start(parent, tmp_path / "whole")
    assert ended(parent) == 0
    # Checkpoints are written without a break, so most kills hit one that is being written.
    moments, begun_at = random.Random(7), []
    for _ in range(KILLS):
        process = start(parent, tmp_path / "killed")
        begun_at.append(int(parent.stdout.readline()))
        if moments.random() < 0.8:  # or while it still makes ready
            parent.stdout.readline()
        time.sleep(moments.uniform(0.0, 0.2))
        os.kill(process, signal.SIGKILL)
        assert ended(parent) == -signal.SIGKILL, "it was still at work"
    # How far, is a matter of how long programs compile.
    assert begun_at == sorted(begun_at) and len(set(begun_at)) > KILLS // 5, "it came on between the kills"
    start(parent, tmp_path / "killed")
    assert ended(parent) == 0
    for file in (checkpoint.MODEL, checkpoint.state_file(tmp_path, 0, STEPS).name):
        killed, whole = ((tmp_path / folder / "seed-0" / file).read_bytes() for folder in ("killed", "whole"))
        assert killed == whole
    assert not list((tmp_path / "killed").rglob("*.partial"))
