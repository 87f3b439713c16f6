"""Checkpoints: the last good one is found, whatever became of those after it, and a slow disk holds nothing up."""

import json
import multiprocessing
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from slow_progress import Slow

from offprior.errors import OffpriorError
from offprior.families.linear import Linear
from offprior.mixture import Mixture
from offprior.models.transformer import Transformer
from offprior.pretraining import checkpoint
from offprior.pretraining.checkpoint_writer import Writer
from offprior.pretraining.pretrain import pretrain
from offprior.pretraining.training import Training
from offprior.storage.arrays import read_arrays, write_arrays
from offprior.storage.files import locked
from offprior.storage.parquet import read_parquet

MODEL = Transformer(layers=1, heads=2, width=16)
MIXTURE = Mixture(families=[Linear()])
SHORT = {
    "steps": 30, "batch": 4, "points": 6, "steps_per_dispatch": 5, "checkpoint_every": 10, "optimiser": "adam",
}  # fmt: skip


def train(folder, model=MODEL, **settings):
    lines = []
    trained = pretrain(
        model, MIXTURE, Training(**{**SHORT, **settings}), folder=folder, resume=True, progress=Slow(),
        warn=lines.append,
    )  # fmt: skip
    return [np.asarray(leaf) for leaf in jax.tree.leaves(trained.network)], lines


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-7])


def one_bit_changed(path):
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(bytes(data))


def of_another_format(path):
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no mapping
        about = json.loads(file.metadata()["offprior"]) | {"format": 99}
    save_file(arrays, path, metadata={"offprior": json.dumps(about)})


def a_fingerprint_changed(path):
    data = path.read_bytes()
    at = data.index(b"fingerprint") + len(b'fingerprint\\": \\"') + 3
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


def a_name_changed(path):
    path.write_bytes(path.read_bytes().replace(b"read_in.weight", b"read_in.weighs", 1))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut_short, "torn or cut short"),
        (one_bit_changed, "its numbers are not those that were written"),
        (of_another_format, "its format is 99"),
        (a_fingerprint_changed, "its header is not what was written"),
        (a_name_changed, "its header is not what was written"),
    ],
)
def test_the_last_good_checkpoint_is_used_and_the_run_ends_as_it_would_have(tmp_path, damage, said):
    whole, _ = train(tmp_path)
    newest, older = checkpoint.state_files(tmp_path, 0)
    assert [newest.name, older.name] == ["state-000000030.safetensors", "state-000000020.safetensors"]
    damage(newest)
    resumed, lines = train(tmp_path)
    assert len(lines) == 1 and "\n" not in lines[0]
    assert said in lines[0] and lines[0].endswith("using the checkpoint of step 20")
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(one, other)
    for file in checkpoint.state_files(tmp_path, 0):
        cut_short(file)
    with pytest.raises(OffpriorError, match="no readable checkpoint is left; remove"):
        train(tmp_path)


@pytest.mark.parametrize("damage", [cut_short, lambda path: path.unlink(), None])
def test_weights_that_a_kill_left_behind_are_written_again(tmp_path, damage):
    """A kill between the last state and the weights that predict leaves those missing, torn or of an older step."""
    train(tmp_path)
    path = tmp_path / "seed-0" / checkpoint.MODEL
    good = path.read_bytes()
    if damage is None:
        arrays, about = read_arrays(path, MODEL.skeleton(dimension=1, points=6))
        write_arrays(path, arrays, {key: about[key] for key in ("seed", "fingerprint", "machine")} | {"step": 20})
        assert checkpoint.steps_done(tmp_path, 0) == 20
    else:
        damage(path)
    train(tmp_path)
    assert path.read_bytes() == good and checkpoint.steps_done(tmp_path, 0) == 30


def test_a_torn_training_curve_is_a_line_and_stops_nothing(tmp_path):
    train(tmp_path)
    cut_short(tmp_path / "training.parquet")
    checkpoint.state_files(tmp_path, 0)[0].unlink()
    _, lines = train(tmp_path)
    assert len(lines) == 1 and "training.parquet: cannot be read" in lines[0]
    assert read_parquet(tmp_path / "training.parquet")["step"].tolist() == [25, 30]


