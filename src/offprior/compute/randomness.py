"""Random keys addressed by name and step, never by the order of splits: any batch of any run can be made again."""

import zlib

import jax
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray

from offprior.compute.precision import single

Name = str | int | np.integer | Int[Array, ""]


def key_for(seed: int, *names: Name) -> PRNGKeyArray:
    """Returns the key that `names` address under a seed."""
    with single():
        # A process may shift all its seeds (`jax_random_seed_offset`); ours are not shifted.
        moved_by = jax.config.jax_random_seed_offset  # pyright: ignore[reportAttributeAccessIssue]
        return fold(jax.random.key(seed - moved_by), *names)


def fold(key: PRNGKeyArray, *names: Name) -> PRNGKeyArray:
    """Returns the key that `names` address below `key`.

    A word is identified by a stable 32-bit hash, a whole number by itself. Whole numbers may be traced; they are taken
    modulo 2³².
    """
    for name in names:
        if isinstance(name, str):
            name = zlib.crc32(name.encode())
        if isinstance(name, int | np.integer):
            name = np.uint32(int(name) % (1 << 32))
        key = jax.random.fold_in(key, name)
    return key
