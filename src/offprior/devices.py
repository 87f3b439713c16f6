"""The devices that a program computes on, and how its processes find each other."""

import contextlib
import os
import sys
from pathlib import Path

MOST_CORES = 16
"""Of one processor; beyond it a batch of ordinary size has too few prompts for each."""


def cores() -> int:
    """How many processor cores are ours."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def one_device_a_core() -> None:
    """Let jax see each core of the processor as a device of its own, so that training can share a batch among them.

    Two cores with half a batch each are twice as fast as two that share every operation. It has to come before jax's
    first array, and does nothing after it; an environment that sets ``JAX_NUM_CPU_DEVICES`` is left its way.
    """
    if "JAX_NUM_CPU_DEVICES" in os.environ:
        return
    import jax

    with contextlib.suppress(RuntimeError):  # the devices are made already
        jax.config.update("jax_num_cpu_devices", min(cores(), MOST_CORES))


def is_jax_loaded() -> bool:
    """Has something imported jax?"""
    return "jax" in sys.modules


def memory(platform: str) -> int | None:
    """Bytes that a program may take: of the whole machine on a processor, of each device elsewhere; None if unknown."""
    if platform != "cpu":
        import jax

        return (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
    limits = []
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with contextlib.suppress(OSError, ValueError):  # no control group, or one without a limit ("max")
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(limits, default=None)
