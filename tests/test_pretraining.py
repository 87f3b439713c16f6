"""Training runs are pure functions of their seed, survive being killed, and say what went wrong."""

import os
import signal
import subprocess
import sys
import textwrap

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from slow_progress import Slow

from offprior.errors import OffpriorError
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.mixture import Mixture, draw_prompts
from offprior.models.transformer import Transformer
from offprior.predictors.bayes import Bayes
from offprior.pretraining import checkpoint
from offprior.pretraining.checkpoint import read_pretrained
from offprior.pretraining.gradient import sharing
from offprior.pretraining.optimiser import labels
from offprior.pretraining.pretrain import pretrain
from offprior.pretraining.step import advance, initial_state, setting
from offprior.pretraining.training import Training
from offprior.storage.arrays import read_arrays, write_arrays
from offprior.storage.parquet import read_parquet

MODEL = Transformer(layers=1, heads=2, width=16, head="buckets", buckets=16, tokens="paired", attention="context")
MIXTURE = Mixture(families=[Linear(), Sinusoid()], weights=[0.3, 0.7])
SHORT = {"batch": 4, "points": 6, "steps_per_dispatch": 5, "checkpoint_every": 10}


def arrays(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array))]


def dispatch(training, state, seed=0):
    shared = sharing(training, state.network)
    return advance((setting(MIXTURE, training, seed), jnp.asarray(training.steps, jnp.int32), shared, False), state)


def assert_identical(one, other):
    for left, right in zip(arrays(one), arrays(other), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "schedule-free", "muon"])
def test_training_lowers_the_loss(optimiser):
    # One function: there is something to learn without a context.
    fixed = Mixture(families=[Sinusoid(amplitude=1.0, frequency=1.0, phase=0.0)])
    trained = pretrain(
        Transformer(layers=1, heads=2, width=16), fixed, steps=300, batch=16, points=8,
        optimiser=optimiser, learning_rate=0.02 if optimiser == "muon" else 3e-3,
    )  # fmt: skip
    losses = trained.history["loss"].to_numpy()
    assert losses[-3:].mean() < 0.5 * losses[0]


def test_no_trained_transformer_beats_bayes_on_its_own_prior():
    """Squared errors, paired over prompts: trained to a third of the variance and less, and yet behind B."""
    mixture = Mixture(families=[Linear()], inputs=(-1.0, 1.0), noise=0.3)
    model = Transformer(layers=2, heads=2, width=32, tokens="paired")
    trained = pretrain(model, mixture, steps=400, batch=32, points=8, learning_rate=5e-3)
    x, y, queries, truth = (np.asarray(a) for a in draw_prompts(mixture, jax.random.key(5), 1024, 8, 8)[:4])
    errors = [
        np.square(predictor.predict_batch(x, y, queries, [8]).mean[:, 0] - truth).mean(1)
        for predictor in (Bayes(mixture), trained)
    ]
    assert errors[1].mean() < truth.var() / 3, "it has learnt to use its context"
    excess = errors[0] - errors[1]
    assert excess.mean() < 3 * excess.std() / len(excess) ** 0.5


def test_same_seed_same_weights_other_seed_other_weights():
    one, same, other = (pretrain(MODEL, MIXTURE, steps=10, seed=seed, **SHORT) for seed in (3, 3, 4))
    assert_identical(one.network, same.network)
    assert any((left != right).any() for left, right in zip(arrays(one.network), arrays(other.network), strict=True))


def test_fresh_prompts_at_every_step():
    training = Training(steps=8, batch=4, points=6, steps_per_dispatch=1)
    losses = {}
    for seed in (0, 1):
        for step in range(4):
            # The same weights at every step: what differs is the batch.
            state = initial_state(MODEL, setting(MIXTURE, training, 0))._replace(step=jnp.asarray(step, jnp.int32))
            losses[seed, step] = float(dispatch(training, state, seed)[1].loss[0])
    assert len(set(losses.values())) == 8, "no step's prompts are those of another step, or of another seed's"
    again = initial_state(MODEL, setting(MIXTURE, training, 0))._replace(step=jnp.asarray(2, jnp.int32))
    assert float(dispatch(training, again)[1].loss[0]) == losses[0, 2]


def test_steps_a_dispatch_change_nothing_but_the_dispatches():
    # Steps past the last are skipped: 7 is no multiple of 5.
    few = pretrain(MODEL, MIXTURE, steps=7, **SHORT)
    many = pretrain(MODEL, MIXTURE, steps=7, **{**SHORT, "steps_per_dispatch": 7})
    for left, right in zip(arrays(few.network), arrays(many.network), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)
    assert few.history["step"].tolist() == [5, 7]


