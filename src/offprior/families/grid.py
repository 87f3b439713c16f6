"""Finite sets of functions, all equally likely."""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Columns, Components, distinct
from offprior.errors import Problem, SettingError
from offprior.families.family import Family
from offprior.parameter import CLOSE, parameter

AXES = ("slope", "amplitude", "frequency", "phase", "offset")


class Curve(NamedTuple):
    """A task: slope · x + amplitude · sin(frequency · x + phase) + offset."""

    slope: Float[Array, ""]
    amplitude: Float[Array, ""]
    frequency: Float[Array, ""]
    phase: Float[Array, ""]
    offset: Float[Array, ""]


class Grid(Family):
    """Finitely many functions s·x + A·sin(ωx + φ) + c: a grid of parameters, or a list (arXiv 2410.01565).

    All functions are equally likely. An axis is (low, high, count), evenly spaced with both ends, or (value,). The
    paper has two grids: lines with slope and offset on 101 points of [−1, 1], which is the default, and 0.2·sin(3πx) +
    c with c on 101 points of [0, 1].
    """

    slope: tuple[float, ...] = parameter((-1.0, 1.0, 101.0), "axis of s: low, high, count; or a value", static=True)
    amplitude: tuple[float, ...] = parameter((0.0,), "axis of A", static=True)
    frequency: tuple[float, ...] = parameter((1.0,), "axis of ω, in radians per unit of x", static=True)
    phase: tuple[float, ...] = parameter((0.0,), "axis of φ, in radians", static=True)
    offset: tuple[float, ...] = parameter((-1.0, 1.0, 101.0), "axis of c", static=True)
    functions: tuple[tuple[float, ...], ...] | Float[Array, "functions 5"] = parameter(
        (), "a list of (s, A, ω, φ, c), instead of the axes"
    )
    dimension: int = parameter(1, "numbers in an input; always 1", minimum=1, maximum=1)

    def __check_init__(self):
        problems = [problem for name in AXES for problem in _axis_problems(name, getattr(self, name))]
        for place, row in enumerate(self.functions):
            if len(row) != len(AXES) or not all(map(math.isfinite, row)):
                message = f"{list(row)} is not a function; write its five numbers: {', '.join(AXES)}"
                problems.append(Problem(f"functions.{place}", message))
        if problems:
            raise SettingError(problems)

    @property
    def label(self) -> str:
        """The name in tables and figures: line-grid or sinusoid-grid for grids of only those, else grid."""
        if len(self.functions) or (any(self.values("slope")) and any(self.values("amplitude"))):
            return "grid"
        return "sinusoid-grid" if any(self.values("amplitude")) else "line-grid"

    def values(self, axis: str) -> Float[np.ndarray, " count"]:
        """Returns the values of an axis."""
        given = getattr(self, axis)
        return np.linspace(given[0], given[1], int(given[2])) if len(given) == 3 else np.asarray(given, np.float64)

    def includes_alone(self, other: Family) -> bool:
        """Whether the other family is a grid, or a list, whose functions are all in this one."""
        if not isinstance(other, Grid):
            return False
        if len(self.functions):
            mine, theirs = np.asarray(self.functions, np.float64), other._rows()
            return all(np.isclose(mine, row, rtol=CLOSE, atol=CLOSE).all(1).any() for row in theirs)
        columns = other._rows().T if len(other.functions) else [other.values(axis) for axis in AXES]
        flat = not np.any(columns[AXES.index("amplitude")])  # if so, frequency and phase make no difference
        for axis, theirs in zip(AXES, columns, strict=True):
            apart = np.abs(theirs[:, None] - self.values(axis)[None])
            if not (flat and axis in ("frequency", "phase")) and (apart.min(1) > CLOSE).any():
                return False
        return True

    def _rows(self) -> Float[np.ndarray, "functions 5"]:
        """Returns all functions as a list."""
        if len(self.functions):
            return np.asarray(self.functions, np.float64)
        tables = np.meshgrid(*(self.values(axis) for axis in AXES), indexing="ij")
        return np.stack([table.ravel() for table in tables], axis=1)

    def draw(self, key: PRNGKeyArray) -> Curve:
        if len(self.functions):
            row = jax.random.randint(key, (), 0, len(self.functions))
            return Curve(*jnp.asarray(self.functions, float)[row])
        drawn = []
        for of_axis, axis in zip(jax.random.split(key, len(AXES)), AXES, strict=True):
            values = jnp.asarray(self.values(axis), float)
            drawn.append(values[jax.random.randint(of_axis, (), 0, values.size)])
        return Curve(*drawn)

    def value(self, task: Curve, x: Float[Array, " d"]) -> Float[Array, ""]:
        wave = task.amplitude * jnp.sin(task.frequency * x[0] + task.phase)
        return task.slope * x[0] + wave + task.offset

    def angular_frequency(self, task: Curve) -> Float[Array, ""]:
        return jnp.where(task.amplitude != 0, task.frequency, jnp.nan)

    def components(self, nodes: int = 256) -> Components:
        """Returns one node per frequency and phase, and one row of scales per slope, amplitude and offset, all fixed.

        A list has one node per function.
        """
        if len(self.functions):
            table = Curve(*np.asarray(self.functions, np.float64).T)
            return _known(CurveColumns(), table, np.ones((1, 1)), (False,))
        kinds = [kind for kind in ("slope", "amplitude", "offset") if any(self.values(kind)) or kind == "offset"]
        rows = np.meshgrid(*(self.values(kind) for kind in kinds), indexing="ij")
        waves = ("frequency", "phase") if "amplitude" in kinds else ()
        node = np.meshgrid(*(self.values(name) for name in waves), indexing="ij") if waves else []
        scales = np.stack([table.ravel() for table in rows], axis=1)
        return _known(
            GridColumns(tuple(kinds)),
            {name: table.ravel() for name, table in zip(waves, node, strict=True)},
            scales,
            tuple(kind == "offset" for kind in kinds),
        )


