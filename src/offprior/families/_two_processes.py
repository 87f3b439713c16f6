"""Sources whose next token combines those of two other sources."""

import abc
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from offprior.errors import Problem, SettingError
from offprior.families.token_process import Memory, TokenProcess
from offprior.laws.law import concrete
from offprior.parameter import Scalar

MOST_PAIRS = 1 << 20


class TwoProcesses(TokenProcess):
    """The combination of a source of `first` and a source of `second`, with weights a and 1 − a.

    At a = 1 it is `first`, at a = 0 `second`. Its exact posterior enumerates pairs of sources, or is that of one side.
    """

    first: eqx.AbstractVar[TokenProcess]
    second: eqx.AbstractVar[TokenProcess]
    weight: eqx.AbstractVar[Scalar]

    def __check_init__(self):
        if self.first.vocabulary != self.second.vocabulary:
            message = f"got {self.second.vocabulary} tokens, but the first source has {self.first.vocabulary}"
            raise SettingError(Problem("second", message, about=("first.", "second.")))

    @abc.abstractmethod
    def combined(
        self, first: Float[Array, " vocabulary"], second: Float[Array, " vocabulary"]
    ) -> Float[Array, " vocabulary"]:
        """Combines the probabilities of the next token."""

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return self.first.vocabulary

    @property
    def reach(self) -> int | None:
        """The longer of both sides'."""
        reaches = [side.reach for side in self.sides]
        return None if None in reaches else max(reach for reach in reaches if reach is not None)

    @property
    def sides(self) -> tuple[TokenProcess, TokenProcess]:
        """Both families."""
        return self.first, self.second

    def draw(self, key: PRNGKeyArray) -> tuple[Any, Any]:
        keys = jax.random.split(key)
        return self.first.draw(keys[0]), self.second.draw(keys[1])

    def start(self, task: tuple[Any, Any]) -> tuple[Any, Any]:
        return self.first.start(task[0]), self.second.start(task[1])

    def next(self, task: tuple[Any, Any], state: tuple[Any, Any]) -> Float[Array, " vocabulary"]:
        return self.combined(self.first.next(task[0], state[0]), self.second.next(task[1], state[1]))

    def follow(self, task: tuple[Any, Any], state: tuple[Any, Any], token: Int[Array, ""]) -> tuple[Any, Any]:
        return self.first.follow(task[0], state[0], token), self.second.follow(task[1], state[1], token)

    def memory(self) -> Memory | None:
        alone = self._alone()
        return None if alone is None else alone.memory()

    def lies_in(self, other: Any) -> bool:
        """Whether only one side counts, and the other family includes it."""
        alone = self._alone()
        return alone is not None and (other.includes_alone(alone) or alone.lies_in(other))

    def grid(self, nodes: int = 32) -> tuple[tuple[Any, Any], Float[np.ndarray, " tasks"]]:
        (first, of_first), (second, of_second) = (side.grid(nodes) for side in self.sides)
        if len(of_first) * len(of_second) > MOST_PAIRS:
            given = f"{len(of_first):,} × {len(of_second):,} pairs of sources"
            raise SettingError(Problem("", f"{given} are too many for an exact posterior; at most {MOST_PAIRS:,}"))
        repeated = jax.tree.map(lambda leaf: np.repeat(leaf, len(of_second), axis=0), first)
        tiled = jax.tree.map(lambda leaf: np.tile(leaf, (len(of_first), *[1] * (np.ndim(leaf) - 1))), second)
        return (repeated, tiled), np.add.outer(of_first, of_second).ravel()

    def _alone(self) -> TokenProcess | None:
        """Returns the side that has all the weight; None if both have some, or if the weight is traced."""
        weight = concrete(self.weight)
        return self.first if weight == 1 else self.second if weight == 0 else None
