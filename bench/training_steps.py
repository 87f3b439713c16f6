"""Training steps a second, and their share of this machine's matrix-product peak, at three published sizes.

    python bench/training_steps.py [--repeats 5] [--steps 10]

Peak and steps are measured in turns, in one run, so that a machine whose speed drifts does not spoil the share. The
share counts the arithmetic of matrix products alone (forward, and twice that backward): what a perfect program would
have to do.
"""

import argparse
import platform
import statistics
import time

import jax
import jax.numpy as jnp
from rich.console import Console
from rich.table import Table

import offprior
from offprior.devices import one_device_a_core
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.mixture import Mixture
from offprior.models.transformer import Transformer
from offprior.pretraining.gradient import sharing
from offprior.pretraining.step import advance, initial_state, setting
from offprior.pretraining.training import Training

BATCH, POINTS = 64, 40
SIZES = {
    "3/64/2 alternating causal, value": Transformer(layers=3, heads=2, width=64),
    "6/128/4 alternating causal, value": Transformer(layers=6, heads=4, width=128),
    "4/128/4 the mueller preset": Transformer.preset("mueller"),
}


def products(model: Transformer, batch: int, points: int) -> float:
    """Floating-point operations of one training step's matrix products, optimiser not counted."""
    causal = model.attention == "causal"
    pairs = points + 1 if causal else points + max(1, (3 * points) // 5)
    tokens = 2 * pairs if causal or model.tokens == "alternating" else pairs
    width, hidden = model.width, model.feedforward
    block = 2 * tokens * (4 * width * width + 2 * width * hidden) + 4 * tokens * tokens * width
    head = 2 * pairs * (width * hidden + hidden * model.buckets) if model.head == "buckets" else 2 * pairs * width
    return 3.0 * batch * (model.layers * block + head)


def peak_seconds(size: int = 2048, count: int = 4) -> float:
    """Seconds of one float32 product of two square matrices."""
    matrix = jax.random.normal(jax.random.key(0), (size, size))
    product = jax.jit(jnp.dot)
    product(matrix, matrix).block_until_ready()
    begun = time.perf_counter()
    for _ in range(count):
        result = product(matrix, matrix)
    result.block_until_ready()
    return (time.perf_counter() - begun) / count


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--optimiser", default="adam", choices=["adam", "adamw", "muon"])
    options = parser.parse_args()
    one_device_a_core()
    mixture = Mixture(families=[Linear(), Sinusoid()])
    training = Training(
        steps=10**9, batch=BATCH, points=POINTS, optimiser=options.optimiser, steps_per_dispatch=options.steps
    )
    settings = setting(mixture, training, 0)
    until = jnp.asarray(training.steps, jnp.int32)
    states, fixed, first = {}, {}, {}
    for name, model in SIZES.items():
        begun = time.perf_counter()
        state = initial_state(model, settings)
        shared = sharing(training.batch, state.network.tokens())
        state, replicated = shared.replicated((state, settings))
        fixed[name] = (replicated, until, shared, False)
        states[name], _ = advance(fixed[name], state)
        jax.block_until_ready(states[name].step)
        first[name] = time.perf_counter() - begun
    rates: dict[str, list[float]] = {name: [] for name in SIZES}
    shares: dict[str, list[float]] = {name: [] for name in SIZES}
    peaks = []
    for _ in range(options.repeats):
        for name, model in SIZES.items():
            peak = 2 * 2048**3 / peak_seconds()
            begun = time.perf_counter()
            states[name], _ = advance(fixed[name], states[name])
            jax.block_until_ready(states[name].step)
            seconds = (time.perf_counter() - begun) / options.steps
            peaks.append(peak)
            rates[name].append(1 / seconds)
            shares[name].append(products(model, BATCH, POINTS) / seconds / peak)
    machine = f"{platform.machine()}, {jax.devices()[0].device_kind}"
    peak = f"peak {statistics.median(peaks) / 1e9:.0f} GFLOP/s ({min(peaks) / 1e9:.0f} to {max(peaks) / 1e9:.0f})"
    versions = f"offprior {offprior.__version__}, jax {jax.__version__}"
    table = Table(title=f"batch {BATCH}, {POINTS} points, {options.optimiser}; {versions}; {machine}; {peak}")
    for column in ("layers/width/heads", "first dispatch, s", "steps a second", "range", "share of peak", "range"):
        table.add_column(column)
    for name in SIZES:
        table.add_row(
            name,
            f"{first[name]:.1f}",
            f"{statistics.median(rates[name]):.2f}",
            f"{min(rates[name]):.2f}–{max(rates[name]):.2f}",
            f"{statistics.median(shares[name]):.0%}",
            f"{min(shares[name]):.0%}–{max(shares[name]):.0%}",
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