def test_realised_mixture_is_the_declared_one():
    trained = pretrain(MODEL, MIXTURE, steps=200, **{**SHORT, "batch": 16, "steps_per_dispatch": 50})
    share = trained.history["share: linear"].iloc[-1]
    assert share == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / 3200) ** 0.5)
    assert share + trained.history["share: sinusoid"].iloc[-1] == pytest.approx(1.0)


def test_borders_of_the_buckets_are_not_trained():
    training = Training(steps=10, batch=4, points=6)
    before = initial_state(MODEL, setting(MIXTURE, training, 0))
    borders = np.asarray(before.network.head.borders)
    after, _ = dispatch(training, before)
    np.testing.assert_array_equal(after.network.head.borders, borders)
    assert labels(training, after.network).blocks[0].up.weight == "matrix"
    assert labels(training, after.network).head.borders == "frozen"


def test_learning_rate_rises_then_falls():
    training = Training(steps=100, learning_rate=0.5, warmup=0.1)
    rates = np.array([float(training.learning_rate_at(step)) for step in range(100)])
    assert rates.max() == pytest.approx(0.5) and rates.argmax() == 9
    assert np.all(np.diff(rates[:10]) > 0) and np.all(np.diff(rates[10:]) < 0)
    assert rates[-1] == pytest.approx(0, abs=1e-3)


def test_loss_that_is_no_longer_finite_stops_the_run(tmp_path):
    with pytest.raises(
        OffpriorError, match=r"learning_rate: the loss is no longer finite at step \d+; .*try a rate below"
    ):
        pretrain(
            Transformer(layers=1, heads=2, width=16), MIXTURE, steps=200, learning_rate=1e20, optimiser="adam",
            folder=tmp_path, **SHORT,
        )  # fmt: skip


def test_resumed_run_is_the_uninterrupted_one(tmp_path):
    whole = pretrain(MODEL, MIXTURE, steps=40, folder=tmp_path / "whole", **SHORT)
    folder = tmp_path / "parts"
    stop_after = 3

    class Stopping:
        dispatches = 0

        def start(self, label, total, done=0):
            pass

        def advance(self, done, message=""):
            self.dispatches += 1
            if self.dispatches == stop_after:
                os.kill(os.getpid(), signal.SIGINT)

        def finish(self):
            pass

    with pytest.raises(KeyboardInterrupt):
        pretrain(MODEL, MIXTURE, steps=40, folder=folder, progress=Stopping(), **SHORT)
    resumed = pretrain(MODEL, MIXTURE, steps=40, folder=folder, resume=True, **SHORT)
    assert_identical(whole.network, resumed.network)
    rows, expected = read_parquet(folder / "training.parquet"), read_parquet(tmp_path / "whole" / "training.parquet")
    assert rows["step"].tolist() == expected["step"].tolist()
    np.testing.assert_array_equal(rows["loss"], expected["loss"])


def test_killed_in_mid_training_it_resumes_bit_for_bit(tmp_path):
    program = textwrap.dedent(
        """
        import sys
        from offprior.families.linear import Linear
        from offprior.mixture import Mixture
        from offprior.models.transformer import Transformer
        from offprior.pretraining.pretrain import pretrain

        class Lines:
            def start(self, label, total, done=0): pass
            def advance(self, done, message=""): print(done, flush=True)
            def finish(self): pass

        pretrain(
            Transformer(layers=1, heads=2, width=16), Mixture(families=[Linear()]), steps=2000, batch=4, points=6,
            steps_per_dispatch=5, checkpoint_every=20, folder=sys.argv[1], resume=True, progress=Lines(),
        )
        """
    )

    def start(folder):
        return subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True)

    with start(tmp_path / "killed") as killed:
        for line in killed.stdout:
            if int(line) >= 700:
                killed.kill()
                break
    assert killed.returncode == -signal.SIGKILL
    step = checkpoint.read_about(checkpoint.state_files(tmp_path / "killed", 0)[0])["step"]
    assert 0 < step < 2000
    for folder in ("killed", "whole"):
        with start(tmp_path / folder) as finished:
            steps = [int(line) for line in finished.stdout]
        assert finished.returncode == 0
        assert steps[0] == (step + 5 if folder == "killed" else 5), "it goes on from the checkpoint"
    for file in (checkpoint.MODEL, "state-000002000.safetensors"):
        whole, killed = ((tmp_path / folder / "seed-0" / file).read_bytes() for folder in ("whole", "killed"))
        assert whole == killed


def test_checkpoint_of_other_settings_is_refused(tmp_path):
    pretrain(MODEL, MIXTURE, steps=10, folder=tmp_path, **SHORT)
    with pytest.raises(OffpriorError, match="other settings"):
        pretrain(MODEL, MIXTURE, steps=10, folder=tmp_path, resume=True, **{**SHORT, "batch": 8})


