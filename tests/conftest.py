"""JAX made strict for every test, and for the programs that tests start."""

import os
import sys

# In the environment, before jax is imported: a command line started by a test is held to the same.
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")
os.environ.setdefault("JAX_NUMPY_DTYPE_PROMOTION", "strict")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")  # so that sharing is tested wherever tests run
# No compilation cache: writing to it has crashed the process that compiled (XLA's serialisation of shared programs).
os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)

assert "offprior" not in sys.modules, "offprior was imported before its shapes could be checked"

from jaxtyping import install_import_hook  # noqa: E402

install_import_hook("offprior", "strict_types.check")

from hypothesis import settings  # noqa: E402

# Compilation makes the first example slow; what is tested must not hang on the machine's speed or the day's seed.
settings.register_profile("offprior", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("offprior")
