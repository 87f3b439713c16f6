"""How many examples a property is tried with: a share of them by default, all with `make test-full`."""

import os

FULL = "OFFPRIOR_TEST_FULL"
SHARE = 5


def examples(count: int) -> int:
    """`count` where the environment asks for the whole, a fifth of it otherwise."""
    return count if os.environ.get(FULL) else max(count // SHARE, 1)