def test_torn_and_foreign_checkpoints_are_named(tmp_path):
    tree = {"weight": jnp.arange(6.0).reshape(2, 3)}
    path = tmp_path / "model.safetensors"
    write_arrays(path, tree, {"step": 3})
    back, about = read_arrays(path, tree)
    np.testing.assert_array_equal(back["weight"], tree["weight"])
    assert about["step"] == 3
    with pytest.raises(OffpriorError, match=r"weight is float32\[2, 3\], but the model needs float32\[3, 3\]"):
        read_arrays(path, {"weight": jnp.zeros((3, 3))})
    with pytest.raises(OffpriorError, match="bias is missing"):
        read_arrays(path, {**tree, "bias": jnp.zeros(3)})
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(OffpriorError, match="not a readable checkpoint"):
        read_arrays(path, tree)
    with pytest.raises(OffpriorError, match="no such checkpoint"):
        read_arrays(tmp_path / "nothing.safetensors", tree)
    assert not [file for file in tmp_path.iterdir() if "partial" in file.name]


def test_contexts_grow_under_a_curriculum():
    training = Training(steps=40, points=12, curriculum=2)
    assert training.stages() == [(10, 4), (20, 8), (40, 12)]
    assert [training.points_at(step) for step in (0, 9, 10, 19, 20, 39)] == [4, 4, 8, 8, 12, 12]
    assert Training(steps=40, points=12).stages() == [(40, 12)]


@pytest.mark.parametrize("model", [MODEL, Transformer(layers=1, heads=2, width=16)])
def test_a_curriculum_trains_on_shorter_prompts_first(model):
    drawn = []

    class Watched(Mixture):
        def sequences(self, key, size, length):
            jax.debug.callback(lambda: drawn.append(length))
            return super().sequences(key, size, length)

    mixture = Watched(families=[Linear()])
    trained = pretrain(model, mixture, steps=20, batch=4, points=12, curriculum=2, steps_per_dispatch=20)
    jax.effects_barrier()
    queries = 1 if model.attention == "causal" else 7
    assert drawn[-20:] == [4 + queries] * 5 + [8 + queries] * 5 + [12 + queries] * 10
    assert trained.history["step"].tolist() == [5, 10, 20], "a dispatch ends where contexts grow"
    assert trained.network.points == 12


def test_schedule_free_predicts_with_the_average_of_its_iterates(tmp_path):
    # Defazio et al. 2024, equation 3: y = (1 − β) z + β x, so x = (y − (1 − β) z) / β; x is the mean of all z, weighted
    # by the squares of the learning rates.
    settings = {**SHORT, "optimiser": "schedule-free", "schedule": "constant", "warmup": 0.0, "steps_per_dispatch": 1}
    training = Training(steps=6, **settings)
    state = initial_state(MODEL, setting(MIXTURE, training, 0))
    iterates = []
    for _ in range(6):
        state, _ = dispatch(training, state)
        iterates.append(arrays(state.optimiser.z))
    averaged = [np.mean(leaf, axis=0) for leaf in zip(*iterates, strict=True)]
    trained = pretrain(MODEL, MIXTURE, training, folder=tmp_path)
    for mean, leaf in zip(averaged, arrays(trained.network), strict=True):
        np.testing.assert_allclose(leaf, mean, rtol=1e-4, atol=1e-6)
    kept = read_pretrained(tmp_path, 0, MODEL, MIXTURE, training)
    assert_identical(kept.network, trained.network)


def test_a_new_training_never_takes_the_place_of_an_older_one_s_checkpoints(tmp_path):
    pretrain(MODEL, MIXTURE, steps=10, folder=tmp_path, **SHORT)
    before = {path.name for path in (tmp_path / "seed-0").iterdir()}
    with pytest.raises(OffpriorError, match="continue with resume=True, or choose a new folder"):
        pretrain(MODEL, MIXTURE, steps=5, folder=tmp_path, **SHORT)
    assert {path.name for path in (tmp_path / "seed-0").iterdir()} == before


def test_a_torn_checkpoint_of_a_later_step_does_not_push_out_good_ones(tmp_path):
    pretrain(MODEL, MIXTURE, steps=30, folder=tmp_path, progress=Slow(), **SHORT)
    newest, older = checkpoint.state_files(tmp_path, 0)
    later = newest.with_name("state-000000999.safetensors")
    later.write_bytes(newest.read_bytes()[:-9])
    newest.unlink()
    lines = []
    pretrain(MODEL, MIXTURE, steps=30, folder=tmp_path, resume=True, warn=lines.append, **SHORT)
    step = int(older.stem.removeprefix("state-"))
    assert len(lines) == 1 and f"using the checkpoint of step {step}" in lines[0]
    found = checkpoint.state_files(tmp_path, 0)
    assert found[0] == newest and later not in found and len(found) == 2
