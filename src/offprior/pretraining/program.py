"""The compiled program of a dispatch: compiled once per structure, and checked against the memory before it runs."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Int

from offprior.compute.devices import memory
from offprior.compute.jax_internals import memory_of
from offprior.console.progress import COMPILING, ProgressReport, phase
from offprior.errors import OffpriorError
from offprior.pretraining.gradient import Sharing, sharing
from offprior.pretraining.step import Setting, State, advance
from offprior.pretraining.training import Training

MOST_PROGRAMS = 32
"""Programs kept in memory; the oldest is dropped."""
SNAPSHOTS = 4
"""Copies of the state that may wait for the disk: from two dispatches, one waiting and one being written."""
TRIES = 4
"""How many smaller batches are tried if one does not fit."""
USABLE = 0.9
"""Share of the memory that programs may plan to use."""

_programs: dict[Any, "Program"] = {}


class Program:
    """`advance`, compiled for one structure of its arguments."""

    def __init__(
        self, settings: Setting, shared: Sharing, state: State, until: Int[np.ndarray | Array, ""], members: int
    ):
        self._shared, self._stacked = shared, members > 1
        self._compiled = advance.lower((settings, until, shared, self._stacked), state).compile()
        analysis = memory_of(self._compiled)
        devices = len(jax.local_devices()) if shared.mesh is not None else 1
        # A processor's devices share its memory.
        share = devices if jax.default_backend() == "cpu" else 1
        self.bytes = share * (
            analysis.argument_size_in_bytes
            + (1 + SNAPSHOTS) * analysis.output_size_in_bytes
            + analysis.temp_size_in_bytes
            - analysis.alias_size_in_bytes
        )
        """Peak memory of a dispatch in bytes, with the snapshots for checkpoints."""

    def __call__(self, settings: Setting, state: State, until: Int[np.ndarray | Array, ""]) -> Any:
        """Runs a dispatch; the buffers of `state` are reused."""
        one_at_a_time(state, self._shared)
        return self._compiled((settings, until, self._shared, self._stacked), state)


def one_at_a_time(arrays: Any, shared: Sharing) -> None:
    """Waits for `arrays` if devices of one processor share a batch.

    Such devices share a pool of as many threads as there are cores, and a device that waits for another's gradient
    keeps its thread. If a second program is queued behind the first, no thread may be left for the device that is
    waited for (jaxlib 0.10 ends the process after 40 s). Measured: a step of 20 lines hangs at once with programs
    queued, and never in 100,000 steps with one at a time; more threads than cores cost a fifth of the speed.
    """
    if shared.mesh is not None and jax.default_backend() == "cpu":
        jax.block_until_ready([leaf for leaf in jax.tree.leaves(arrays) if eqx.is_array(leaf)])


def program(
    settings: Setting,
    shared: Sharing,
    state: State,
    until: Int[np.ndarray | Array, ""],
    members: int = 1,
    progress: ProgressReport | None = None,
) -> Program:
    """Returns the program of a dispatch of `members` members, whose arrays are stacked if there are several.

    If the program has to be compiled, `progress` reports it.

    Raises:
        OffpriorError: the program would not fit into the memory; the message names a setting that would.
    """
    arrays, static = eqx.partition((settings, state), eqx.is_array)
    leaves, structure = jax.tree.flatten(arrays)
    rest, frame = jax.tree.flatten(static)
    shapes = tuple((leaf.shape, str(leaf.dtype), leaf.sharding) for leaf in leaves)
    key = (structure, shapes, frame, tuple(rest), shared, members)
    if key not in _programs:
        while len(_programs) >= MOST_PROGRAMS:
            _programs.pop(next(iter(_programs)))
        compiling = phase(progress, COMPILING) if progress is not None else contextlib.nullcontext()
        with compiling, out_of_memory(settings.training.batch, members):
            _programs[key] = Program(settings, shared, state, until, members)
    found, limit = _programs[key], memory(jax.default_backend())
    if limit is not None and found.bytes > USABLE * limit:
        what = functools.partial(_with_batch, settings, shared, state, until, members)
        raise too_large(found, settings.training, members, USABLE * limit, what)
    return found


def forget() -> None:
    """Drop every compiled program that is kept; the next dispatch of each is compiled again."""
    _programs.clear()


def members_that_fit(one: Program) -> int:
    """Returns how many members fit into one program, from the memory that the program of one needs."""
    limit = memory(jax.default_backend())
    return max(1, int(USABLE * limit / max(one.bytes, 1))) if limit is not None else 1


@contextlib.contextmanager
def out_of_memory(batch: int, members: int) -> Iterator[None]:
    """Replaces a device's out-of-memory error by a readable message."""
    try:
        yield
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if not isinstance(error, MemoryError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        # The device does not say how much memory there was, so the advice is to try half.
        if members > 1:
            remedy = f"{members // 2} members at once, or training.batch={max(1, batch // 2)}, may fit"
        else:
            remedy = f"training.batch={max(1, batch // 2)} may fit" if batch > 1 else "the model alone is too large"
        raise OffpriorError(f"training.batch: out of memory with batches of {batch}; {remedy}") from None


def too_large(
    found: Program, training: Training, members: int, limit: float, with_batch: Callable[[int, int], Program]
) -> OffpriorError:
    """Returns an error that names what would fit: a batch that was compiled, members by their share of the bytes."""
    batch, fits = training.batch, 0
    for _ in range(TRIES):
        batch //= 2
        if batch == 0:
            break
        if with_batch(batch, training.prompts_at_once).bytes <= limit:
            fits = batch
            break
    what = f"batches of {training.batch}" + (f" for {members} members at once" if members > 1 else "")
    remedies = [f"training.batch={fits} would fit"] if fits else []
    if not fits and with_batch(training.batch, 1).bytes <= limit:
        remedies.append("training.prompts_at_once=1 would fit")
    members_fit = int(limit * members / found.bytes)
    if members > 1 and members_fit:
        remedies.append(f"{members_fit} members at once would fit" if not remedies else f"or {members_fit} members")
    remedy = ", ".join(remedies) or "the model is too large"
    return OffpriorError(
        f"training.batch: {what} take {_bytes(found.bytes)}, but {_bytes(limit)} are available; {remedy}"
    )


def _with_batch(
    settings: Setting,
    shared: Sharing,
    state: State,
    until: Int[np.ndarray | Array, ""],
    members: int,
    batch: int,
    prompts_at_once: int,
) -> Program:
    training = dataclasses.replace(settings.training, batch=batch, prompts_at_once=prompts_at_once)
    dealt = sharing(training, state.network, shared.points)
    return Program(settings._replace(training=training), dealt, state, until, members)


def _bytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
