"""The sources that a page's sequences are drawn from: the mixture's families, and the cells of probes."""

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from offprior.compute.precision import single
from offprior.compute.randomness import key_for
from offprior.explorer.state import CELL, FAMILY
from offprior.explorer.token_state import OWN, TokenState
from offprior.families.token_process import TokenProcess
from offprior.mixture import Mixture
from offprior.probes.probe import Probe
from offprior.prompt_sampling import members_of, next_tokens_of, tasks_of, tokens_of

KEPT = 64
"""The most sequences that are kept in memory."""


class Drawn(NamedTuple):
    """A sequence of n tokens, and the probabilities that its own source gives to the next token after each prefix."""

    tokens: tuple[int, ...]
    truth: Float[np.ndarray, "n_and_1 vocabulary"]
    family: TokenProcess
    tasks: Any
    """The sequence's task, stacked."""

    @single()
    def next_tokens(self, tokens: Int[np.ndarray, "B n"]) -> Float[np.ndarray, "B n_and_1 vocabulary"]:
        """Returns the probabilities that the source gives to the token after each prefix of other sequences."""
        tasks = jax.tree.map(lambda leaf: jnp.repeat(leaf, len(tokens), axis=0), self.tasks)
        return np.asarray(next_tokens_of(self.family, tasks, jnp.asarray(tokens)), np.float64)


class TokenSources:
    """The sequences of a page; each depends on the state alone, and shorter ones begin longer ones."""

    def __init__(self, mixture: Mixture, probes: Sequence[Probe], longest: int):
        self.mixture, self.longest = mixture, longest
        opened = [probe for probe in probes if not probe.along_context]  # the length is chosen by itself
        self.probes = {probe.label: probe for probe in reversed(opened)}
        """The probes whose cells can be opened, by label; the first one if several share a label."""
        self.strengths = {label: list(map(float, probe.strengths(mixture))) for label, probe in self.probes.items()}
        self._known: dict[tuple[object, ...], Drawn] = {}
        self._lock = threading.Lock()

    def of(self, state: TokenState) -> Drawn | None:
        """Returns the sequence of a state; None if the user has written it."""
        if state.preset == OWN:
            return None
        place = (state.preset, state.probe, state.strength, state.task)
        found = self._known.get(place)
        if found is None:
            found = self._draw(state)  # outside the lock: it may compile
            with self._lock:
                while len(self._known) >= KEPT:
                    self._known.pop(next(iter(self._known)))
                self._known[place] = found
        length = min(state.length, self.longest)
        return found._replace(tokens=found.tokens[:length], truth=found.truth[: length + 1])

    def strength_of(self, state: TokenState) -> float:
        """Returns the strength on a probe's path nearest to the one that a state names."""
        return min(self.strengths[state.probe], key=lambda strength: abs(strength - state.strength))

    @single()
    def _draw(self, state: TokenState) -> Drawn:
        if state.preset == CELL:
            strength = self.strength_of(state)
            number = self.strengths[state.probe].index(strength)
            mixture = self.probes[state.probe].distribution(strength, self.mixture)
            key: Any = key_for(state.task, "explorer", "cell", state.probe, number)
            place = int(members_of(np.asarray(mixture.weights, np.float32), key, 1)[0])
        else:
            mixture = self.mixture
            place = mixture.family_names.index(state.preset.removeprefix(FAMILY))
            key = key_for(state.task, "explorer", place)
        family = mixture.processes[place]
        tasks = tasks_of(family, key, jnp.asarray(place), 1)
        tokens = tokens_of(family, tasks, key, jnp.asarray(place), self.longest)
        truth = np.asarray(next_tokens_of(family, tasks, tokens)[0], np.float64)
        return Drawn(tuple(np.asarray(tokens[0]).tolist()), truth, family, tasks)
