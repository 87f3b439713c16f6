"""A family's tasks as functions of independent standard normals, however `Family.draw` makes them.

`draw` is a deterministic function of the random bits that JAX makes from its key. Its program is traced and run again
with those bits replaced by Φ(z)·2ʷ, w bits wide, for standard normals z. The tasks then have the same law, a normal
number that `draw` makes equals z, and moves of z that preserve N(0, 1) preserve the family's prior. Bits from keys that
are not derived from `draw`'s own, such as those of a pool's seed, are not part of the task's randomness and do not
change.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core
from jaxtyping import Array, Float, PRNGKeyArray, UInt

from offprior.compute.jax_internals import evaluated
from offprior.compute.precision import single
from offprior.errors import SettingError

Draw = Callable[[PRNGKeyArray], Any]

CALLS = {"jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "remat", "checkpoint"}
"""Primitives that run a program once."""
KEYS_TO_KEYS = {
    "random_split", "random_fold_in", "slice", "squeeze", "reshape", "broadcast_in_dim", "dynamic_slice", "gather",
    "concatenate", "transpose", "rev", "copy", "copy_p",
}  # fmt: skip
"""Primitives that return keys if their first operand is a key."""


def latents_of(draw: Draw) -> int:
    """Returns the number of normals that `task_of` takes.

    Raises:
        SettingError: the number of random bits is not fixed.
    """
    counted = _Counted()
    jax.eval_shape(lambda: _drawn(draw, counted))
    return counted.used


def task_of(draw: Draw, z: Float[Array, " latents"]) -> Any:
    """Makes the task of z, which is in double precision because a choice may depend on the last bits of a word.

    Raises:
        SettingError: the number of random bits is not fixed.
        ValueError: z is in single precision.
    """
    if z.dtype != jnp.float64:
        raise ValueError(f"z is {z.dtype}, which has too few bits for a random word; give it in double precision")
    return _drawn(draw, _Given(z))


class _Counted:
    def __init__(self) -> None:
        self.used = 0

    def take(self, shape: tuple[int, ...]) -> Array:
        self.used += math.prod(shape)
        return jnp.zeros(shape, float)


class _Given(_Counted):
    def __init__(self, z: Array):
        super().__init__()
        self.z = z

    def take(self, shape: tuple[int, ...]) -> Array:
        start = self.used
        self.used += math.prod(shape)
        return self.z[start : self.used].reshape(shape)


def _drawn(draw: Draw, normals: _Counted) -> Any:
    key = jax.random.key(0)
    with single():
        # Not `draw` itself: the bound method of a family that holds arrays cannot be hashed.
        program, shape = jax.make_jaxpr(lambda own: draw(own), return_shape=True)(key)
    values, _ = _run(program, [key], [True], normals)
    return jax.tree.unflatten(jax.tree.structure(shape), values)


def _run(
    program: core.ClosedJaxpr, arguments: Sequence[Any], own: Sequence[bool], normals: _Counted
) -> tuple[list[Any], list[bool]]:
    """Evaluates a program; `own` marks values that are keys derived from the draw's key."""
    known: dict[Any, tuple[Any, bool]] = {}
    jaxpr = program.jaxpr
    known.update(zip(jaxpr.constvars, ((value, False) for value in program.consts), strict=True))
    known.update(zip(jaxpr.invars, zip(arguments, own, strict=True), strict=True))

    def read(atom: Any) -> tuple[Any, bool]:
        return (atom.val, False) if isinstance(atom, core.Literal) else known[atom]

    for equation in jaxpr.eqns:
        found = [read(atom) for atom in equation.invars]
        values, owned = [value for value, _ in found], [is_own for _, is_own in found]
        name = equation.primitive.name
        if any(owned) and name == "random_bits":
            aval = equation.outvars[0].aval
            results, results_own = [_bits(normals.take(aval.shape), aval.dtype)], [False]
        elif any(owned) and name in CALLS:
            inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
            inner = inner if isinstance(inner, core.ClosedJaxpr) else core.ClosedJaxpr(inner, ())
            results, results_own = _run(inner, values, owned, normals)
        elif any(owned[1:]) or (any(owned) and name not in KEYS_TO_KEYS):
            raise SettingError(
                f"its tasks are drawn by {name!r}, which uses a variable number of random bits; "
                "a sampled posterior needs draws by normal, uniform, randint, choice or permutation"
            )
        else:
            results = evaluated(equation, values)
            results_own = [any(owned)] * len(results)
        known.update(zip(equation.outvars, zip(results, results_own, strict=True), strict=True))
    outputs = [read(atom) for atom in jaxpr.outvars]
    return [value for value, _ in outputs], [is_own for _, is_own in outputs]


def _bits(z: Float[Array, "*n"], dtype: Any) -> UInt[Array, "*n"]:
    """Returns uniform random bits, in the order of z."""
    width = jnp.iinfo(dtype).bits
    share = jnp.minimum(jax.scipy.special.ndtr(z), 1 - jnp.finfo(z.dtype).epsneg)
    return jnp.floor(share * 2.0**width).astype(dtype)
