"""Whatever stands in a recipe, the reader returns a recipe or names the mistake; it never breaks down."""

import copy

import pytest
from example_counts import examples
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from offprior.errors import OffpriorError
from offprior.recipe import file as recipe_file
from offprior.recipe.recipe import Recipe, from_mapping, read

BASE = recipe_file.read_mapping(*recipe_file.locate("mueller-2024"))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["linear", "convex", "uniform", "mueller", "transformer", "grid", "combination", "0", "-1"])
)
WORDS = st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)
YAML_LIKE = st.text(st.sampled_from("{}[]:,&*!|>-?# \n\t\"'ab01.e%@`"), max_size=40).map(str.encode)


def places(value, path=()):
    """The paths of everything inside."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from places(item, (*path, key))


PLACES = [path for path in places(BASE) if path]


def changed(path, change):
    raw = copy.deepcopy(BASE)
    here = raw
    for step in path[:-1]:
        here = here[step]
    change(here, path[-1])
    return raw


def read_or_refuse(raw):
    try:
        recipe = from_mapping(raw, "fuzzed.yaml")
    except OffpriorError as error:
        lines = str(error).splitlines()
        assert lines and all(line.startswith("fuzzed.yaml: ") for line in lines), str(error)
        return
    assert isinstance(recipe, Recipe)
    assert from_mapping(recipe.to_mapping()).fingerprint() == recipe.fingerprint()


def replace_by(value):
    def change(here, key):
        here[key] = value

    return change


def drop(here, key):
    del here[key]


def misspell(here, key):
    if isinstance(here, dict):
        here[f"{key}x"] = here.pop(key)


@settings(max_examples=examples(1000))
@given(st.sampled_from(PLACES), VALUES)
@example(("mixture", "weights", 0), 3.298828125)
@example(("probes", 2, "count"), 20_000_000)
def test_any_value_in_the_place_of_any_setting(path, value):
    read_or_refuse(changed(path, replace_by(value)))


@pytest.mark.parametrize("change", [drop, misspell])
@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_any_key_missing_or_misspelt(path, change):
    read_or_refuse(changed(path, change))


@settings(max_examples=examples(200))
@given(st.dictionaries(st.sampled_from([*BASE, "else"]), VALUES, max_size=6))
def test_any_mapping(raw):
    read_or_refuse(raw)


@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60) | st.text(st.sampled_from("{}[]:,&*!|>-?# \n\t\"'ab01.e%@`"), max_size=40).map(str.encode)
)
def test_any_file(tmp_path, content):
    path = tmp_path / "fuzzed.yaml"
    path.write_bytes(content)
    with pytest.raises(OffpriorError) as caught:
        read(path)
    assert all(line.startswith(f"{path}: ") for line in str(caught.value).splitlines())


def assigned(place_and_text):
    place, text = place_and_text
    return f"{'.'.join(map(str, place))}={text}"


@settings(max_examples=examples(200))
@given(st.text(max_size=20) | st.tuples(st.sampled_from(PLACES), st.text(max_size=12)).map(assigned))
def test_any_override(override):
    try:
        read("mueller-2024", [override])
    except OffpriorError as error:
        assert all(line.startswith("mueller-2024: ") for line in str(error).splitlines()), str(error)
