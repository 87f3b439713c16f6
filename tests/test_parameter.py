"""A parameter is declared once, and held to its declaration wherever a part is built."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from offprior.errors import Problem, SettingError
from offprior.parameter import Part, Scalar, fields_of, parameter


def only_even(value):
    if value % 2:
        raise SettingError(Problem("", f"{value} is odd"))
    return value


class Thing(Part):
    """A part."""

    count: int = parameter(3, "how many", minimum=1, maximum=9)
    scale: Scalar = parameter(1.0, "how large", above=0)
    mode: Literal["paired", "alternating"] = parameter("paired", "how")
    noise: Scalar | None = parameter(None, "how loud", minimum=0)
    flag: bool = parameter(False, "or not")
    even: int = parameter(2, "an even number", converter=only_even)


class Heir(Thing):
    """A part with one more parameter."""

    extra: Scalar = parameter(2.0, "one more")


def test_parameters_are_listed_in_order_with_doc_default_and_bounds():
    infos = {info.name: info for info in fields_of(Heir)}
    assert list(infos) == ["count", "scale", "mode", "noise", "flag", "even", "extra"]
    assert infos["count"].default == 3 and infos["count"].doc == "how many"
    assert str(infos["count"].bounds) == "at least 1 and at most 9"
    assert infos["mode"].choices == ("paired", "alternating")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"count": 0}, "count: 0 is out of bounds; it must be at least 1 and at most 9"),
        ({"count": "4"}, "count: '4' is not a whole number"),
        ({"count": True}, "count: True is not a whole number"),
        ({"scale": -1.5}, "scale: -1.5 is out of bounds; it must be above 0"),
        ({"scale": float("nan")}, "scale: nan is out of bounds; it must be above 0"),
        ({"scale": "x"}, "scale: 'x' is not a number"),
        ({"mode": "pared"}, "mode: unknown value 'pared'; did you mean paired?"),
        ({"noise": -1}, "noise: -1 is out of bounds; it must be at least 0"),
        ({"flag": 1}, "flag: 1 is not true or false"),
        ({"even": 3}, "even: 3 is odd"),
    ],
)
def test_a_bad_value_is_named(settings, line):
    with pytest.raises(SettingError) as caught:
        Heir(**settings)
    assert str(caught.value) == line


def test_numbers_are_leaves_and_shapes_are_not():
    assert jax.tree.leaves(Thing(scale=2)) == [2.0]
    doubled = jax.vmap(lambda scale: Thing(scale=scale).scale * 2)(jnp.arange(1.0, 4.0))
    assert doubled.tolist() == [2.0, 4.0, 6.0]


def test_sweeping_a_number_traces_once():
    traces = []

    @eqx.filter_jit
    def run(thing):
        traces.append(1)
        return thing.scale * thing.count

    for scale in (0.5, 1.0, 2.0):
        run(Thing(scale=jnp.asarray(scale)))
    assert len(traces) == 1
