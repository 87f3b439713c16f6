"""The compiled program of a dispatch: made once a structure, and held against the memory before it runs."""

import contextlib
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Int

from offprior.devices import memory
from offprior.errors import OffpriorError
from offprior.pretraining.gradient import Sharing
from offprior.pretraining.step import Setting, State, advance

MOST_PROGRAMS = 32
"""Kept in memory; the oldest goes."""
USABLE = 0.9
"""Share of the memory that programs may plan with."""

_programs: dict[Any, "Program"] = {}


class Program:
    """`advance`, compiled for one structure of its arguments."""

    def __init__(
        self, settings: Setting, shared: Sharing, state: State, until: Int[np.ndarray | Array, ""], members: int
    ):
        self._shared, self._stacked = shared, members > 1
        self._compiled = advance.lower((settings, until, shared, self._stacked), state).compile()
        analysis = self._compiled.compiled.memory_analysis()
        devices = len(jax.local_devices()) if shared.mesh is not None else 1
        # A processor's devices share its memory.
        share = devices if jax.default_backend() == "cpu" else 1
        self.kept = share * (analysis.argument_size_in_bytes + analysis.output_size_in_bytes)
        """Bytes of the weights and the optimiser, before and after."""
        self.bytes = self.kept + share * (analysis.temp_size_in_bytes - analysis.alias_size_in_bytes)
        """Bytes that a dispatch takes at its largest."""

    def __call__(self, settings: Setting, state: State, until: Int[np.ndarray | Array, ""]) -> Any:
        """A dispatch; the buffers of `state` are reused."""
        return self._compiled((settings, until, self._shared, self._stacked), state)


def program(
    settings: Setting, shared: Sharing, state: State, until: Int[np.ndarray | Array, ""], members: int = 1
) -> Program:
    """The program of a dispatch of `members` members, their arrays stacked where there are several.

    Raises:
        OffpriorError: it would not fit into the memory; what would is named.
    """
    arrays, static = eqx.partition((settings, state), eqx.is_array)
    leaves, structure = jax.tree.flatten(arrays)
    rest, frame = jax.tree.flatten(static)
    shapes = tuple((leaf.shape, str(leaf.dtype), leaf.sharding) for leaf in leaves)
    key = (structure, shapes, frame, tuple(rest), shared, members)
    if key not in _programs:
        while len(_programs) >= MOST_PROGRAMS:
            _programs.pop(next(iter(_programs)))
        with out_of_memory(settings.training.batch, members):
            _programs[key] = Program(settings, shared, state, until, members)
    found, limit = _programs[key], memory(jax.default_backend())
    if limit is not None and found.bytes > USABLE * limit:
        raise too_large(found, settings.training.batch, members, USABLE * limit)
    return found


def members_that_fit(one: Program) -> int:
    """How many members a program for all of them may have, by what the program of one takes."""
    limit = memory(jax.default_backend())
    return max(1, int(USABLE * limit / max(one.bytes, 1))) if limit is not None else 1


@contextlib.contextmanager
def out_of_memory(batch: int, members: int) -> Iterator[None]:
    """Turns a device's complaint about its memory into a sentence."""
    try:
        yield
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
        if not isinstance(error, MemoryError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        # The device does not say how much there was: half is what is left to try.
        if members > 1:
            remedy = f"{members // 2} members at once, or training.batch={max(1, batch // 2)}, may fit"
        else:
            remedy = f"training.batch={max(1, batch // 2)} may fit" if batch > 1 else "the model alone is too large"
        raise OffpriorError(f"training.batch: out of memory with batches of {batch}; {remedy}") from None


def too_large(found: Program, batch: int, members: int, limit: float) -> OffpriorError:
    """What would fit, by a batch's share of the bytes."""
    of_batch = max(found.bytes - found.kept, 1)
    batch_that_fits = max(0, int(batch * (limit - found.kept) / of_batch))
    members_fit = int(limit * members / found.bytes)
    what = f"batches of {batch}" + (f" for {members} members at once" if members > 1 else "")
    remedy = f"training.batch={batch_that_fits} would fit" if batch_that_fits else "the model alone is too large"
    if members > 1 and members_fit:
        remedy += f", or {members_fit} members at once"
    return OffpriorError(
        f"training.batch: {what} take {found.bytes / 1e9:.1f} GB, {limit / 1e9:.1f} GB are to be had; {remedy}"
    )
