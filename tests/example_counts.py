"""What takes long is done whole with `make test-full` alone: examples of properties, and some tests."""

import os

import pytest

FULL = "OFFPRIOR_TEST_FULL"
SHARE = 5


def examples(count: int) -> int:
    """`count` where the environment asks for the whole, a fifth of it otherwise."""
    return count if os.environ.get(FULL) else max(count // SHARE, 1)


full = pytest.mark.skipif(not os.environ.get(FULL), reason="takes long: make test-full")
"""Marks a test that says little more than others do, and takes more than half a minute."""
