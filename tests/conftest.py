"""JAX made strict for every test, and for the programs that tests start."""

import ctypes
import gc
import os
import sys
from pathlib import Path

import long_programs
import shared_folder

QUICK = (
    "--xla_backend_optimization_level=0",
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_parallel_codegen_split_count=1",
    "--xla_cpu_use_onednn=false",
)
"""Flags with which XLA compiles in a third of the time."""

# In the environment, before jax is imported: a command line started by a test is held to the same.
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")
os.environ.setdefault("JAX_NUMPY_DTYPE_PROMOTION", "strict")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")
# Beside a second worker, threads of PyTorch and scikit-learn wait for each other: minutes in place of seconds.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NPROC", "1")  # the same for XLA, whose threads look for work in a loop
# Most of the time goes into compiling what runs for a moment. `XLA_FLAGS= make test` compiles as users do; what runs
# longer than it compiles is compiled better, see `long_programs`.
os.environ.setdefault("XLA_FLAGS", " ".join(QUICK))
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")  # so that sharing is tested wherever tests run

assert "jax" not in sys.modules, "jax has read the environment already"
assert "offprior" not in sys.modules, "offprior was imported before its shapes could be checked"

import strict_types  # noqa: E402

strict_types.install("offprior")

import jax  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402
from slow_files import SLOW  # noqa: E402

from offprior.compute import jax_internals  # noqa: E402

if os.environ["XLA_FLAGS"] == " ".join(QUICK):
    long_programs.compile_well()
    jax_internals.QUICKLY["xla_backend_optimization_level"] = 0  # a test draws few prompts

# What one test or program has compiled, the next need not, whichever worker runs it. JAX writes entries in place: one
# that is read half-written is compiled anew, with a warning that pyproject.toml ignores.
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(shared_folder.of("compiled"))
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)

MOST_MEMORY = 1.2e9
"""Bytes of this process above which compiled programs are dropped after a test: a worker may take 2 GB."""
GROWTH = 0.3e9
"""Bytes that a process has to grow by before it drops them again.

Dropping them gives only part of the memory back. Without this, a process that stays above `MOST_MEMORY` would compile
everything again for every test.
"""

# Compilation makes the first example slow; what is tested must not hang on the machine's speed or the day's seed.
settings.register_profile("offprior", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("offprior")


def pytest_collection_modifyitems(items):
    rank = {name: place for place, name in enumerate(SLOW)}
    for item in items:
        if item.path.name in rank:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


def pytest_collection_finish():
    """Tracing makes many objects that live on: looking through all of them again and again took a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


limit = MOST_MEMORY


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item, nextitem):
    """Drops compiled programs once they take much memory.

    They also take memory mappings, of which the kernel allows a process 65,530; without any left it crashes. Where the
    memory cannot be read, each file begins without compiled programs.
    """
    global limit
    result = yield
    taken = memory()
    if taken > limit or (taken == 0 and (nextitem is None or nextitem.path != item.path)):
        let_programs_go()
        limit = max(MOST_MEMORY, memory() + GROWTH)
    return result


def let_programs_go() -> None:
    """What is compiled, and what the C library keeps for later of the memory that was given back to it."""
    import equinox

    from offprior.pretraining import program

    program.forget()
    equinox.clear_caches()
    jax.clear_caches()
    gc.collect()
    if sys.platform == "linux" and hasattr(c_library := ctypes.CDLL(None), "malloc_trim"):
        c_library.malloc_trim(0)


def memory() -> int:
    """Bytes that this process has in memory; 0 where that cannot be read."""
    pages = Path("/proc/self/statm")
    return int(pages.read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE") if pages.exists() else 0


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, for tests that are skipped where there is none."""
    from explored import CHROMIUM
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()
