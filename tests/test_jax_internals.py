"""Canaries: what is used of JAX and XLA without a promise is still there, and does what it is used for."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from offprior.compute.jax_internals import QUICKLY, evaluated, memory_of, quick_options


def test_xla_knows_the_options_that_compile_quickly():
    has_all = tuple(map(int, jax.__version__.split(".")[:2])) < (0, 11)
    gone = set() if has_all else {"xla_cpu_use_fusion_emitters"}
    assert quick_options() == {name: value for name, value in QUICKLY.items() if name not in gone}
    squared = jax.jit(lambda x: x * x, compiler_options=quick_options())
    np.testing.assert_array_equal(squared(jnp.arange(4.0)), jnp.arange(4.0) ** 2)


def test_a_compiled_function_tells_its_memory():
    compiled = eqx.filter_jit(lambda x: x @ x).lower(jnp.ones((32, 32), jnp.float32)).compile()
    found = memory_of(compiled)
    assert found.argument_size_in_bytes == 4 * 32 * 32
    assert 0 <= found.output_size_in_bytes - 4 * 32 * 32 < 100  # and the table of its outputs
    assert found.temp_size_in_bytes >= 0 and found.alias_size_in_bytes == 0


def test_an_equation_is_evaluated_as_jax_evaluates_it():
    @jax.custom_jvp
    def doubled(x):
        return 2 * x

    doubled.defjvp(lambda primals, tangents: (doubled(*primals), 2 * tangents[0]))

    def function(x):
        return jnp.sort(jax.jit(jnp.sin)(doubled(x))), jax.lax.cumsum(x)

    x = jnp.asarray([2.0, 0.5, 1.0])
    traced = jax.make_jaxpr(function)(x)
    known = dict(zip(traced.jaxpr.invars, [x], strict=True))
    for equation in traced.jaxpr.eqns:
        values = [atom.val if hasattr(atom, "val") else known[atom] for atom in equation.invars]
        known |= dict(zip(equation.outvars, evaluated(equation, values), strict=True))
    for found, expected in zip([known[atom] for atom in traced.jaxpr.outvars], function(x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
