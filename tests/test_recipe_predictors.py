"""A recipe's `predictors`: strict, complete when written back, and evaluated beside the model on the same prompts."""

import json

import jsonschema
import numpy as np
import pytest
import yaml

import offprior as op
from offprior.errors import SettingError
from offprior.predictors.nearest_neighbours import NearestNeighbours
from offprior.recipe.recipe import from_mapping, read
from offprior.recipe.schema import json_schema

SMALL = {
    "name": "small",
    "title": "A small one",
    "mixture": {"families": ["linear", {"name": "sinusoid", "frequency": [0.5, 1.5]}]},
    "model": {"name": "transformer", "layers": 1, "heads": 2, "width": 16},
    "training": {"steps": 4, "batch": 4, "points": 8},
    "evaluation": {"lengths": [2, 8], "tasks": 4, "queries": 8},
    "predictors": ["least-squares", {"name": "ridge", "penalty": 0.5}, "class-fit"],
}


def with_predictors(*predictors):
    return {**SMALL, "predictors": list(predictors)}


def problems(raw):
    with pytest.raises(SettingError) as caught:
        from_mapping(raw)
    return str(caught.value).splitlines()


def test_settings_arrive_and_are_written_back(tmp_path):
    recipe = from_mapping(SMALL)
    assert [predictor.label for predictor in recipe.predictors] == ["least squares", "ridge", "class fit"]
    assert recipe.predictors[1].penalty == 0.5
    path = tmp_path / "small.yaml"
    path.write_text(recipe.to_yaml(), encoding="utf-8")
    again = read(path)
    assert again.to_mapping() == recipe.to_mapping() and again.fingerprint() == recipe.fingerprint()


def test_a_recipe_without_predictors_keeps_its_fingerprint():
    """Runs from before there were any are found again."""
    without = {key: value for key, value in SMALL.items() if key != "predictors"}
    plain = from_mapping(without)
    assert plain.predictors == [] and from_mapping(with_predictors()).fingerprint() == plain.fingerprint()
    assert from_mapping(SMALL).fingerprint() != plain.fingerprint()
    assert from_mapping(with_predictors("mean")).fingerprint() != from_mapping(with_predictors("ridge")).fingerprint()
    # The hash as it was made before recipes had predictors.
    mapping = {key: plain.to_mapping()[key] for key in ("mixture", "model", "training", "evaluation", "probes")}
    import hashlib

    assert hashlib.sha256(json.dumps(mapping, sort_keys=True).encode()).hexdigest()[:12] == plain.fingerprint()


@pytest.mark.parametrize(
    ("predictors", "line"),
    [
        (["rigde"], "predictors.0.name: 'rigde' is not among the predictors; did you mean ridge?"),
        (
            ["mean", {"name": "ridge", "penalti": 1}],
            "predictors.1.penalti: unknown key; did you mean penalty?",
        ),
        ([{"name": "ridge", "penalty": -1}], "predictors.0.penalty: -1.0 is out of bounds; it must be at least 0"),
        (["bayes"], "predictors.0.name: 'bayes' cannot be named in a recipe: B and C are always evaluated"),
        (["mean", "mean"], "predictors.1.label: 'mean' is taken; give every predictor its own label"),
        ([{"name": "mean", "label": "C"}], "predictors.0.label: 'C' is taken; give every predictor its own label"),
        ([{"name": "mean", "label": ""}], "predictors.0.label: it must not be empty"),
    ],
)
def test_a_mistake_is_one_line_with_its_key(predictors, line):
    assert problems(with_predictors(*predictors)) == [f"recipe: {line}"]


def test_all_mistakes_come_at_once():
    lines = problems({**with_predictors("pretrained", {"name": "lasso", "folds": 1}), "probes": ["convecks"]})
    keys = sorted(line.split(": ")[1] for line in lines)
    assert keys == ["predictors.0.name", "predictors.1.folds", "probes.0.name"]


def test_the_schema_knows_them():
    validator = jsonschema.Draft202012Validator(json_schema())
    assert validator.is_valid(SMALL) and validator.is_valid(json.loads(json.dumps(from_mapping(SMALL).to_mapping())))
    for wrong in ("bayes", {"name": "ridge", "penalty": "much"}, {"name": "nearest-neighbours", "count": 0}):
        assert not validator.is_valid(with_predictors(wrong))
        problems(with_predictors(wrong))


def test_overrides_reach_them(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(with_predictors("nearest-neighbours")))
    recipe = read(path, ["predictors.0.count=1", "predictors.0.label=1-NN"])
    assert recipe.predictors == [NearestNeighbours(count=1, label="1-NN")]


def test_a_run_evaluates_them_on_the_model_s_prompts(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL))
    run = op.run(path, out=tmp_path / "run", progress=False)
    rows = run.table().to_pandas()
    assert {"model", "least squares", "ridge", "class fit"} <= set(rows["predictor"])
    wide = rows.pivot_table(index=["strength", "length", "task"], columns="predictor", values="truth_mean")
    for label in ("least squares", "ridge", "class fit"):
        np.testing.assert_array_equal(wide[label], wide["model"])
    nearest = run.table().algorithms()
    assert {"distance: ridge", "distance: class fit", "distance: B"} <= set(nearest.columns)
    # Probing again, without training, evaluates them again.
    from offprior.commands.probe import probe_run

    probed = probe_run(run.folder, progress=False).table().to_pandas()
    assert set(probed["predictor"]) == set(rows["predictor"])


def test_a_recipe_names_a_predictor_by_its_address(tmp_path):
    """The address alone, or with a label; what is at it answers the model's prompts."""
    address = "sklearn:KNeighborsRegressor(n_neighbors=2)"
    labelled = {"name": "at-address", "address": "sklearn:LinearRegression", "label": "a line"}
    recipe = from_mapping(with_predictors(address, labelled))
    assert [each.label for each in recipe.predictors] == ["KNeighborsRegressor(n_neighbors=2)", "a line"]
    again = from_mapping(recipe.to_mapping())
    assert again.fingerprint() == recipe.fingerprint()
    jsonschema.validate(with_predictors(address, labelled), json_schema())
    x, y, queries = np.array([[0.0], [1.0], [5.0]]), np.array([1.0, 3.0, 8.0]), np.array([[0.4]])
    assert recipe.predictors[0].predict(x, y, queries).mean == pytest.approx([2.0])
    assert recipe.predictors[1].predict(x[:2], y[:2], queries).mean == pytest.approx([1.8])


def test_mistaken_addresses_are_told_together_and_run_no_code(tmp_path, monkeypatch):
    (tmp_path / "never_imported_by_a_recipe.py").write_text("raise SystemExit('it ran')\n")
    monkeypatch.chdir(tmp_path)
    told = problems(with_predictors("skleran:Ridge", "sklearn:Rigde", "sklearn:Ridge(alpha=print(1))"))
    assert len(told) == 3
    assert "predictors.0: unknown address skleran:…; did you mean sklearn" in told[0]
    assert "predictors.1" in told[1] and "did you mean Ridge" in told[1]
    assert "is not a regressor with settings" in told[2]
    assert from_mapping(with_predictors("python:never_imported_by_a_recipe:model")).predictors[0].label
