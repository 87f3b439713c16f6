"""Every mistake of a recipe at once, whatever else is wrong with it; and none that is only a guess."""

import copy
import itertools

import pytest
import yaml

from offprior.errors import SettingError
from offprior.recipe.file import put
from offprior.recipe.recipe import from_mapping, read

RECIPE = {
    "name": "small", "title": "A small one",
    "mixture": {"families": ["linear", {"name": "sinusoid"}], "weights": [0.25, 0.75], "inputs": [-2.0, 2.0]},
    "model": {"name": "transformer", "layers": 1, "heads": 2, "width": 16},
    "training": {"steps": 40, "batch": 4, "points": 8, "optimiser": "muon"},
    "evaluation": {"lengths": [2, 8]},
    "probes": ["convex", "mixture-weight"],
    "predictors": ["mean", "ridge", "lasso"],
    "study": {"vary": "training.batch", "values": [2, 4], "measure": {"probe": "convex", "strength": 0.5}},
}  # fmt: skip
# By what is wrong, the setting that makes it wrong and the key that is named. Of all kinds: unknown keys, wrong types,
# parts that are not there, settings of a part that do not fit each other, sections that do not.
MISTAKES = {
    "an unknown section": ({"titel": "x"}, "titel"),
    "an unknown key": ({"training.stepps": 3}, "training.stepps"),
    "no number": ({"training.batch": "many"}, "training.batch"),
    "out of bounds": ({"model.layers": 0}, "model.layers"),
    "no family": ({"mixture.families.1": "sinusod"}, "mixture.families.1.name"),
    "no law": ({"mixture.inputs": {"name": "unifrom"}}, "mixture.inputs.name"),
    "no probe": ({"probes.1": "mixture-wait"}, "probes.1.name"),
    "no predictor": ({"predictors.2": {"name": "laso"}}, "predictors.2.name"),
    "a count of weights": ({"mixture.weights": [0.2, 0.3, 0.5]}, "mixture.weights"),
    "width by heads": ({"model.heads": 3}, "model.heads"),
    "no decay of adam": ({"training.optimiser": "adam", "training.weight_decay": 0.1}, "training.weight_decay"),
    "a length beyond the model": ({"evaluation.lengths": [2, 50]}, "evaluation.lengths.1"),
    "a label that is taken": ({"predictors.1": "mean"}, "predictors.1.label"),
    "an instruction of three": ({"model.instruction": 3}, "model.instruction"),
    "a bisection without threshold": ({"study.bisect": 3}, "study.bisect"),
}


def keys(raw):
    with pytest.raises(SettingError) as caught:
        from_mapping(raw)
    assert all(problem.file == "recipe" for problem in caught.value.problems)
    found = [problem.key for problem in caught.value.problems]
    assert len(found) == len(set(found)), "a mistake is named once"
    return sorted(found)


def with_changes(changes):
    raw = copy.deepcopy(RECIPE)
    for key, value in changes.items():
        put(raw, key, value)
    return raw


def test_the_recipe_is_right():
    from_mapping(copy.deepcopy(RECIPE))


@pytest.mark.parametrize("first", MISTAKES)
def test_no_mistake_hides_another(first):
    for second in MISTAKES:
        changes, named = ({**MISTAKES[first][0], **MISTAKES[second][0]}, {MISTAKES[first][1], MISTAKES[second][1]})
        assert keys(with_changes(changes)) == sorted(named), (first, second)


def test_all_of_them_come_at_once():
    everything = dict(itertools.chain.from_iterable(changes.items() for changes, _ in MISTAKES.values()))
    assert keys(with_changes(everything)) == sorted(key for _, key in MISTAKES.values())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        # What a length is beyond of is not known: a number that is none, a key that is misspelt, a model that is not.
        ({"training.points": "many", "evaluation.lengths": [50]}, ["training.points"]),
        ({"training": {"pionts": 60}, "evaluation.lengths": [50]}, ["training.pionts"]),
        ({"model": "transfomer", "evaluation.lengths": [50]}, ["model.name"]),
        ({"model.positions": "nnoe", "evaluation.lengths": [50]}, ["model.positions"]),
        ({"model": {"name": "transformer", "preset": "muller"}, "evaluation.lengths": [50]}, ["model.preset"]),
        # Of what heads have to divide, too.
        ({"model.width": "wide", "model.heads": 3}, ["model.width"]),
        ({"model": {"name": "transformer", "widht": 15, "heads": 5}}, ["model.widht"]),
        ({"model": {"name": "transformer", "preset": "muller", "heads": 7}}, ["model.preset"]),
        # A family that is not known may have any number of inputs, and be any that a probe needs.
        ({"mixture.families": [{"name": "linear", "dimension": 2}, "sinusod"], "mixture.weights": None,
          "probes": [], "study": None}, ["mixture.families.1.name"]),
        ({"mixture.families": "linear", "mixture.weights": [1]}, ["mixture.families"]),
        ({"training.optimiser": "adm", "training.weight_decay": 0.1}, ["training.optimiser"]),
    ],
)  # fmt: skip
def test_what_hangs_on_a_mistake_is_not_guessed_at(changes, named):
    assert keys(with_changes(changes)) == named


def test_overrides_that_lead_nowhere_hide_nothing(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(with_changes({"model.heads": 3, "titel": "x"})))
    with pytest.raises(SettingError) as caught:
        read(path, ["training", "probes.7.count=2", "evaluation.lengths=[2, 50]", "training.steps=0"])
    assert sorted(problem.key for problem in caught.value.problems) == [
        "evaluation.lengths.1", "model.heads", "probes.7", "titel", "training", "training.steps",
    ]  # fmt: skip
