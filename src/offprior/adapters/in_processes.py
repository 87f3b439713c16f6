"""Asks many prompts of a thing at once, from several processes that each have a copy of it."""

import pickle
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from offprior.errors import Problem, SettingError

Ask = Callable[[np.ndarray, np.ndarray, np.ndarray], Any]
Prompt = tuple[np.ndarray, np.ndarray, np.ndarray]

PER_TASK = 16
"""How many prompts a process is given at a time."""


def asked_in_processes(ask: Ask, prompts: Sequence[Prompt], processes: int) -> list[Any]:
    """Returns what `ask` gives for each prompt, in order; None where it raises an error, or if a process died.

    The processes are kept for the next call, and end after some minutes without one.

    Raises:
        SettingError: `ask` cannot be sent to another process.
    """
    import joblib

    parts = [prompts[start : start + PER_TASK] for start in range(0, len(prompts), PER_TASK)]
    try:
        found = joblib.Parallel(n_jobs=processes)(joblib.delayed(_asked)(ask, part) for part in parts)
    except pickle.PicklingError as error:
        message = "what is asked cannot be pickled, hence not be sent to another process; use processes=1"
        raise SettingError(Problem("processes", message)) from error
    except BrokenProcessPool:  # as when the system ends a process that takes too much memory
        return [None] * len(prompts)
    return [given for part in found for given in part]


def _asked(ask: Ask, prompts: Sequence[Prompt]) -> list[Any]:
    with threadpool_limits(1):
        return [_one(ask, prompt) for prompt in prompts]


def _one(ask: Ask, prompt: Prompt) -> Any:
    try:
        return ask(*prompt)
    except Exception:
        return None
