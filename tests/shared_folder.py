"""A folder that all workers of a test session share; the process that made it removes it."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

SHARED = "OFFPRIOR_TEST_SHARED"
"""Set by the first process of a session; workers inherit it."""


def of(name: str) -> Path:
    """A folder within it, of one purpose."""
    if SHARED not in os.environ:
        os.environ[SHARED] = tempfile.mkdtemp(prefix="offprior-tests-")
        atexit.register(shutil.rmtree, os.environ[SHARED], ignore_errors=True)
    folder = Path(os.environ[SHARED]) / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
