"""TabPFN's and TabICL's own regressors, with small random weights in their own formats in place of the download."""

import dataclasses
import importlib
import inspect
import sys

import numpy as np
import pytest

from offprior.adapters.addresses import adapter, predictor_at
from offprior.adapters.declared import Declared
from offprior.adapters.tabular import parsed, rising
from offprior.adapters.wrapped import LEVELS
from offprior.errors import OffpriorError, SettingError

torch = pytest.importorskip("torch", reason="make adapters installs it")

# Only the packages' own warnings of this small network and of single-precision sums.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def tabpfn_file(tmp_path_factory):
    """A checkpoint of TabPFN v2's architecture, as its `save_tabpfn_model` writes it."""
    pytest.importorskip("tabpfn", reason="make adapters installs it")
    architecture = importlib.import_module("tabpfn.architectures.tabpfn_v2")
    torch.manual_seed(0)
    config = architecture.TabPFNV2Config(emsize=16, nlayers=1, nhead=2, num_buckets=50, max_num_classes=0)
    model = architecture.get_architecture(config)
    with torch.no_grad():
        for value in model.parameters():
            value += 0.3 * torch.randn_like(value)
    borders = torch.linspace(-4, 4, 51)
    state = {**model.state_dict(), "criterion.borders": borders, "criterion.losses_per_bucket": torch.zeros(50)}
    path = tmp_path_factory.mktemp("tabpfn") / "small.ckpt"
    torch.save({"state_dict": state, "config": dataclasses.asdict(config), "architecture_name": "tabpfn_v2"}, path)
    return path


@pytest.fixture(scope="module")
def tabicl_file(tmp_path_factory):
    """A checkpoint of TabICL's architecture, a dictionary of its settings and its weights."""
    pytest.importorskip("tabicl", reason="make adapters installs it")
    network = importlib.import_module("tabicl._model.tabicl")
    torch.manual_seed(0)
    small = {"embed_dim": 16, "col_num_blocks": 1, "col_nhead": 2, "col_num_inds": 8, "row_num_blocks": 1}
    config = {**small, "row_nhead": 2, "row_num_cls": 2, "icl_num_blocks": 1, "icl_nhead": 2}
    config = {**config, "max_classes": 0, "num_quantiles": 99}
    model = network.TabICL(**config)
    with torch.no_grad():
        for value in model.parameters():
            value += 0.3 * torch.randn_like(value)
    path = tmp_path_factory.mktemp("tabicl") / "small.ckpt"
    torch.save({"config": config, "state_dict": model.state_dict()}, path)
    return path


def prompts(count=2, n=12, m=4):
    draw = np.random.default_rng(0)
    return draw.normal(size=(count, n, 1)), 3 + 2 * draw.normal(size=(count, n)), draw.normal(size=(count, m, 1))


def test_tabpfn_answers_as_its_own_class_does(tabpfn_file):
    from tabpfn import TabPFNRegressor

    found = predictor_at(f"tabpfn:{tabpfn_file}(n_estimators=2, device='cpu')", Declared(seed=3, strict=True))
    assert found.label == "TabPFN small (n_estimators=2,device='cpu')" and found.trained and found.seed == 3
    x, y, queries = prompts()
    answer = found.predict_batch(x, y, queries, [1, 12])
    np.testing.assert_array_equal(answer.mean[:, 0], 0)  # it takes two pairs at least
    for number in range(2):
        own = TabPFNRegressor(n_estimators=2, model_path=str(tabpfn_file), device="cpu").fit(x[number], y[number])
        full = own.predict(queries[number], output_type="full")
        np.testing.assert_allclose(answer.mean[number, 1], full["mean"], rtol=1e-5)
        variance = full["criterion"].variance(full["logits"]).numpy()
        np.testing.assert_allclose(answer.variance[number, 1], variance, rtol=1e-4)
    assert answer.mean[:, 1].std() > 0.1
    constant = found.predict(x[0], np.ones(12), queries[0])
    np.testing.assert_allclose(constant.mean, 1)
    assert (constant.variance < 1e-3).all()


def test_tabicl_answers_as_its_own_class_does(tabicl_file):
    from tabicl import TabICLRegressor

    found = predictor_at(f"tabicl:{tabicl_file}(n_estimators=2, device='cpu')", Declared(strict=True))
    assert found.label == "TabICL small (n_estimators=2,device='cpu')" and found.trained
    x, y, queries = prompts()
    answer = found.predict_batch(x, y, queries, [2, 12])
    for number in range(2):
        own = TabICLRegressor(n_estimators=2, model_path=str(tabicl_file), device="cpu").fit(x[number], y[number])
        want = own.predict(queries[number], output_type=["mean", "quantiles"], alphas=[0.25, 0.75])
        np.testing.assert_allclose(answer.mean[number, 1], want["mean"], rtol=1e-4)
        # The variance is in the units of y², as the distance of the quartiles is in those of y.
        distance = np.diff(want["quantiles"], axis=1)[:, 0]
        assert (
            (answer.variance[number, 1] > 0.1 * distance**2) & (answer.variance[number, 1] < 10 * distance**2)
        ).all()
    assert np.isfinite(answer.mean[:, 0]).all()


