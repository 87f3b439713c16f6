"""Linear functions that depend on few coordinates."""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Columns, Components, NoClosedForm, Subsets
from offprior.errors import Problem, SettingError
from offprior.families.family import Family
from offprior.families.linear import Linear, with_spreads
from offprior.parameter import Scalar, alike, parameter

MOST_SUPPORTS = 20_000
"""The most sets of coordinates that are enumerated; C(20, 3) is 1,140."""


class SparseLinear(Family):
    """Linear functions w·x with normal slopes on a few coordinates, drawn for each task (arXiv 2208.01066, section 4).

    Every set of `sparsity` coordinates is equally likely. With sparsity 0 the number of coordinates is itself drawn,
    evenly from 1 to `dimension`. If there are too many sets to enumerate, setting `particles` makes the posterior
    approximate: sets are then sampled for every prompt, as `posterior/subsets.py` describes.
    """

    dimension: int = parameter(20, "numbers in an input", minimum=1)
    sparsity: int = parameter(3, "coordinates that matter; 0 draws their number for each task", minimum=0)
    scale: Scalar = parameter(1.0, "standard deviation of a slope that is not 0", above=0)
    particles: int = parameter(0, "sets to sample if there are too many to enumerate; 0 samples none", minimum=0)

    def __check_init__(self):
        if self.sparsity > self.dimension:
            message = f"it must be at most the dimension {self.dimension}, got {self.sparsity}"
            raise SettingError(Problem("sparsity", message))

    def includes_alone(self, other: Family) -> bool:
        """Whether scale and sparsity agree: a drawn sparsity includes any, a full one includes dense functions."""
        if isinstance(other, Linear):
            sparsity = other.dimension if not other.intercept else None
        else:
            sparsity = other.sparsity if isinstance(other, SparseLinear) else None
        if not isinstance(other, Linear | SparseLinear) or other.dimension != self.dimension or sparsity is None:
            return False
        return self.sparsity in (0, sparsity) and alike(self.scale, other.scale)

    def lies_in(self, other: Family) -> bool:
        """Whether no coordinate is left out, which makes the functions dense."""
        if not isinstance(other, Linear) or other.intercept or other.dimension != self.dimension:
            return False
        return self.sparsity == self.dimension and alike(self.scale, other.scale)

    def draw(self, key: PRNGKeyArray) -> Float[Array, " d"]:
        of_slopes, of_order, of_count = jax.random.split(key, 3)
        place = jax.random.permutation(of_order, self.dimension)
        count = jax.random.randint(of_count, (), 1, self.dimension + 1) if self.sparsity == 0 else self.sparsity
        return jnp.where(place < count, self.scale * jax.random.normal(of_slopes, (self.dimension,)), 0.0)

    def value(self, task: Float[Array, " d"], x: Float[Array, " d"]) -> Float[Array, ""]:
        return jnp.dot(task, x)

    def components(self, nodes: int = 256) -> Components:
        """Returns one node per set of coordinates: all sets are enumerated, or `particles` of them are sampled.

        Raises:
            NoClosedForm: there are more than 20,000 sets, and none are sampled.
        """
        sizes = [self.sparsity] if self.sparsity else range(1, self.dimension + 1)
        count = sum(math.comb(self.dimension, size) for size in sizes)
        if count > MOST_SUPPORTS:
            if self.particles:
                return self._sampled(sizes)
            raise NoClosedForm(
                f"{self.label}: {count} sets of coordinates are too many to enumerate ({MOST_SUPPORTS} at most); "
                "choose a smaller dimension or sparsity, or an approximate posterior with particles: 512"
            )
        columns = max(sizes)
        supports = [support for size in sizes for support in itertools.combinations(range(self.dimension), size)]
        # Smaller sets are padded with columns of zeros, whose coefficients stay at their prior.
        places = np.asarray([support + (0,) * (columns - len(support)) for support in supports])
        used = np.asarray([(1.0,) * len(support) + (0.0,) * (columns - len(support)) for support in supports])
        log_weights = [-math.log(len(sizes)) - math.log(math.comb(self.dimension, len(each))) for each in supports]
        return Components(
            features=SupportColumns(),
            nodes=(places, used),
            log_weights=np.asarray(log_weights),
            scales=np.full((1, columns), self.scale, np.float64),
            log_scale_weights=np.zeros(1),
            fixed=(False,) * columns,
            constant=(False,) * columns,
        )

    def _sampled(self, sizes: Sequence[int]) -> Components:
        log_weights = np.full(self.dimension + 1, -np.inf)
        for size in sizes:
            log_weights[size] = -math.log(len(sizes) * math.comb(self.dimension, size))
        linear = with_spreads(np.full(1, self.scale, np.float64), np.zeros(1), self.dimension)
        return dataclasses.replace(
            linear,
            subsets=Subsets(log_weights, self.particles),
            approximation=f"{self.label}: {self.particles} sets of coordinates are sampled (SMC over the context)",
        )


class SupportColumns(Columns):
    """The coordinates of a set."""

    def __call__(self, node: Any, x: Float[Array, " d"]) -> Float[Array, " columns"]:
        places, used = node
        return x[places] * jnp.asarray(used, x.dtype)
