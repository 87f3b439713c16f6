"""Sine waves of one input."""

from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Columns, Components, Locate
from offprior.components.boxes import boxes_of_axis, grid_of
from offprior.compute.precision import sine_and_cosine
from offprior.families.family import Family
from offprior.laws.fixed import Fixed
from offprior.laws.law import Law, LawLike, concrete, law
from offprior.laws.normal import Normal
from offprior.laws.rayleigh import Rayleigh
from offprior.laws.uniform import Uniform
from offprior.parameter import parameter

FULL_TURN = 2 * np.pi
FURTHER_NODES = 32
"""Nodes of each law that is integrated without refinement, used next to a law of several known values."""


class Wave(NamedTuple):
    """A task: amplitude · sin(frequency · x + phase) + offset."""

    amplitude: Float[Array, ""]
    frequency: Float[Array, ""]
    phase: Float[Array, ""]
    offset: Float[Array, ""]


class Sinusoid(Family):
    """Sine waves A·sin(ωx + φ) + offset, with a law for each of the four (the waves of arXiv 2311.00871)."""

    amplitude: LawLike = parameter(
        Rayleigh(1.0), "A; Rayleigh, with a phase of a full turn, is normal in sin ωx and cos ωx", converter=law
    )
    frequency: LawLike = parameter(Uniform(1.0, 3.0), "ω, in radians per unit of x", converter=law)
    phase: LawLike = parameter(Uniform(0.0, FULL_TURN), "φ, in radians", converter=law)
    offset: LawLike = parameter(Fixed(0.0), "constant that is added", converter=law)
    dimension: int = parameter(1, "numbers in an input; a wave runs along one", minimum=1, maximum=1)

    def draw(self, key: PRNGKeyArray) -> Wave:
        keys = jax.random.split(key, 4)
        laws = (self.amplitude, self.frequency, self.phase, self.offset)
        return Wave(*(one.sample(of_one) for of_one, one in zip(keys, laws, strict=True)))

    def value(self, task: Wave, x: Float[Array, " d"]) -> Float[Array, ""]:
        return task.amplitude * jnp.sin(task.frequency * x[0] + task.phase) + task.offset

    def angular_frequency(self, task: Wave) -> Float[Array, ""]:
        return task.frequency

    def components(self, nodes: int = 256) -> Components:
        """Returns one component per node of a quadrature over everything that is not normal.

        A Rayleigh amplitude with a phase of a full turn is exactly two independent normal coefficients, of sin ωx and
        cos ωx. A normal amplitude or offset is a normal coefficient; one with finitely many values becomes rows of
        scales. The frequency and everything else are integrated: a single law starts with `nodes` nodes, several laws
        start with boxes of nodes, and the engine refines both.
        """
        columns = self._wave_columns() + _constant_columns(self.offset)
        kinds = {column.kind for column in columns}
        integrated = {"frequency": self.frequency}
        if kinds & {"wave", "amplitude"}:
            integrated["phase"] = self.phase
        if "amplitude" in kinds:
            integrated["amplitude"] = self.amplitude
        if "offset" in kinds:
            integrated["offset"] = self.offset
        grid, log_weights, locate, boxes = _quadrature(integrated, nodes)
        rows, log_scale_weights = _rows([column.scale for column in columns])
        return Components(
            features=WaveColumns(tuple(column.kind for column in columns)),
            nodes=grid,
            log_weights=log_weights,
            scales=rows,
            log_scale_weights=log_scale_weights,
            fixed=tuple(column.fixed for column in columns),
            constant=tuple(column.kind == "one" for column in columns),
            integrated=sum(not one.finite for one in integrated.values()),
            locate=locate,
            boxes=boxes,
        )

    def _wave_columns(self) -> list["Column"]:
        if isinstance(self.amplitude, Rayleigh) and self._turns_fully():
            scale = Fixed(self.amplitude.scale)
            return [Column("sin", False, scale), Column("cos", False, scale)]
        if isinstance(self.amplitude, Normal):
            return _normal_columns("wave", self.amplitude)
        if self.amplitude.finite:
            return [Column("wave", True, self.amplitude)]
        return [Column("amplitude", True, Fixed(1.0))]

    def _turns_fully(self) -> bool:
        if not isinstance(self.phase, Uniform):
            return False
        low, high = concrete(self.phase.low), concrete(self.phase.high)
        return low is not None and high is not None and bool(np.isclose(high - low, FULL_TURN, rtol=1e-6))