def test_the_weights_are_read_once(tabicl_file, tabpfn_file, monkeypatch):
    x, y, queries = prompts()
    for address in (f"tabicl:{tabicl_file}(n_estimators=1)", f"tabpfn:{tabpfn_file}(n_estimators=1)"):
        found = predictor_at(address, Declared(strict=True))
        with monkeypatch.context() as patched:
            patched.setattr(torch, "load", lambda *_, **__: pytest.fail("the weights are read again"))
            assert np.isfinite(found.predict_batch(x, y, queries, [5]).mean).all()


def test_the_real_signatures_are_those_that_are_called():
    """The real classes, whatever weights they have: names that are asked for, and what is set."""
    tabpfn = pytest.importorskip("tabpfn", reason="make adapters installs it").TabPFNRegressor
    tabicl = pytest.importorskip("tabicl", reason="make adapters installs it").TabICLRegressor
    inspect.signature(tabpfn.predict).bind(None, [[0.0]], output_type="full", quantiles=list(LEVELS))
    inspect.signature(tabicl.predict).bind(None, [[0.0]], output_type=["mean", "quantiles"], alphas=[0.5])
    inspect.signature(tabpfn).bind(n_estimators=4, model_path="x")
    inspect.signature(tabicl).bind(n_estimators=4, model_path="x", allow_auto_download=False, checkpoint_version="y")


@pytest.mark.parametrize(
    "address", ["tabpfn:default", "tabpfn:v2", "tabicl:default", "tabicl:tabicl-regressor-v2-20260212.ckpt"]
)
def test_a_failing_download_is_one_line_that_says_what_to_do(address, monkeypatch, tmp_path):
    """The download alone is replaced, by one that fails."""
    scheme = address.partition(":")[0]
    package = pytest.importorskip(scheme, reason="make adapters installs it")

    def fails(*_, **__):
        raise ConnectionError("there is no network")

    if scheme == "tabpfn":
        loading = importlib.import_module("tabpfn.model_loading")
        monkeypatch.setattr(loading, "download_model", lambda *_, **__: [ConnectionError("there is no network")])
        monkeypatch.setattr(loading, "get_cache_dir", lambda: tmp_path)
    else:
        monkeypatch.setattr(sys.modules[package.TabICLRegressor.__module__], "hf_hub_download", fails)
    with pytest.raises(OffpriorError) as caught:
        predictor_at(address)
    said = str(caught.value)
    assert said.startswith(f"{address}: cannot be made ready: ") and "\n" not in said
    assert "where there is a network" in said and f"or give a file of its weights, {scheme}:FILE.ckpt" in said


@pytest.mark.parametrize("scheme", ["tabpfn", "tabicl"])
@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("v17", "v17 is neither a file nor"),
        ("default(estimators=3)", "unexpected keyword argument 'estimators'"),
        ("default(n_estimators=print('no'))", "is not a version or a file with settings"),
        ("default(3)", "is not a version or a file with settings"),
        ("default(**{})", "is not a version or a file with settings"),
        ("default(", "is not a version or a file with settings"),
        ("no_such.ckpt", "no_such.ckpt is neither a file nor"),
    ],
)
def test_what_is_not_there_is_one_line(scheme, rest, told, capsys):
    pytest.importorskip(scheme, reason="make adapters installs it")
    with pytest.raises(SettingError) as caught:
        predictor_at(f"{scheme}:{rest}")
    assert told in str(caught.value) and "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("scheme", ["tabpfn", "tabicl"])
def test_a_missing_package_is_one_line(scheme, monkeypatch):
    monkeypatch.setitem(sys.modules, scheme, None)
    with pytest.raises(
        OffpriorError, match=rf"needs {scheme}, which is not installed; pip install 'offprior\[{scheme}\]'"
    ):
        predictor_at(f"{scheme}:default")
    assert (scheme, "torch") == adapter(scheme).NEEDS


@pytest.mark.parametrize("scheme", ["tabpfn", "tabicl"])
def test_a_file_that_would_run_code_is_refused_before_the_package_reads_it(scheme, tmp_path, monkeypatch):
    pytest.importorskip(scheme, reason="make adapters installs it")
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    mark = tmp_path / "it_ran"

    class Malicious:
        def __reduce__(self):
            return open, (str(mark), "w")

    torch.save({"state_dict": Malicious()}, tmp_path / "bad.ckpt")
    with pytest.raises(SettingError, match="refused: a pickle that names"):
        predictor_at(f"{scheme}:{tmp_path / 'bad.ckpt'}")
    assert not mark.exists()


def test_addresses_have_dots_and_settings():
    assert parsed("v3.5-fast", "") == ("v3.5-fast", {})
    assert parsed("a/b.ckpt(n_estimators=4, device='cpu')", "") == ("a/b.ckpt", {"n_estimators": 4, "device": "cpu"})
    assert parsed("default()", "") == ("default", {})


def test_quantiles_never_fall():
    np.testing.assert_array_equal(rising([[1.0, 0.5, 2.0]]), [[1.0, 1.0, 2.0]])
