"""Predictors by their addresses: what is there, what is not, and what nothing is executed for."""

import sys

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from offprior.adapters.addresses import adapter, is_address, predictor_at, schemes
from offprior.adapters.declared import Declared
from offprior.errors import OffpriorError, SettingError


def prompts(count=3, n=8, m=5):
    draw = np.random.default_rng(0)
    return draw.normal(size=(count, n, 1)), draw.normal(size=(count, n)), draw.normal(size=(count, m, 1))


def test_every_adapter_says_what_it_is_and_what_it_needs():
    assert {"sklearn", "python"} <= set(schemes())
    for scheme in schemes():
        module = adapter(scheme)
        assert module.CAPTION and module.EXAMPLE.startswith(f"{scheme}:") and is_address(module.EXAMPLE)
        assert all(isinstance(name, str) for name in module.NEEDS)


def test_a_regressor_is_scikit_learn_s_own_with_its_settings():
    x, y, queries = prompts()
    found = predictor_at("sklearn:RandomForestRegressor(n_estimators=3, max_depth=2)")
    assert found.label == "RandomForestRegressor(n_estimators=3,max_depth=2)" and not found.trained
    answers = found.predict_batch(x, y, queries, [8]).mean[:, 0]
    for number in range(3):
        forest = RandomForestRegressor(n_estimators=3, max_depth=2, random_state=0).fit(x[number], y[number])
        np.testing.assert_allclose(answers[number], forest.predict(queries[number]))


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("skleran:KNeighborsRegressor", "unknown address skleran:…; did you mean sklearn"),
        ("sklearn:KNeighbourRegressor", "did you mean KNeighborsRegressor"),
        ("sklearn:KNeighborsRegressor(neighbours=3)", "unexpected keyword argument 'neighbours'"),
        ("sklearn:KNeighborsRegressor(n_neighbors=print('no'))", "is not a regressor with settings"),
        ("sklearn:__import__('os').getcwd()", "is not a regressor with settings"),
        ("sklearn:KNeighborsRegressor(3)", "is not a regressor with settings"),
        ("python:os", "write python:MODULE:OBJECT"),
        ("python:no_such_module_here:x", "cannot be imported: ModuleNotFoundError"),
        ("python:math:no_such", "math has no no_such"),
        ("python:math:pi", "float answers no prompts"),
    ],
)
def test_what_is_not_there_is_one_line(address, told, capsys):
    with pytest.raises(SettingError) as caught:
        predictor_at(address)
    assert told in str(caught.value) and "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""


def test_a_module_of_the_working_folder_is_found(tmp_path, monkeypatch):
    (tmp_path / "my_models_of_a_test.py").write_text(
        "def predict(x, y, queries):\n    return 0 * queries[:, 0] + y.mean()\n"
        "class Model:\n    def predict(self, x, y, queries):\n        return predict(x, y, queries)\n"
        "def fails(x, y, queries):\n    raise ValueError('no luck')\n"
        "import offprior\nwrapped = offprior.wrap(fails)\n"
        "class Broken:\n    def __init__(self, size):\n        pass\n"
    )
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    x, y, queries = prompts()
    for name in ("predict", "Model"):
        found = predictor_at(f"python:my_models_of_a_test:{name}")
        np.testing.assert_allclose(found.predict_batch(x, y, queries, [4]).mean[:, 0, 0], y[:, :4].mean(1))
    with pytest.raises(SettingError, match=r"Broken: TypeError: .*missing 1 required positional argument"):
        predictor_at("python:my_models_of_a_test:Broken")
    with pytest.raises(OffpriorError, match="no luck"):
        predictor_at("python:my_models_of_a_test:wrapped", Declared(strict=True)).predict_batch(x, y, queries, [4])
    assert sys.path == path


def test_a_missing_library_is_one_line_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.utils", None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(OffpriorError, match="needs sklearn, which is not installed; pip install scikit-learn"):
        predictor_at("sklearn:KNeighborsRegressor")
