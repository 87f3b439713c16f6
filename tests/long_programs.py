"""Programs that tests run for longer than they take to compile: these are optimised, the others are not."""

NAMES = {"jit_box_masses", "jit__clouds"}
"""As JAX names them: the masses of the quadrature's boxes, and the steps of the samplers."""

OPTIONS = [("xla_backend_optimization_level", 1)]


def compile_well() -> None:
    """Lets JAX compile the programs in `NAMES` with `OPTIONS`, whatever XLA_FLAGS say."""
    from jax._src import compiler  # not before conftest.py has set what JAX reads from the environment

    inner = compiler.compile_or_get_cached

    def compiled(backend, computation, devices, compile_options, *others):
        if computation.operation.attributes["sym_name"].value in NAMES:
            compile_options.env_option_overrides = [*compile_options.env_option_overrides, *OPTIONS]
        return inner(backend, computation, devices, compile_options, *others)

    compiler.compile_or_get_cached = compiled
