"""A trial of the parts that other packages add to a recipe: do they return what their interfaces promise?

A part with a wrong shape would otherwise fail deep inside a compiled program, with a message about that program. Shapes
are found by abstract evaluation, which computes nothing.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from offprior import catalog
from offprior.compute.precision import single
from offprior.errors import Problem, SettingError, in_a_line
from offprior.families.family import Family
from offprior.families.token_process import TokenProcess
from offprior.input_laws.input_law import InputLaw
from offprior.laws.law import Law
from offprior.mixture import Mixture
from offprior.models.model import Model
from offprior.parameter import Part
from offprior.probes.probe import Probe
from offprior.recipe.recipe import Recipe, read

PAIRS, QUERIES = 4, 3
SHARES = (0.1, 0.5, 0.9)
"""Where the quantile function of a law has to be finite."""


def read_and_try(recipe: str | Path, overrides: Iterable[str] = ()) -> Recipe:
    """Reads a recipe as `offprior.recipe.recipe.read` does, and tries the parts of other packages in it.

    Raises:
        SettingError: every mistake in the recipe, or in those parts.
    """
    found = read(recipe, overrides)
    problems = problems_of(found.mixture, found.model, found.probes)
    if problems:
        raise SettingError([problem.inside("", str(recipe)) for problem in problems])
    return found


def problems_of(mixture: Mixture, model: Model, probes: Sequence[Probe]) -> list[Problem]:
    """Tries all parts of other packages in a recipe.

    Args:
        mixture: the pretraining mixture.
        model: the model.
        probes: the probes.

    Returns:
        What is wrong, with the dotted key of the part; parts of this package are not tried.
    """
    found = []
    for key, part in _parts("", {"mixture": mixture, "model": model, "probes": list(probes)}):
        if catalog.is_ours(type(part)):
            continue
        try:
            with single():
                _try(part, mixture)
        except _Wrong as wrong:
            found.append(Problem(key, str(wrong), about=()))
        except Exception as error:  # what it returns is unlike anything that was looked for
            found.append(Problem(key, f"it does not keep to its interface: {in_a_line(error)}", about=()))
    return found


class _Wrong(Exception):
    """What a part does that its interface does not allow."""


def _parts(key: str, value: Any) -> Iterator[tuple[str, Part]]:
    """Finds all parts inside a value, with their dotted keys."""
    if isinstance(value, Part):
        yield key, value
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list | tuple):
        inner = enumerate(value)
    elif isinstance(value, Part | Mixture):
        inner = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
    else:
        return
    for name, each in inner:
        yield from _parts(f"{key}.{name}".removeprefix("."), each)


def _try(part: Part, mixture: Mixture) -> None:
    match part:
        case InputLaw():
            _input_law(part, mixture.dimension)
        case Law():
            _law(part)
        case Family():
            _family(part)
        case TokenProcess():
            _process(part)
        case Model():
            _model(part, mixture.dimension)
        case Probe():
            _probe(part, mixture)


def _family(family: Family) -> None:
    task = _called("draw", family.draw, jax.random.key(0))
    _returns("value", (), family.value, task, jnp.zeros(family.dimension))
    _returns("evaluate", (PAIRS,), family.evaluate, task, jnp.zeros((PAIRS, family.dimension)))


def _process(family: TokenProcess) -> None:
    task = _called("draw", family.draw, jax.random.key(0))
    state = _called("start", family.start, task)
    _returns("next", (family.vocabulary,), family.next, task, state)
    after = _called("follow", family.follow, task, state, jnp.int32(0))
    if jax.tree.map(_kind, after) != jax.tree.map(_kind, state):
        raise _Wrong(f"follow has to return a state like that of start, {_shown(state)}, got {_shown(after)}")


def _law(law: Law) -> None:
    _returns("quantile", (), law.quantile, jnp.zeros(()))
    values = np.asarray([law.quantile(jnp.asarray(share)) for share in SHARES])
    if not np.isfinite(values).all():
        raise _Wrong(f"quantile has to be finite between 0 and 1; at {_row(SHARES)} it is {_row(values)}")
    if (np.diff(values) < 0).any():
        raise _Wrong(f"quantile must not fall; at {_row(SHARES)} it is {_row(values)}")


def _input_law(law: InputLaw, dimension: int) -> None:
    context, queries = jnp.ones((PAIRS, dimension)), jnp.ones((QUERIES, dimension))
    changed = _called("change", law.change, jax.random.key(0), context, queries)
    if not isinstance(changed, tuple) or len(changed) != 2:
        raise _Wrong(f"change has to return the inputs of the context and of the queries, got {_shown(changed)}")
    for given, found in zip((context, queries), changed, strict=True):
        _check("change", given.shape, found)


def _model(model: Model, dimension: int) -> None:
    network = _called("initialise", lambda: model.skeleton(dimension=dimension, points=PAIRS))
    points = network.sequence_length(PAIRS)
    x, y, queries = jnp.zeros((2, points, dimension)), jnp.zeros((2, points)), jnp.zeros((2, QUERIES, dimension))
    keys = jax.random.split(jax.random.key(0), 2)
    losses, counted = _called("training_loss", lambda network: network.training_loss(x, y, keys), network)
    if losses.ndim != 2 or losses.shape[0] != 2 or losses.shape != counted.shape:
        raise _Wrong(f"training_loss has to return two arrays [prompts, predictions], got {_shown((losses, counted))}")
    moments = _called("curve", lambda net: net.curve(x[:, :PAIRS], y[:, :PAIRS], queries, jnp.int32(PAIRS)), network)
    _check("curve().mean", (2, QUERIES), moments.mean)
    _check("curve().variance", (2, QUERIES), moments.variance)


def _probe(probe: Probe, mixture: Mixture) -> None:
    strengths = probe.strengths(mixture)  # reading the recipe has called both: they do not fail
    if not len(strengths):
        raise _Wrong("strengths returns no place to test at")
    path = probe.distribution(strengths[0], mixture)
    if not isinstance(path, Mixture):
        raise _Wrong(f"path has to return a mixture, got {_shown(path)}")


def _returns(name: str, shape: tuple[int, ...], method: Callable[..., Any], *arguments: Any) -> None:
    _check(name, shape, _called(name, method, *arguments))


def _check(name: str, shape: tuple[int, ...], found: Any) -> None:
    """Checks that an abstract result is one array of real numbers of a shape.

    Raises:
        _Wrong: it is not.
    """
    if getattr(found, "shape", None) != shape or not jnp.issubdtype(found.dtype, jnp.floating):
        raise _Wrong(f"{name} has to return real numbers of shape {list(shape)}, got {_shown(found)}")


def _called(name: str, method: Callable[..., Any], *arguments: Any) -> Any:
    """Evaluates a method abstractly.

    Raises:
        _Wrong: it fails; the message has the error as one line.
    """
    try:
        return eqx.filter_eval_shape(method, *arguments)
    except Exception as error:
        raise _Wrong(f"{name} fails: {in_a_line(error)}") from error


def _kind(leaf: Any) -> str:
    return f"{leaf.dtype}{list(leaf.shape)}"


def _shown(found: Any) -> str:
    leaves = [
        f"{leaf.dtype}{list(leaf.shape)}" if hasattr(leaf, "shape") else repr(leaf) for leaf in jax.tree.leaves(found)
    ]
    return ", ".join(leaves) or repr(found)


def _row(values: Any) -> str:
    return ", ".join(f"{value:g}" for value in values)
