"""JAX made strict for every test, and for the programs that tests start."""

import os
import sys

# In the environment, before jax is imported: a command line started by a test is held to the same.
os.environ.setdefault("JAX_NUMPY_RANK_PROMOTION", "raise")
os.environ.setdefault("JAX_NUMPY_DTYPE_PROMOTION", "strict")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "agg")

assert "offprior" not in sys.modules, "offprior was imported before its shapes could be checked"

from jaxtyping import install_import_hook  # noqa: E402

install_import_hook("offprior", "strict_types.check")

from hypothesis import settings  # noqa: E402

# Compilation makes the first example slow; what is tested must not hang on the machine's speed or the day's seed.
settings.register_profile("offprior", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("offprior")
