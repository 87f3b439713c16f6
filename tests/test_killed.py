"""A run that is killed 25 times, at random moments, is the run that was never interrupted."""

import random
import signal
import subprocess
import sys
import textwrap
import time

from offprior.pretraining import checkpoint

KILLS = 25
STEPS = 10_000
PROGRAM = textwrap.dedent(
    f"""
    import sys
    from offprior.families.linear import Linear
    from offprior.mixture import Mixture
    from offprior.models.transformer import Transformer
    from offprior.pretraining.loop import pretrain

    class Lines:
        def start(self, label, total, done=0): print(done, flush=True)
        def advance(self, done, message=""): print(done, flush=True)
        def finish(self): pass

    pretrain(
        Transformer(layers=1, heads=2, width=8), Mixture(families=[Linear()]), steps={STEPS}, batch=2, points=4,
        optimiser="adam", steps_per_dispatch=5, checkpoint_every=5, folder=sys.argv[1], resume=True, progress=Lines(),
    )
    """
)


def start(folder):
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder)], stdout=subprocess.PIPE, text=True)


def test_a_run_killed_25_times_ends_as_if_it_had_not_been(tmp_path):
    with start(tmp_path / "whole") as process:
        process.communicate()
    assert process.returncode == 0
    # Checkpoints are written without a break, so most kills hit one that is being written.
    moments, begun_at = random.Random(7), []
    for _ in range(KILLS):
        with start(tmp_path / "killed") as process:
            assert process.stdout is not None
            begun_at.append(int(process.stdout.readline()))
            if moments.random() < 0.8:  # or while it still makes ready
                process.stdout.readline()
            time.sleep(moments.uniform(0.0, 0.2))
            process.kill()
        assert process.returncode == -signal.SIGKILL, "it was still at work"
    assert begun_at == sorted(begun_at) and len(set(begun_at)) > KILLS // 2, "it came on between the kills"
    with start(tmp_path / "killed") as process:
        process.communicate()
    assert process.returncode == 0
    for file in (checkpoint.MODEL, checkpoint.state_file(tmp_path, 0, STEPS).name):
        killed, whole = ((tmp_path / folder / "seed-0" / file).read_bytes() for folder in ("killed", "whole"))
        assert killed == whole
    assert not list((tmp_path / "killed").rglob("*.partial"))
