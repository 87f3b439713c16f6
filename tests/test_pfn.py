"""Checkpoints that pfns 0.4.2 wrote (tests/pfns_0_4_2/write.py) are read without that package, and answer alike."""

import copy
from pathlib import Path

import numpy as np
import pytest

from offprior.adapters.addresses import predictor_at
from offprior.adapters.bar_distribution import BarDistribution
from offprior.adapters.declared import Declared
from offprior.errors import OffpriorError, SettingError

torch = pytest.importorskip("torch", reason="make adapters installs it")

WRITTEN = Path(__file__).parent / "pfns_0_4_2"
NAMES = ("by_feature", "one_token", "normalised")


@pytest.fixture(scope="module")
def answers():
    with np.load(WRITTEN / "answers.npz") as file:
        return dict(file)


@pytest.mark.parametrize("name", NAMES)
def test_the_network_is_that_of_the_package(name, answers):
    from offprior.adapters.pfn_network import logits

    checkpoint = torch.load(WRITTEN / f"{name}.pt", weights_only=True)
    given = [torch.tensor(answers[f"{name}.{part}"]) for part in ("x", "y", "queries")]
    found = logits(checkpoint["model_state_dict"], checkpoint["config"]["model"], *given)
    want = answers[f"{name}.logits"]
    assert want.std(0).max() > 0.1 and want.std(0).min() > 0.005
    np.testing.assert_allclose(found, want, atol=3e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_predictor_answers_as_the_package_does(name, answers):
    found = predictor_at(f"pfn:{WRITTEN / name}.pt", Declared(seed=2))
    assert found.label == name and found.trained and found.seed == 2
    x, y, queries = (answers[f"{name}.{part}"].astype(float) for part in ("x", "y", "queries"))
    answer = found.predict(x, y, queries)
    np.testing.assert_allclose(answer.mean, answers[f"{name}.mean"], atol=1e-4)
    np.testing.assert_allclose(answer.variance, answers[f"{name}.variance"], rtol=1e-3)
    # Each query alone has the same answer: queries do not see one another.
    alone = [found.predict(x, y, queries[place : place + 1]).mean[0] for place in range(len(queries))]
    np.testing.assert_allclose(alone, answer.mean, atol=1e-5)


def test_without_attention_between_features_the_dimension_is_fixed(answers):
    found = predictor_at(f"pfn:{WRITTEN / 'one_token'}.pt")
    assert found.input_dimension == 2
    x, y, queries = (answers[f"one_token.{part}"].astype(float) for part in ("x", "y", "queries"))
    with pytest.raises(OffpriorError):
        found.predict(x[:, :1], y, queries[:, :1])
    assert predictor_at(f"pfn:{WRITTEN / 'by_feature'}.pt").input_dimension is None


def test_the_density_is_cut_off_only_without_full_support():
    checkpoint = torch.load(WRITTEN / "one_token.pt", weights_only=True)
    bars = BarDistribution(np.asarray(checkpoint["config"]["model"]["criterion"]["borders"]))
    logits = np.random.default_rng(0).normal(size=(3, 5))
    assert (bars.quantiles(logits, [1e-9, 1 - 1e-9]) >= -3).all() and (bars.quantiles(logits, [1 - 1e-9]) <= 4).all()
    tails = BarDistribution(bars.borders, full_support=True)
    assert (tails.quantiles(logits, [1e-4])[:, 0] < -3).all() and (tails.quantiles(logits, [1 - 1e-4])[:, 0] > 4).all()


def changed(tmp_path, change):
    checkpoint = torch.load(WRITTEN / "by_feature.pt", weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, tmp_path / "changed.pt")
    return f"pfn:{tmp_path / 'changed.pt'}"


def test_a_compiled_model_s_checkpoint_is_read(tmp_path):
    def compiled(checkpoint):
        checkpoint["model_state_dict"] = {f"_orig_mod.{k}": v for k, v in checkpoint["model_state_dict"].items()}

    x, y, queries = np.ones((3, 2)) * [[1], [2], [3]], np.arange(3.0), np.zeros((1, 2))
    found = predictor_at(changed(tmp_path, compiled)).predict(x, y, queries)
    np.testing.assert_array_equal(
        found.mean, predictor_at(f"pfn:{WRITTEN / 'by_feature'}.pt").predict(x, y, queries).mean
    )


def test_a_configuration_is_data_and_nothing_that_it_names_is_called(tmp_path):
    """`from_dict` of the package would import the module and call what is named."""
    mark = tmp_path / "it_ran"

    def malicious(checkpoint):
        call = {"__config_type__": "pathlib:Path.touch", "self": str(mark)}
        checkpoint["config"]["model"]["encoder"] = None
        checkpoint["config"]["priors"] = [call]
        checkpoint["config"]["model"]["__config_type__"] = "os:system"

    with pytest.raises(SettingError, match="its model is a os:system, not a TransformerConfig"):
        predictor_at(changed(tmp_path, malicious))
    assert not mark.exists()


def setting(**settings):
    return lambda checkpoint: checkpoint["config"]["model"].update(copy.deepcopy(settings))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c.pop("config"), "has no config of a MainConfig"),
        (lambda c: c["config"].pop("model"), "has no config of a MainConfig"),
        (lambda c: c["config"]["model"].pop("criterion"), "its configuration is incomplete ('criterion')"),
        (setting(criterion={"__config_type__": "pfns.model.criterions:CrossEntropyConfig"}), "it predicts classes"),
        (setting(style_encoder={"num_styles": 2}), "it takes a style vector"),
        (setting(decoder_dict={"other": [None, 5]}), "it has another decoder"),
        (setting(y_encoder={"nan_handling": False}), "has no nan_handling"),
        (setting(model_extra_args={"second_mlp": True}), "of model_extra_args, second_mlp is not read"),
        (setting(features_per_group=2), "its weights are not those of its configuration"),
        (setting(nlayers=3), "its weights are not those of its configuration"),
        (lambda c: c.update(model_state_dict={}), "its weights are not those of its configuration"),
    ],
)
def test_what_is_not_read_is_one_line_with_the_reason(change, told, tmp_path):
    with pytest.raises(SettingError) as caught:
        predictor_at(changed(tmp_path, change))
    assert told in str(caught.value) and "\n" not in str(caught.value)
