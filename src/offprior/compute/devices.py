"""The devices that a program computes on, and how its processes find each other."""

import contextlib
import os
from pathlib import Path

from offprior.errors import Problem, SettingError

MOST_CORES = 16
"""The most cores of one processor that share a batch; with more, each would have too few prompts."""


def cores() -> int:
    """Returns the number of processor cores available to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_one_device_per_core() -> None:
    """Makes jax see each processor core as a separate device, so that training can share a batch among them.

    Two cores with half a batch each are twice as fast as two that share every operation. This must be called before
    jax's first array, and has no effect afterwards. An environment that sets ``JAX_NUM_CPU_DEVICES`` is respected. Only
    commands, `run` and `pretrain` call this, because it changes settings of the whole process.
    """
    if "JAX_NUM_CPU_DEVICES" in os.environ:
        _threads_for(os.environ["JAX_NUM_CPU_DEVICES"])
        return
    import jax

    _threads_for(str(min(cores(), MOST_CORES)))

    with contextlib.suppress(RuntimeError):  # the devices already exist
        jax.config.update("jax_num_cpu_devices", min(cores(), MOST_CORES))


def unshared_cores() -> str:
    """Returns one line on why training leaves cores unused; empty if it does not."""
    import jax

    wanted, found = min(cores(), MOST_CORES), len(jax.devices())
    if "JAX_NUM_CPU_DEVICES" in os.environ or jax.default_backend() != "cpu" or found >= wanted:
        return ""
    remedy = (
        f"pretrain before any other use of jax, or set JAX_NUM_CPU_DEVICES={wanted}: training is up to twice as fast"
    )
    return f"jax was already running with {found} device, so the {wanted} cores do not share batches; {remedy}"


def _threads_for(devices: str) -> None:
    """Sets one thread per device if there are fewer cores; XLA reads this number, or the environment's, at start."""
    if devices.isdecimal():
        os.environ.setdefault("PJRT_NPROC", str(max(int(devices), cores())))


def use(platform: str | None) -> None:
    """Selects the devices to compute on: ``cpu``, ``gpu`` or ``tpu``; None takes the best available.

    Raises:
        SettingError: there is no such device here, or jax has computed on another before.
    """
    import jax

    if platform is not None:
        with contextlib.suppress(RuntimeError):  # jax has started already; the devices it found are checked below
            # By default jax takes an accelerator if there is one.
            jax.config.update("jax_platforms", "cpu" if platform == "cpu" else None)
    use_one_device_per_core()
    try:
        found = jax.default_backend()
    except (RuntimeError, AssertionError):  # jax asserts if the environment names a missing platform
        wanted = os.environ.get("JAX_PLATFORMS", "")
        message = f"JAX_PLATFORMS={wanted}, but jax finds no such device; unset it, or give --device cpu"
        raise SettingError(Problem("--device", message)) from None
    if platform is not None and found != platform:
        remedy = "; for NVIDIA: pip install 'jax[cuda13]'" if platform == "gpu" else ""
        raise SettingError(Problem("--device", f"jax finds no {platform} here, only {found}{remedy}"))


def join() -> None:
    """Joins the processes that train one model.

    Their number and addresses come from Slurm, Open MPI, Kubernetes or a cloud's metadata, as `jax.distributed` finds
    them, or from JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID.

    Raises:
        SettingError: nothing says where the other processes are, or they cannot be reached.
    """
    import jax

    use_one_device_per_core()
    # jax itself does not read these two.
    count, place = os.environ.get("JAX_NUM_PROCESSES"), os.environ.get("JAX_PROCESS_ID")
    try:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(
            num_processes=None if count is None else int(count), process_id=None if place is None else int(place)
        )
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        message = f"the other processes were not found ({reason})"
        remedy = (
            "start it under Slurm or Open MPI, or set JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID"
        )
        raise SettingError(Problem("--distributed", f"{message}; {remedy}")) from None


def memory(platform: str) -> int | None:
    """Returns the memory available to a program in bytes: the machine's on a CPU, else each device's.

    None if it is unknown.
    """
    if platform != "cpu":
        import jax

        return (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit")
    limits = []
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with contextlib.suppress(OSError, ValueError):  # no control group, or one without a limit ("max")
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(limits, default=None)