class Column(NamedTuple):
    """A column of the features, and the finite law of its scale."""

    kind: Literal["sin", "cos", "wave", "amplitude", "one", "offset"]
    fixed: bool
    scale: Law


class WaveColumns(Columns):
    """The columns sin ωx, cos ωx, sin(ωx + φ), A·sin(ωx + φ), 1 and the offset, or those of them that are needed."""

    kinds: tuple[str, ...] = eqx.field(static=True)

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        angle = node["frequency"] * x[0]
        one = jnp.ones_like(angle)
        sine, cosine = sine_and_cosine(angle)
        wanted = {
            "sin": lambda: sine,
            "cos": lambda: cosine,
            "wave": lambda: sine_and_cosine(angle + node["phase"])[0],
            "amplitude": lambda: node["amplitude"] * sine_and_cosine(angle + node["phase"])[0],
            "one": lambda: one,
            "offset": lambda: node["offset"] * one,
        }
        return jnp.stack([wanted[kind]() for kind in self.kinds])


class LocateWave(Locate):
    """The node whose uncertain parameters lie at a place of the unit cube, one number each."""

    laws: tuple[Law, ...]
    others: dict[str, Any]
    names: tuple[str, ...] = eqx.field(static=True)

    @property
    def steps(self) -> tuple[Any, ...]:
        return (None,) * len(self.names)

    def __call__(self, *u: Float[Array, ""]) -> dict[str, Any]:
        return {
            **self.others,
            **{name: law.quantile(at) for name, law, at in zip(self.names, self.laws, u, strict=True)},
        }


def _normal_columns(kind: Any, normal: Normal) -> list[Column]:
    known = [] if concrete(normal.mean) == 0 else [Column(kind, True, Fixed(normal.mean))]
    return [*known, Column(kind, False, Fixed(normal.sd))]


def _constant_columns(offset: Law) -> list[Column]:
    if isinstance(offset, Fixed) and concrete(offset.value) == 0:
        return []
    if isinstance(offset, Normal):
        return _normal_columns("one", offset)
    return [Column("one", True, offset) if offset.finite else Column("offset", True, Fixed(1.0))]


def _rows(laws: list[Law]) -> tuple[np.ndarray, np.ndarray]:
    """Returns all combinations of one value from each finite law, and their log-weights."""
    tables = [one.nodes(1) for one in laws]
    values = np.meshgrid(*(values for values, _ in tables), indexing="ij")
    weights = np.meshgrid(*(weights for _, weights in tables), indexing="ij")
    return np.stack([table.ravel() for table in values], axis=1), np.sum(weights, axis=0).ravel()


def _quadrature(
    laws: dict[str, Law], nodes: int
) -> tuple[dict[str, np.ndarray], Float[np.ndarray, " nodes"], Locate | None, int]:
    """Returns the nodes, log-weights, refinement and boxes of the product rule over several laws."""
    uncertain = {name: one for name, one in laws.items() if not one.finite}
    tables = {name: one.nodes(nodes) for name, one in laws.items() if one.finite or len(uncertain) == 1}
    if len(uncertain) > 1 and all(len(values) == 1 for values, _ in tables.values()):
        others = {name: values[0] for name, (values, _) in tables.items()}
        locate = LocateWave(tuple(uncertain.values()), others, tuple(uncertain))
        boxes = boxes_of_axis(nodes, len(uncertain))
        return *grid_of(locate, boxes), locate, boxes
    tables |= {name: one.nodes(FURTHER_NODES) for name, one in uncertain.items() if name not in tables}
    grids = np.meshgrid(*(values for values, _ in tables.values()), indexing="ij")
    weights = np.meshgrid(*(weights for _, weights in tables.values()), indexing="ij")
    grid = {name: table.ravel() for name, table in zip(tables, grids, strict=True)}
    locate = None
    others = {name: values[0] for name, (values, _) in tables.items() if name not in uncertain}
    if len(uncertain) == 1 and all(len(tables[name][0]) == 1 for name in others):
        locate = LocateWave(tuple(uncertain.values()), others, tuple(uncertain))
    return grid, np.sum(weights, axis=0).ravel(), locate, 0
