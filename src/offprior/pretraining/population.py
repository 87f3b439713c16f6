"""Populations: many models that differ only in numbers (seeds, rates, weights, ranges), trained in one program."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from offprior.mixture import Mixture
from offprior.pretraining.step import Setting, State
from offprior.pretraining.training import Training


class Member(NamedTuple):
    """One model of a population."""

    mixture: Mixture
    training: Training
    seed: int = 0
    folder: Path | None = None
    """Where the member's checkpoints are written; None keeps none."""


def structure(tree: Any) -> Any:
    """Returns what two members must share to be trained in one program: everything but numbers."""
    arrays, static = eqx.partition(tree, eqx.is_array)
    leaves, frame = jax.tree.flatten(arrays)
    rest, static_frame = jax.tree.flatten(static)
    return frame, tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves), static_frame, tuple(rest)


def stacked(trees: Sequence[Any]) -> Any:
    """Stacks trees of one structure along a leading axis of members."""
    parts = [eqx.partition(tree, eqx.is_array) for tree in trees]
    return eqx.combine(jax.tree.map(lambda *leaves: jnp.stack(leaves), *(arrays for arrays, _ in parts)), parts[0][1])


def stacked_states(states: Sequence[State]) -> State:
    """Stacks states at one step; the count of steps stays common."""
    return stacked(states)._replace(step=states[0].step)


def stacked_settings(settings: Sequence[Setting]) -> Setting:
    """Stacks settings of one structure."""
    return stacked(settings)


def member(tree: Any, place: int) -> Any:
    """Returns one member of stacked trees."""
    return jax.tree.map(lambda leaf: leaf[place] if eqx.is_array(leaf) else leaf, tree)


def member_state(states: State, place: int) -> State:
    """Returns one member's state from stacked states."""
    return member(states._replace(step=None), place)._replace(step=states.step)