def test_a_checkpoint_of_another_shape_names_the_first_parameter_that_differs(tmp_path):
    train(tmp_path)
    wider = Transformer(layers=1, heads=2, width=32)
    said = r"other settings \(network.read_in.weight is float32\[1, 16\], but the model needs"
    with pytest.raises(OffpriorError, match=said):
        train(tmp_path, model=wider)


def test_a_trajectory_is_kept_at_steps_spaced_as_their_logarithms(tmp_path):
    plain, _ = train(tmp_path / "plain")
    kept, _ = train(tmp_path / "kept", trajectory=5)
    assert Training(**SHORT, trajectory=5).trajectory_steps() == [1, 2, 5, 13, 30]
    files = sorted((tmp_path / "kept" / "seed-0").glob("weights-*"))
    assert [file.name for file in files] == [f"weights-{step:09}.safetensors" for step in (1, 2, 5, 13, 30)]
    for one, other in zip(plain, kept, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_training_does_not_wait_for_the_disk_and_only_the_newest_waiting_checkpoint_is_written():
    gate, written = threading.Event(), []
    with Writer(print) as writer:
        writer.put(lambda: (gate.wait(10), written.append(1)))
        while writer._jobs:  # until the first is being written
            pass
        writer.put(lambda: written.append(2))
        writer.put(lambda: written.append(3), is_checkpoint=False, is_kept=True)
        assert len(writer._jobs) == 2, "weights of a trajectory alone resume nothing: the checkpoint still waits"
        writer.put(lambda: written.append(4))
        writer.put(lambda: written.append(5))
        assert written == []
        gate.set()
    assert written == [1, 3, 5]


def test_a_checkpoint_that_cannot_be_written_is_a_line_and_an_error_only_if_it_was_the_last():
    def fails():
        raise OffpriorError("state: cannot be written: No space left on device")

    lines, second = [], threading.Event()
    with Writer(lines.append) as writer:
        writer.put(fails)
        while not lines:
            pass
        writer.put(second.set)
    assert second.is_set()
    assert lines == [
        "state: cannot be written: No space left on device; training continues, and the last good checkpoint is kept"
    ]
    with pytest.raises(OffpriorError, match="No space left"), Writer(lines.append) as writer:
        writer.put(fails)


def test_the_second_process_on_a_folder_is_refused(tmp_path):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path / "run", held, release))
    other.start()
    try:
        assert held.wait(60)
        with pytest.raises(OffpriorError, match="another process is using this folder"):
            train(tmp_path / "run")
    finally:
        release.set()
        other.join(60)
    train(tmp_path / "run")
    with locked(tmp_path / "run"):
        train(tmp_path / "run")  # the same process may


def hold(folder, held, release):
    with locked(folder):
        held.set()
        release.wait(60)


def test_what_a_killed_process_had_half_written_is_removed(tmp_path):
    left = tmp_path / "seed-0" / ".state-000000020.safetensors.99.partial"
    left.parent.mkdir()
    left.write_bytes(b"half")
    train(tmp_path)
    assert not left.exists()


def test_scalars_keep_their_shapes(tmp_path):
    tree = {"step": jnp.asarray(3, jnp.int32), "empty": jnp.zeros((0, 2))}
    write_arrays(tmp_path / "a.safetensors", tree, {})
    back, _ = read_arrays(tmp_path / "a.safetensors", tree)
    assert back["step"].shape == () and back["empty"].shape == (0, 2)


def test_a_mistake_in_the_program_stops_training_whenever_it_happens():
    """Not a warning: what is no question of the disk will not be better at the next checkpoint."""
    lines, done = [], []

    def mistaken():
        raise TypeError("a mistake")

    with pytest.raises(TypeError, match="a mistake"), Writer(lines.append) as writer:  # in the middle, at the next put
        writer.put(mistaken)
        writer._thread.join(10)
        writer.put(lambda: done.append(1))
    with pytest.raises(TypeError, match="a mistake"), Writer(lines.append) as writer:  # at the end, on leaving
        writer.put(mistaken)
    with pytest.raises(TypeError, match="a mistake"), Writer(lines.append) as writer:  # also where jobs wait behind it
        gate = threading.Event()
        writer.put(lambda: gate.wait(10) and mistaken(), is_kept=True)
        writer.put(lambda: done.append(1), is_kept=True)
        gate.set()
    assert lines == [] and done == []
