"""JAX made strict for every test, and for the programs that tests start."""

import atexit
import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

# In the environment, before jax is imported: a command line started by a test is held to the same.
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")
os.environ.setdefault("JAX_NUMPY_DTYPE_PROMOTION", "strict")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")
# Most of the time goes into compiling what runs for a moment. `XLA_FLAGS= make test` compiles as users do.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false")
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")  # so that sharing is tested wherever tests run

assert "offprior" not in sys.modules, "offprior was imported before its shapes could be checked"

from jaxtyping import install_import_hook  # noqa: E402

install_import_hook("offprior", "strict_types.check")

import jax  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

# What one program that a test starts has compiled, the next need not. Not for this process, where what a killed program
# has written by half would be an error.
os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="offprior-compiled-")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.3"
atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)
jax.config.update("jax_compilation_cache_dir", None)

MOST_MAPPINGS = 15_000
"""After which a test file leaves nothing compiled to the next."""

# Compilation makes the first example slow; what is tested must not hang on the machine's speed or the day's seed.
settings.register_profile("offprior", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("offprior")


@pytest.fixture(autouse=True, scope="module")
def programs_are_let_go():
    """Compiled programs of earlier files, which nothing calls again.

    Each takes some of the memory mappings that the kernel allows a process (65,530); without any left it crashes.
    """
    yield
    if mappings() > MOST_MAPPINGS:
        import equinox

        from offprior.pretraining import program

        program._programs.clear()
        equinox.clear_caches()
        jax.clear_caches()
        gc.collect()


def mappings() -> int:
    maps = Path("/proc/self/maps")
    return maps.read_bytes().count(b"\n") if maps.exists() else MOST_MAPPINGS + 1


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, for tests that are skipped where there is none."""
    from explored import CHROMIUM
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()
