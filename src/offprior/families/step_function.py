"""Functions that are constant between a few random cuts."""

import itertools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Columns, Components, NoClosedForm
from offprior.errors import Problem, SettingError
from offprior.families.family import Family
from offprior.laws.law import concrete
from offprior.parameter import Scalar, parameter

MOST_SETS = 20_000
"""The most sets of cuts that are enumerated."""


class Steps(NamedTuple):
    """A task: level i holds from cut i − 1 onwards."""

    cuts: Float[Array, " cuts"]
    """The cuts in order; cuts that the function lacks are infinite."""
    levels: Float[Array, " levels"]


class StepFunction(Family):
    """Piecewise constant functions of one input, with a random number of cuts and normal levels (ours; no paper's).

    The number of cuts is drawn evenly from 1 to `cuts`, and their places without repetition from `places` evenly spaced
    points inside the interval. On that lattice the posterior is exact, by enumeration; cuts anywhere are its limit.
    """

    dimension: int = parameter(1, "numbers in an input", minimum=1, maximum=1)
    cuts: int = parameter(2, "the most cuts of a function", minimum=1, maximum=8)
    places: int = parameter(63, "places where a cut can be, without the ends of the interval", minimum=1)
    low: Scalar = parameter(-5.0, "lower end of the interval")
    high: Scalar = parameter(5.0, "upper end of the interval")
    scale: Scalar = parameter(1.0, "standard deviation of a level", above=0)

    def __check_init__(self):
        if self.cuts > self.places:
            message = f"it must be at most the number of places {self.places}, got {self.cuts}"
            raise SettingError(Problem("cuts", message))
        low, high = concrete(self.low), concrete(self.high)
        if low is not None and high is not None and not low < high:
            raise SettingError(Problem("low", f"the lower end {low:g} is not below the upper end {high:g}"))

    def draw(self, key: PRNGKeyArray) -> Steps:
        of_count, of_cuts, of_levels = jax.random.split(key, 3)
        count = jax.random.randint(of_count, (), 1, self.cuts + 1)
        places = jax.random.permutation(of_cuts, self.places)[: self.cuts]
        share = (places + 1).astype(float) / (self.places + 1)
        cuts = self.low + (self.high - self.low) * share
        cuts = jnp.sort(jnp.where(jnp.arange(self.cuts) < count, cuts, jnp.inf))
        return Steps(cuts, self.scale * jax.random.normal(of_levels, (self.cuts + 1,)))

    def value(self, task: Steps, x: Float[Array, " d"]) -> Float[Array, ""]:
        return task.levels[(x[0] >= task.cuts).sum()]

    def components(self, nodes: int = 256) -> Components:
        """Enumerates all sets of cuts, one node per set.

        Raises:
            NoClosedForm: there are more than 20,000.
        """
        sizes = range(1, self.cuts + 1)
        count = sum(math.comb(self.places, size) for size in sizes)
        if count > MOST_SETS:
            raise NoClosedForm(
                f"{self.label}: {count} sets of cuts are too many to enumerate ({MOST_SETS} at most); "
                "choose fewer cuts or places"
            )
        at = np.linspace(float(self.low), float(self.high), self.places + 2)[1:-1]
        chosen = [each for size in sizes for each in itertools.combinations(at, size)]
        levels = self.cuts + 1
        return Components(
            features=LevelColumns(),
            nodes=np.asarray([each + (np.inf,) * (self.cuts - len(each)) for each in chosen]),
            log_weights=np.asarray([-math.log(self.cuts * math.comb(self.places, len(each))) for each in chosen]),
            scales=np.full((1, levels), self.scale, np.float64),
            log_scale_weights=np.zeros(1),
            fixed=(False,) * levels,
            constant=(False,) * levels,
        )


class LevelColumns(Columns):
    """The indicator of the level that holds at a point: 1 for that level, 0 for the others."""

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        holds = (x[0] >= node).sum()
        return (jnp.arange(node.shape[0] + 1) == holds).astype(x.dtype)
