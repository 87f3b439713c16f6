"""Files of weights are read without running what they hold; modules of the user's own file become predictors."""

import pickle
import sys

import numpy as np
import pytest

import offprior as op
from offprior.adapters.addresses import predictor_at
from offprior.adapters.declared import Declared
from offprior.adapters.weights import load_weights, state_dict
from offprior.errors import OffpriorError, SettingError

torch = pytest.importorskip("torch", reason="make adapters installs it")

MODULE = """
import torch
from neighbour import SCALE

class Kernel(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.width = torch.nn.Parameter(torch.tensor(2.0))
        self.dropout = torch.nn.Dropout(0.5)
    def forward(self, x, y, queries):
        assert x.dtype == torch.float32 and not torch.is_grad_enabled()
        weights = torch.softmax(-self.width * torch.cdist(queries, x) ** 2 * SCALE, dim=1)
        return self.dropout(weights @ y)

def make_model():
    return Kernel()

def make_function():
    def with_quantiles(x, y, queries):
        return {"mean": y.mean().expand(len(queries)), "variance": torch.full((len(queries),), 0.25)}
    return with_quantiles

def make_wrapped():
    import offprior
    return offprior.wrap(Kernel(), "mine", trained=False)

def fails():
    raise ValueError("no luck")

def needs(size):
    return None

def number():
    return 3

constant = 3
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    (tmp_path / "models.py").write_text(MODULE)
    (tmp_path / "neighbour.py").write_text("SCALE = 1.0\n")
    path = list(sys.path)
    yield tmp_path / "models.py"
    assert sys.path == path


def prompts(count=3, n=8, m=5):
    draw = np.random.default_rng(0)
    return draw.normal(size=(count, n, 1)), draw.normal(size=(count, n)), draw.normal(size=(count, m, 1))


def kernel(x, y, queries, width):
    weights = np.exp(-width * (queries - x.T) ** 2)
    return weights @ y / weights.sum(1)


def test_the_real_package_is_used_by_the_adapter_of_its_name(file):
    from offprior.adapters import torch as adapter

    assert adapter.__name__ == "offprior.adapters.torch" and torch.__name__ == "torch" and hasattr(torch, "load")
    found = predictor_at(f"torch:{file}:make_model")
    x, y, queries = prompts()
    np.testing.assert_allclose(
        found.predict_batch(x, y, queries, [8]).mean[1, 0], kernel(x[1], y[1], queries[1], 2.0), atol=1e-5
    )


def test_a_module_is_a_trained_predictor_unless_it_is_said_otherwise(file):
    assert predictor_at(f"torch:{file}:make_model", Declared(seed=7)).trained
    assert predictor_at(f"torch:{file}:make_model", Declared(seed=7)).seed == 7
    assert not predictor_at(f"torch:{file}:make_model", Declared(trained=False)).trained
    assert predictor_at(f"torch:{file}:make_model").label == "make_model"
    wrapped = predictor_at(f"torch:{file}:make_wrapped", Declared(strict=True))
    assert wrapped.label == "mine" and not wrapped.trained and wrapped.is_strict


@pytest.mark.parametrize("kind", ["pt", "safetensors", "checkpoint"])
def test_weights_are_loaded_into_the_module(kind, file, tmp_path):
    values = {"width": torch.tensor(0.5)}
    path = tmp_path / f"weights.{'safetensors' if kind == 'safetensors' else 'pt'}"
    if kind == "safetensors":
        from safetensors.torch import save_file

        save_file(values, path)
    else:
        torch.save({"epoch": 3, "model_state_dict": values} if kind == "checkpoint" else values, path)
    found = predictor_at(f"torch:{file}:make_model@{path}")
    x, y, queries = prompts()
    np.testing.assert_allclose(
        found.predict_batch(x, y, queries, [8]).mean[0, 0], kernel(x[0], y[0], queries[0], 0.5), atol=1e-5
    )


def test_a_callable_of_tensors_answers_in_any_form(file):
    x, y, queries = prompts()
    found = predictor_at(f"torch:{file}:make_function").predict_batch(x, y, queries, [4])
    np.testing.assert_allclose(found.mean[:, 0, 0], y[:, :4].mean(1), atol=1e-6)
    np.testing.assert_allclose(found.variance, 0.25)


def test_op_wrap_takes_a_module(file):
    class Mean(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.offset = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

        def forward(self, x, y, queries):
            assert y.dtype == torch.float64 and not self.training
            return (y.mean() + self.offset).expand(len(queries)), y.mean() + torch.zeros(len(queries), 5)

    x, y, queries = prompts()
    found = op.wrap(Mean()).predict_batch(x, y, queries, [4])
    np.testing.assert_allclose(found.mean[:, 0, 0], y[:, :4].mean(1) + 1)
    np.testing.assert_allclose(found.variance, 0)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("no_such", "models.py has no function or class no_such"),
        ("constant", "models.py has no function or class constant"),
        ("fails", "fails() failed: ValueError: no luck"),
        ("needs", "needs() failed: TypeError"),
        ("number", "number() is a int, which cannot be called"),
        ("make_function@{weights}", "weights are for a torch.nn.Module, but make_function() is a function"),
        ("make_model@{weights}", "not the weights of make_model(): RuntimeError"),
        ("make_model@no_such.pt", "no_such.pt: no such file of weights"),
        ("make_model@{torn}", "not a readable file of weights"),
        ("make_model@{list}", "holds no state dict (tensors by name), but list"),
    ],
)
def test_what_is_not_there_is_one_line(name, told, file, tmp_path):
    torch.save({"other": torch.zeros(2)}, tmp_path / "other.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    (tmp_path / "torn.pt").write_bytes((tmp_path / "other.pt").read_bytes()[:200])
    name = name.format(weights=tmp_path / "other.pt", torn=tmp_path / "torn.pt", list=tmp_path / "list.pt")
    with pytest.raises(SettingError) as caught:
        predictor_at(f"torch:{file}:{name}")
    assert told in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("rest", ["models.py", "models.py:", "models:make", "models.py:a.b", "no_such.py:make"])
def test_an_address_that_is_none_is_one_line(rest):
    with pytest.raises(SettingError, match=r"write torch:FILE\.py:FUNCTION|no such file"):
        predictor_at(f"torch:{rest}")


class Malicious:
    """Writes a file when it is read from a pickle."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("how", ["torch.save", "torch.save, legacy", "pickle"])
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(how, file, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # which overrides PyTorch's default
    mark, path = tmp_path / "it_ran", tmp_path / "bad.pt"
    content = {"width": torch.tensor(0.5), "also": Malicious(mark)}
    if how == "pickle":
        path.write_bytes(pickle.dumps({"also": Malicious(mark)}))
    else:
        torch.save(content, path, _use_new_zipfile_serialization="legacy" not in how)
    with pytest.raises(SettingError) as caught:
        predictor_at(f"torch:{file}:make_model@{path}")
    said = str(caught.value)
    assert "refused: a pickle that names" in said and "--trust" in said and "\n" not in said
    assert not mark.exists()


def test_trust_reads_the_pickle(tmp_path):
    mark, path = tmp_path / "it_ran", tmp_path / "bad.pt"
    torch.save({"also": Malicious(mark)}, path)
    with pytest.warns(ResourceWarning):
        assert "also" in load_weights(path, trust=True)
        import gc

        gc.collect()
    assert mark.exists()


def test_an_old_pytorch_reads_no_pickle_but_safetensors(tmp_path, monkeypatch):
    from safetensors.torch import save_file

    torch.save({"a": torch.ones(2)}, tmp_path / "a.pt")
    save_file({"a": torch.ones(2)}, tmp_path / "a.safetensors")
    monkeypatch.setattr(torch, "__version__", "2.5.1+cpu")
    with pytest.raises(SettingError, match=r"PyTorch 2\.5\.1\+cpu can run code even with weights_only"):
        load_weights(tmp_path / "a.pt")
    assert load_weights(tmp_path / "a.safetensors")["a"].sum() == 2


def test_a_state_dict_is_found_under_the_usual_keys():
    values = {"a": torch.zeros(1)}
    for given in (values, {"state_dict": values, "epoch": 1}, {"model": values}, {"model_state_dict": values}):
        assert state_dict(given, "x") is values
    with pytest.raises(SettingError, match=r"x: holds no state dict \(tensors by name\), but epoch, loss"):
        state_dict({"epoch": 1, "loss": 0.5}, "x")


@pytest.mark.parametrize(("address", "extra"), [("torch:a.py:b", "torch"), ("garg:a", "torch"), ("pfn:a.pt", "pfn")])
def test_without_pytorch_one_line_says_what_to_install(address, extra, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pt").write_bytes(b"")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "config.yaml").write_text("model: {n_dims: 1, n_positions: 2, n_embd: 4, n_layer: 1, n_head: 1}")
    with pytest.raises(OffpriorError, match=rf"needs torch, which is not installed; pip install 'offprior\[{extra}\]'"):
        predictor_at(address)