class GridColumns(Columns):
    """The columns x, sin(ωx + φ) and 1, or those of them that are needed."""

    kinds: tuple[str, ...] = eqx.field(static=True)

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        of_kind = {
            "slope": lambda: x[0],
            "amplitude": lambda: jnp.sin(node["frequency"] * x[0] + node["phase"]),
            "offset": lambda: jnp.ones_like(x[0]),
        }
        return jnp.stack([of_kind[kind]() for kind in self.kinds])


class CurveColumns(Columns):
    """The value of a listed function."""

    def __call__(self, node: Curve, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        wave = node.amplitude * jnp.sin(node.frequency * x[0] + node.phase)
        return jnp.stack([node.slope * x[0] + wave + node.offset])


def _known(features: Columns, nodes: Any, scales: np.ndarray, constant: tuple[bool, ...]) -> Components:
    count = len(jax.tree.leaves(nodes)[0]) if jax.tree.leaves(nodes) else 1
    rows, log_scale_weights = distinct(scales, np.full(len(scales), -np.log(len(scales))))
    return Components(
        features=features,
        nodes=nodes,
        log_weights=np.full(count, -np.log(count)),
        scales=rows,
        log_scale_weights=log_scale_weights,
        fixed=(True,) * rows.shape[1],
        constant=constant,
    )


def _axis_problems(name: str, axis: tuple[float, ...]) -> list[Problem]:
    if len(axis) not in (1, 3) or not all(map(math.isfinite, axis)):
        return [Problem(name, f"{list(axis)} is not an axis; write [value] or [low, high, count]")]
    if len(axis) == 3 and not (axis[2] >= 2 and axis[2] == int(axis[2])):
        return [Problem(name, f"{axis[2]:g} is not a count of values; write a whole number of at least 2, or [value]")]
    if len(axis) == 3 and axis[0] >= axis[1]:
        return [Problem(name, f"{axis[0]:g} is not below {axis[1]:g}; write [low, high, count]")]
    return []
