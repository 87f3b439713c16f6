"""What offprior uses of JAX, XLA and Equinox that their documentation does not promise.

Everything of the kind stands here, and `tests/test_jax_internals.py` fails where a new version has changed it.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
from jax.extend import core

QUICKLY = {
    "xla_backend_optimization_level": 1,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
}
"""Options that halve the time to compile, for a program that runs for a moment on a CPU."""


@functools.cache
def quick_options() -> dict[str, Any]:
    """Those of `QUICKLY` that this version of XLA knows; JAX 0.11 lacks the second."""
    return {name: value for name, value in QUICKLY.items() if _is_option(name, value)}


def _is_option(name: str, value: Any) -> bool:
    try:
        jax.jit(lambda: 0, compiler_options={name: value}).lower().compile()
    except (jax.errors.JaxRuntimeError, ValueError, TypeError):
        return False
    return True


def memory_of(compiled: Any) -> Any:
    """The memory analysis of a function that Equinox has compiled: arguments, outputs, temporaries, in bytes."""
    return compiled.compiled.memory_analysis()


def evaluated(equation: core.JaxprEqn, values: Sequence[Any]) -> list[Any]:
    """The results of one equation of a traced function, as JAX itself evaluates it."""
    primitive = equation.primitive
    bound = primitive.get_bind_params(equation.params)
    functions, parameters = bound if isinstance(bound, tuple) else ((), bound)  # it depends on JAX's version
    with equation.ctx.manager:
        result = primitive.bind(*functions, *values, **parameters)
    return list(result) if primitive.multiple_results else [result]
