"""The functions that prompts are drawn from: the presets with their sliders, tasks of any family, and probes' cells."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from offprior.compute.precision import single
from offprior.compute.randomness import key_for
from offprior.compute.threads import LAPACK
from offprior.errors import Problem, SettingError, choose_from
from offprior.explorer.state import CELL, FAMILY, MOST_POINTS, State
from offprior.families.linear import Linear
from offprior.laws.law import Law
from offprior.mixture import Mixture
from offprior.probes.probe import Probe
from offprior.prompt_sampling import noisy

Function = Callable[[Float[np.ndarray, " m"]], Float[np.ndarray, " m"]]

KEPT = 64
"""The most tasks whose inputs and functions are kept in memory."""


class Tasks:
    """The functions and prompts of a mixture's explorer; each depends on the state alone."""

    def __init__(self, mixture: Mixture, probes: Sequence[Probe] = ()):
        self.mixture = mixture
        self.probes = {probe.label: probe for probe in reversed(probes)}
        """The probes whose cells can be opened, by label; the first one if several share a label."""
        self._known: dict[tuple[object, ...], Any] = {}
        self._lock = threading.Lock()

    def function_of(self, state: State) -> Function | None:
        """Returns the function of a state; None for the user's own points.

        The phase, the offset (0 if no line of the mixture has one) and the position of a step depend on the task's
        number.
        """
        if state.preset == CELL:
            return self._of_cell(state)
        if state.preset.startswith(FAMILY):
            place = self.mixture.family_names.index(state.preset.removeprefix(FAMILY))
            return self._once((state.preset, state.task), lambda: self._of_family(place, state.task))
        draw = np.random.default_rng([state.task, 0])
        level, phase = draw.normal(), draw.uniform(0, 2 * np.pi)
        # An offset that the prior lacks would take prompts out of the prior without being requested.
        offset = level * max((float(each.intercept_scale) for each in self._lines() if each.intercept), default=0.0)
        a, amplitude = state.weight, state.amplitude

        def line(x: np.ndarray) -> np.ndarray:
            return state.slope * x + offset

        def wave(x: np.ndarray, times: float = 1.0) -> np.ndarray:
            return amplitude * np.sin(times * state.frequency * x + phase)

        functions: dict[str, Function] = {
            "line": line,
            "sinusoid": wave,
            "combination": lambda x: a * line(x) + (1 - a) * wave(x),
            "frequency × 2": lambda x: wave(x, 2.0),
            "step": lambda x: np.where(x < level, -amplitude, amplitude),
        }
        return functions.get(state.preset)

    def points_of(self, state: State) -> tuple[tuple[float, float], ...]:
        """Returns the noisy prompt of a state, with inputs of the mixture's law; longer prompts extend shorter ones."""
        function = self.function_of(state)
        if function is None:
            return state.points
        if state.preset == CELL:
            return self._prompt_of_cell(state)
        x = self._once(("inputs", state.task), lambda: self._inputs(state.task))[: state.length]
        noise = self._once(("noise", state.task), lambda: self._noise(state.task))[: len(x)]
        y = function(x) + state.noise * noise
        return tuple((float(at), float(value)) for at, value in zip(x, y, strict=True))

    @single()
    def _of_family(self, place: int, task: int) -> Function:
        family = self.mixture.functions[place]
        drawn = family.draw(key_for(task, "explorer", place))

        @single()
        def function(x: np.ndarray) -> np.ndarray:
            return np.asarray(family.evaluate(drawn, jnp.asarray(x, jnp.float32)[:, None]), np.float64)

        return function

    def _lines(self) -> list[Linear]:
        return [family for family in self.mixture.families if isinstance(family, Linear)]

    def _cell(self, state: State) -> tuple[Mixture, Any]:
        """Returns the prompt distribution of a cell, and the key of its task."""
        if state.probe not in self.probes:
            raise SettingError(
                Problem(
                    "probe",
                    f"no cell of {state.probe!r} can be opened here; {choose_from(state.probe, list(self.probes))}",
                )
            )
        probe = self.probes[state.probe]
        strengths = probe.strengths(self.mixture)
        number = min(range(len(strengths)), key=lambda place: abs(strengths[place] - state.strength))
        key = key_for(state.task, "explorer", "cell", state.probe, number)
        return probe.distribution(strengths[number], self.mixture), key

    def _of_cell(self, state: State) -> Function:
        def make() -> Function:
            mixture, key = self._cell(state)

            @single()
            def function(x: np.ndarray) -> np.ndarray:
                return np.asarray(mixture.values(key, jnp.asarray(x, jnp.float32)[None, :, None])[0][0], np.float64)

            return function

        return self._once((state.probe, state.strength, state.task), make)

    def _prompt_of_cell(self, state: State) -> tuple[tuple[float, float], ...]:
        mixture, key = self._cell(state)
        law = type(mixture.inputs)
        # Independent inputs are drawn at the largest length and cut, to avoid compiling for each length.
        is_cut = law.prompt is Law.prompt and law.inputs is Law.inputs
        length = MOST_POINTS if is_cut else state.length

        def draw() -> tuple[np.ndarray, np.ndarray]:
            with LAPACK:  # some laws of inputs call LAPACK
                drawn = mixture.prompts(key, 1, length, 1)
                return np.asarray(drawn.x[0, :, 0], np.float64), np.asarray(drawn.y[0], np.float64)

        x, y = self._once((state.probe, state.strength, state.task, length), draw)
        return tuple((float(at), float(value)) for at, value in zip(x, y, strict=True))[: state.length]

    @single()
    def _inputs(self, task: int) -> Float[np.ndarray, " n"]:
        with LAPACK:  # some laws of inputs call LAPACK
            drawn = self.mixture.inputs.inputs(key_for(task, "explorer", "inputs"), MOST_POINTS, 1)
            return np.asarray(drawn, np.float64)[:, 0]

    @single()
    def _noise(self, task: int) -> Float[np.ndarray, " n"]:
        """Draws noise with the tails of the mixture's noise, and a standard deviation of 1 if its law has one."""
        degrees = self.mixture.noise_degrees
        if degrees is None:
            return np.random.default_rng([task, 1]).normal(size=MOST_POINTS)
        of_task = key_for(task, "explorer", "noise")
        drawn = noisy(jnp.ones(()), jnp.asarray(degrees, jnp.float32), of_task, jnp.zeros((1, MOST_POINTS)))
        return np.asarray(drawn, np.float64)[0]

    def _once(self, name: tuple[object, ...], make: Callable[[], Any]) -> Any:
        found = self._known.get(name)
        if found is None:
            found = make()
            with self._lock:
                while len(self._known) >= KEPT:
                    self._known.pop(next(iter(self._known)))
                self._known[name] = found
        return found
