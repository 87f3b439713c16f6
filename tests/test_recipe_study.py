"""A recipe's study: places are what --set makes of the recipe, mistakes come with their keys, and it reads back."""

import copy

import jsonschema
import pytest
import yaml

from offprior.analysis.metrics import Measured, measured
from offprior.errors import SettingError
from offprior.recipe import file as recipe_file
from offprior.recipe.recipe import from_mapping, read
from offprior.recipe.schema import json_schema
from offprior.recipe.study import MEASURES

SMALL = {
    "name": "small",
    "title": "A small one",
    "mixture": {"families": ["linear", {"name": "sinusoid", "frequency": [0.5, 1.5]}]},
    "model": {"name": "transformer", "layers": 1, "heads": 2, "width": 16},
    "training": {"steps": 40, "batch": 4, "points": 8},
    "evaluation": {"lengths": [2, 8], "tasks": 4, "queries": 8},
    "probes": [{"name": "convex", "count": 3}],
}
WEIGHTS = [
    {"at": 0.5, "set": {"mixture.weights": [0.5, 0.5]}},
    {"at": 0.1, "set": {"mixture.weights": [0.1, 0.9], "mixture.families.1.frequency": [1, 2]}},
]
M5 = {"name": "M5", "probe": "convex", "strength": 0.5, "length": 8}


def recipe(**study):
    return from_mapping({**copy.deepcopy(SMALL), "study": study})


def mistakes(**study):
    with pytest.raises(SettingError) as caught:
        recipe(**study)
    return str(caught.value).removeprefix("recipe: ").replace("\nrecipe: ", "\n")


def test_a_place_is_the_recipe_with_its_settings_set(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL))
    set_by_hand = read(path, ["mixture.weights=[0.1, 0.9]", "mixture.families.1.frequency=[1, 2]"])
    found = recipe(places=WEIGHTS, measure=M5)
    assert found.at_place(found.study.places[1], 1).fingerprint() == set_by_hand.fingerprint()
    # Equal weights are the default: nothing is other there.
    assert found.at_place(found.study.places[0], 0).fingerprint() == read(path).fingerprint()


@pytest.mark.parametrize(
    "study",
    [
        {"places": WEIGHTS, "measure": M5, "threshold": 0.9},
        {"vary": "training.steps", "values": [10, 20], "threshold": 0.1, "bisect": 3, "direction": "falling"},
        {"vary": "model.preset", "values": ["deepmind", "mueller"], "cross": True},
        {"places": WEIGHTS, "others": {"lines": {"families": ["linear"], "weights": [1]}}, "reference": "recipe"},
        {"vary": "mixture.families", "values": [["linear", "linear"], ["sinusoid", "linear"]]},
    ],
)
def test_it_reads_back_equal(study, tmp_path):
    found = recipe(**study)
    path = tmp_path / "small.yaml"
    path.write_text(found.to_yaml(), encoding="utf-8")
    again = read(path)
    assert again.to_mapping() == found.to_mapping() and again.fingerprint() == found.fingerprint()
    for number, place in enumerate(found.study.places):
        assert again.at_place(place, number).fingerprint() == found.at_place(place, number).fingerprint()
    jsonschema.validate(recipe_file.read_mapping(path, ""), json_schema())
    jsonschema.validate({**SMALL, "study": study}, json_schema())


def test_the_short_form_is_the_long_one():
    short = recipe(vary="training.steps", values=[10, 20])
    long = recipe(places=[{"at": steps, "set": {"training.steps": steps}} for steps in (10, 20)])
    assert short.fingerprint() == long.fingerprint()
    assert short.study.measure.length == 8, "the longest that is evaluated"


def test_only_a_study_is_in_the_hash_and_its_texts_are_not():
    plain = from_mapping(SMALL)
    assert "study" not in plain.to_mapping() and "specialists" not in plain.to_mapping()
    assert from_mapping({**SMALL, "specialists": False}).fingerprint() == plain.fingerprint()
    assert from_mapping({**SMALL, "specialists": True}).fingerprint() != plain.fingerprint()
    one, other = (recipe(places=WEIGHTS, axis=axis) for axis in ("share", "weight"))
    assert one.fingerprint() == other.fingerprint() != plain.fingerprint()
    assert recipe(places=WEIGHTS, measure="M4").fingerprint() != one.fingerprint()


