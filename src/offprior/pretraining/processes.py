"""Several processes that train one model, on one host or on many: their roles and their communication."""

from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding

from offprior.errors import OffpriorError

T = TypeVar("T")


def is_first() -> bool:
    """Whether this is the process that writes and reports."""
    return jax.process_index() == 0


def count() -> int:
    """Returns the number of processes."""
    return jax.process_count()


def by_the_first(work: Callable[[], T]) -> T | None:
    """Runs `work` in the first process and returns its result there, and None in the others once it is done.

    Raises:
        OffpriorError: in the other processes, if it failed in the first.
    """
    failed: BaseException | None = None
    found = None
    if is_first():
        try:
            found = work()
        except BaseException as error:
            failed = error
    if any_of_them(failed is not None):
        raise failed or OffpriorError("the first process failed to start; see its message")
    return found


def any_of_them(asked: bool) -> bool:
    """Whether `asked` is true in any process; all processes must call this at the same point."""
    if jax.process_count() == 1:
        return asked
    return bool(multihost_utils.process_allgather(np.asarray(asked)).any())


def as_the_first_has_it(tree: Any) -> Any:
    """Returns the first process's arrays in every process; the others only give the shapes."""
    if jax.process_count() == 1:
        return tree
    arrays, static = eqx.partition(tree, eqx.is_array)
    return eqx.combine(multihost_utils.broadcast_one_to_all(jax.tree.map(np.asarray, arrays)), static)


def as_the_first_says(number: int) -> int:
    """Returns the first process's number in every process."""
    return int(as_the_first_has_it(np.asarray(number)))


def everywhere(tree: Any, sharding: NamedSharding) -> Any:
    """Lays arrays that are equal in every process over the devices of all processes."""

    def lay(leaf: Any) -> Any:
        if not eqx.is_array(leaf) or isinstance(leaf, Tracer):
            return leaf
        if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(lay(jax.random.key_data(leaf)), impl=jax.random.key_impl(leaf))
        host = np.asarray(leaf)
        return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])

    return jax.tree.map(lay, tree)
