"""Checkpoints of Garg et al. and offprior's decoder hold the same function, whichever wrote them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml

import offprior as op
from offprior.adapters.addresses import predictor_at
from offprior.adapters.declared import Declared
from offprior.compute.randomness import key_for
from offprior.errors import OffpriorError, SettingError

pytest.importorskip("transformers", reason="make adapters installs it")
torch = pytest.importorskip("torch", reason="make adapters installs it")

from bench.train_garg import GargModel, linear_functions, train, write  # noqa: E402

SIZES = {"n_dims": 3, "n_positions": 9, "n_embd": 16, "n_layer": 2, "n_head": 4}


@pytest.fixture(scope="module")
def theirs() -> GargModel:
    """Weights of a size at which every part matters: as GPT-2 begins, biases are 0 and attention is even."""
    torch.manual_seed(0)
    model = GargModel(**SIZES, vocab_size=7).eval()
    with torch.no_grad():
        for value in model.parameters():
            value += 0.5 * torch.randn_like(value) * (0.3 if value.ndim > 1 else 1.0)
    return model


def prompts(count=5, d=3, m=4, n=8):
    draw = np.random.default_rng(1)
    return draw.normal(size=(count, n, d)), draw.normal(size=(count, n)), draw.normal(size=(count, m, d))


def asked(model, x, y, queries, length):
    """Their predictions [b, m]: each query after the context in a sequence of its own."""
    found = []
    for place in range(queries.shape[1]):
        pairs = torch.tensor(np.concatenate([x[:, :length], queries[:, place : place + 1]], axis=1)).float()
        values = torch.tensor(np.pad(y[:, :length], ((0, 0), (0, 1)))).float()
        with torch.inference_mode():
            found.append(model(pairs, values)[:, -1].numpy())
    return np.stack(found, axis=1)


def network_of(settings, dimension):
    """A network of ours in which every bias and position matters too."""
    network = settings.initialise(key_for(3), dimension=dimension, points=8, targets=jnp.linspace(-1.0, 1.0, 9))
    draw = np.random.default_rng(2)
    return jax.tree.map(lambda leaf: leaf + jnp.asarray(0.3 * draw.normal(size=leaf.shape), jnp.float32), network)


def test_their_checkpoint_answers_alike_in_our_decoder(theirs, tmp_path):
    write(tmp_path, theirs, SIZES, 3)
    ours = predictor_at(f"garg:{tmp_path}", Declared(seed=4))
    assert ours.label == tmp_path.name and ours.trained and ours.seed == 4 and ours.longest == 8
    x, y, queries = prompts()
    answers = ours.predict_batch(x, y, queries, [0, 1, 5, 8]).mean
    for place, length in enumerate([0, 1, 5, 8]):
        want = asked(theirs, x, y, queries, length)
        assert np.std(want) > 0.3
        np.testing.assert_allclose(answers[:, place], want, atol=1e-4)


def test_fewer_numbers_are_padded_as_in_their_curriculum(theirs, tmp_path):
    write(tmp_path, theirs, SIZES, 3)
    ours = predictor_at(f"garg:{tmp_path}")
    x, y, queries = prompts(d=1)
    wide, asked_wide = (np.pad(each, ((0, 0), (0, 0), (0, 2))) for each in (x, queries))
    answer = ours.predict_batch(x, y, queries, [6]).mean[:, 0]
    np.testing.assert_allclose(answer, asked(theirs, wide, y, asked_wide, 6), atol=1e-4)
    with pytest.raises(OffpriorError, match="takes inputs of up to 3 numbers, got 4"):
        ours.predict_batch(*prompts(d=4), [6])


def test_ours_answers_alike_in_hugging_face_s_gpt_2(tmp_path):
    network = network_of(op.Transformer(layers=2, heads=2, width=16), dimension=3)
    mixture = op.Mixture([op.Linear(dimension=3)], inputs=op.Normal(), noise=0.0)
    ours = op.predictors.Pretrained(network, mixture, trained_to=8, limit=8)
    op.write_garg(ours, tmp_path)
    assert (tmp_path / "state.pt").stat().st_size < 100_000
    sizes = yaml.safe_load((tmp_path / "config.yaml").read_text())["model"]
    assert sizes.pop("family") == "gpt2"
    theirs = GargModel(**sizes).eval()
    theirs.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True)["model_state_dict"])
    x, y, queries = prompts()
    answers = ours.predict_batch(x, y, queries, [0, 3, 8]).mean
    for place, length in enumerate([0, 3, 8]):
        want = asked(theirs, x, y, queries, length)
        assert np.std(want) > 0.3
        np.testing.assert_allclose(answers[:, place], want, atol=1e-4)
    again = op.read_garg(tmp_path)
    np.testing.assert_array_equal(again.predict_batch(x, y, queries, [8]).mean, answers[:, 2:])


def test_a_short_training_of_theirs_is_read(tmp_path):
    torch.manual_seed(0)
    sizes = {"n_dims": 2, "n_positions": 7, "n_embd": 16, "n_layer": 1, "n_head": 2}
    theirs = GargModel(**sizes, vocab_size=3)
    before = [value.clone() for value in theirs.parameters()]
    train(theirs, sizes, 8, 3e-3, 32, seed=0)
    assert any((a - b).abs().max() > 1e-3 for a, b in zip(before, theirs.parameters(), strict=True))
    write(tmp_path, theirs.eval(), sizes, 8)
    x, y = (each.numpy() for each in linear_functions(4, 7, 2, 2, torch.Generator().manual_seed(5)))
    answer = predictor_at(f"garg:{tmp_path}").predict_batch(x[:, :6], y[:, :6], x[:, 6:], [6]).mean[:, 0]
    np.testing.assert_allclose(answer, asked(theirs, x[:, :6], y[:, :6], x[:, 6:], 6), atol=1e-4)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"norm": "post"}, "norm: Garg et al. have 'pre', the model 'post'"),
        ({"hidden": 24}, "hidden: Garg et al. have 4 times the width, the model 24"),
        ({"activation": "relu", "head": "gaussian"}, "activation: Garg et al. have 'gelu', the model 'relu'"),
    ],
)
def test_another_architecture_is_not_written(change, told, tmp_path):
    network = network_of(op.Transformer(**{"layers": 1, "heads": 2, "width": 16, **change}), dimension=1)
    with pytest.raises(SettingError) as caught:
        op.write_garg(op.predictors.Pretrained(network, op.Mixture(), trained_to=8, limit=8), tmp_path)
    assert told in str(caught.value)
    assert not list(tmp_path.iterdir())


def broken(folder, **changes):
    about = yaml.safe_load((folder / "config.yaml").read_text())
    about["model"].update(changes)
    (folder / "config.yaml").write_text(yaml.safe_dump(about))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"n_embd": 20}, "not of the sizes in config.yaml"),
        ({"n_layer": 3}, "lacks _backbone.h.2"),
        ({"n_layer": 1}, "not of the sizes in config.yaml"),
        ({"n_dims": 4}, "not of the sizes in config.yaml"),
        ({"family": "relu_attn"}, "'relu_attn' is not gpt2"),
        ({"n_head": "many"}, "not a configuration of Garg et al."),
    ],
)
def test_what_does_not_fit_is_one_line(theirs, changes, told, tmp_path):
    write(tmp_path, theirs, SIZES, 3)
    broken(tmp_path, **changes)
    with pytest.raises(SettingError) as caught:
        predictor_at(f"garg:{tmp_path}")
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_without_a_checkpoint_is_one_line(tmp_path):
    with pytest.raises(SettingError, match=r"no such file: a checkpoint of Garg et al\. has config"):
        predictor_at(f"garg:{tmp_path}")
