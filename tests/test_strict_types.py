"""The checker of types that the tests run under finds what is wrong, wherever a function is defined."""

import importlib
import sys

import jax.numpy as jnp
import pytest
from jaxtyping import TypeCheckError

MODULE = '''
"""Functions of a package under the checker."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import equinox as eqx
from jaxtyping import Array, Float, Int


def inner(one: Float[Array, " n"], two: Float[Array, " n"]) -> Float[Array, ""]:
    return one @ two


def twice(one: Float[Array, " n"]) -> Float[Array, " n"]:
    return one[:-1]


def grown(one: Float[Array, " n"]) -> Float[Array, "n+1"]:
    return one


def optional(one: Float[Array, " n"] | None, all: list[Int[Array, " n"]] = []) -> int:
    return len(all)


def lengths(one: Float[Array, "{size}"], size: int) -> int:
    return size


def name(number: float) -> str:
    return number


def adder(n: int) -> Callable:
    def add(one: Float[Array, "k"], more: float = n) -> Float[Array, "k"]:
        return one[:n] + more

    return add


def of(length):
    def one(values: Float[Array, f"{length}"]) -> int:
        return values.size

    return one


def numbers(one: Float[Array, " n"]):
    yield from one


@dataclass(frozen=True)
class Pair:
    one: Float[Array, " n"]
    two: Float[Array, " n"]

    def swapped(self, times: int) -> "Pair":
        return Pair(self.two, self.one)

    @property
    def length(self) -> int:
        return self.one.size / 1

    @classmethod
    def make(cls, one: Float[Array, " n"]) -> "Pair":
        return cls(one, one)


class Layer(eqx.Module):
    weights: Float[Array, "n m"]
    bias: Float[Array, " m"]

    def __call__(self, inputs: Float[Array, " n"]) -> Float[Array, " m"]:
        return inputs @ self.weights + self.bias


class Deep(Layer):
    depth: int
'''


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    package = folder / "offprior_functions_to_check"
    package.mkdir()
    (package / "__init__.py").write_text(MODULE)
    sys.path.insert(0, str(folder))
    import strict_types

    with strict_types.install(package.name):
        yield importlib.import_module(package.name)
    sys.path.remove(str(folder))


TWO, THREE = jnp.ones(2), jnp.ones(3)


def test_what_is_right_passes(checked):
    assert checked.inner(TWO, two=TWO) == 2
    assert checked.optional(None, []) == 0
    assert checked.optional(TWO, [jnp.arange(2)]) == 1
    assert checked.lengths(TWO, 2) == 2
    assert checked.adder(2)(TWO).tolist() == [3, 3]
    assert checked.adder(3)(THREE).tolist() == [4, 4, 4], "a nested function keeps what it closes over"
    assert checked.adder(3)(THREE, 1).tolist() == [2, 2, 2]
    assert checked.of(3)(THREE) == 3
    assert checked.of(2)(TWO) == 2, "and its own annotations"
    assert list(checked.numbers(TWO)) == [1, 1]
    assert checked.Pair(TWO, TWO).swapped(1).one is TWO
    assert checked.Layer(jnp.ones((2, 3)), THREE)(TWO).shape == (3,)
    assert checked.Deep(jnp.ones((2, 3)), THREE, 1).depth == 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda module: module.inner(TWO, THREE),
        lambda module: module.inner(TWO, two=THREE),
        lambda module: module.inner(jnp.arange(2), TWO),
        lambda module: module.inner([1.0], TWO),
        lambda module: module.twice(TWO),
        lambda module: module.grown(TWO),
        lambda module: module.optional(TWO, [jnp.arange(3)]),
        lambda module: module.optional(1),
        lambda module: module.lengths(TWO, 3),
        lambda module: module.name(1.0),
        lambda module: module.name("1"),
        lambda module: module.adder("2"),
        lambda module: module.adder(2)(THREE),
        lambda module: (module.adder(3)(THREE), module.adder(2)(THREE)),
        lambda module: (module.adder(3)(THREE), module.adder(3)(THREE, "1")),
        lambda module: (module.of(3)(THREE), module.of(2)(THREE)),
        lambda module: list(module.numbers(1)),
        lambda module: module.Pair(TWO, THREE),
        lambda module: module.Pair(TWO, None),
        lambda module: module.Pair(TWO, TWO).swapped("once"),
        lambda module: module.Pair(TWO, TWO).length,
        lambda module: module.Pair.make(1),
        lambda module: module.Layer(jnp.ones((2, 3)), TWO),
        lambda module: module.Layer(jnp.ones((2, 3)), THREE)(jnp.ones((2, 2))),
        lambda module: module.Deep(jnp.ones((2, 3)), TWO, 1),
        lambda module: module.Deep(jnp.ones((2, 3)), THREE, "1"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(checked, wrong):
    with pytest.raises(TypeCheckError):
        wrong(checked)


def test_names_of_axes_hold_for_one_call(checked):
    assert checked.inner(TWO, TWO) + checked.inner(THREE, THREE) == 5


def test_the_lengths_are_told(checked):
    with pytest.raises(TypeCheckError) as told:
        checked.inner(TWO, THREE)
    assert any("n=2" in note for note in told.value.__notes__)


def test_offprior_is_checked():
    """The packages' own functions, not only those above."""
    from offprior.analysis import estimate

    with pytest.raises(TypeCheckError):
        estimate._same(1, 2)