def test_a_place_may_be_a_label():
    found = recipe(vary="mixture.families", values=[["linear", "linear"], ["sinusoid", "linear"]])
    assert [place.label for place in found.study.places] == ["['linear', 'linear']", "['sinusoid', 'linear']"]


@pytest.mark.parametrize(
    ("study", "line"),
    [
        (
            {"places": [WEIGHTS[0], {"at": 0, "set": {"mixture.weights": [-1, 2]}}]},
            "study.places.1.set.mixture.weights: must be finite and at least 0, got [-1.0, 2.0]",
        ),
        (
            {"places": [{"at": 0, "set": {"mixture.families.1": {"name": "sinusoid", "frequensy": 2}}}]},
            "study.places.0.set.mixture.families.1.frequensy: unknown key; did you mean frequency?",
        ),
        (
            {"places": [{"at": 0, "set": {"mixture.families.7.scale": 2}}]},
            "study.places.0.set.mixture.families.7.scale: '7' is not an index of a list of length 2; choose 0 to 1",
        ),
        (
            {"places": [{"at": 0, "set": {"name": "x"}}]},
            "study.places.0.set.name: cannot be set here; choose from mixture, model, training, evaluation, probes",
        ),
        ({"places": [{"at": True}]}, "study.places.0.at: True is neither a number nor a label"),
        ({"places": [{"at": 1, "sett": {}}]}, "study.places.0.sett: unknown key; did you mean set?"),
        ({"places": [{"at": 1}, {"at": 1.0}]}, "study.places.1: duplicate place 1"),
        ({"vary": "model.heads", "values": [2, 3]}, "study.values.1: model.heads: width 16 is not divisible by 3"),
        ({"places": WEIGHTS, "measur": "M5"}, "study.measur: unknown key; did you mean measure?"),
        ({"places": WEIGHTS, "scale": "logg"}, "study.scale: 'logg': input should be 'linear' or 'log'"),
        ({"places": WEIGHTS, "bisect": 2, "vary": "x"}, "study.bisect: bisection needs a threshold"),
        ({"places": WEIGHTS, "bisect": 2, "threshold": 1}, "study.bisect: bisection needs a setting to change"),
        ({}, "study.places: missing; write places, or vary and values"),
        ({"vary": "training.steps", "values": [1], "places": WEIGHTS}, "study.values: places are given too"),
        ({"values": [1, 2]}, "study.vary: missing"),
        ({"places": [{"at": "a"}, {"at": "b"}], "threshold": 1}, "study.threshold: places that are labels have no"),
        ({"along": "training"}, "training.trajectory: got 0, but a study along training needs at least two steps"),
        ({"places": WEIGHTS, "measure": "M55"}, "study.measure.name: unknown measure 'M55'; did you mean M5?"),
        ({"places": WEIGHTS, "measure": {"probe": "convecs"}}, "study.measure.probe: 'convecs' is not probed at"),
        ({"places": WEIGHTS, "measure": {"probe": "convex"}}, "study.measure.strength: missing; convex"),
        ({"places": WEIGHTS, "measure": {**M5, "strength": 0.4}}, "study.measure.strength: 0.4 is not a place of"),
        ({"places": WEIGHTS, "measure": {"length": 7}}, "study.measure.length: 7 is not evaluated at study.places.0"),
        ({"places": WEIGHTS, "others": {"x": {"familes": []}}}, "study.others.x.familes: cannot be set here; did"),
        (
            {"places": WEIGHTS, "others": {"x": {"families": [{"name": "linear", "dimension": 2}], "weights": [1]}}},
            "study.others.x.families: inputs have 2 numbers, but the recipe's inputs have 1",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_its_key(study, line):
    found = mistakes(**study)
    assert found.startswith(line) and "\n" not in found, found


def test_mistakes_of_several_places_come_at_once():
    lines = mistakes(
        places=[
            {"at": 1, "set": {"model.heads": 3}},
            {"at": 2, "set": {"mixture.noise": "loud", "training.steps": 0}},
        ]
    ).splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        "study.places.0.set.model.heads",
        "study.places.1.set.mixture.noise",
        "study.places.1.set.training.steps",
    ]


def test_every_measure_is_a_metric_of_a_cell():
    from evaluation_rows import table

    from offprior.analysis.cells import cells

    key, cell = next(iter(cells(table({"model": 0.5, "B": 1.0, "C": 0.1}), "model").items()))
    found = {name for name, value in measured(key, cell, cell).items() if isinstance(value, Measured)}
    assert found == set(MEASURES)
