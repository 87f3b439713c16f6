"""What `op.wrap` adds to one prompt: a function asked by itself, beside the same function wrapped.

python bench/wrapped.py
"""

import time

import numpy as np

import offprior as op

PROMPTS, TURNS = 512, 7


def mean(x: np.ndarray, y: np.ndarray, queries: np.ndarray) -> np.ndarray:
    return np.full(len(queries), y.mean())


def main() -> None:
    """Prints milliseconds per prompt of 40 pairs and 32 queries: the median and the largest of seven turns."""
    draw = np.random.default_rng(0)
    x, queries = draw.uniform(-5, 5, (PROMPTS, 40, 1)), draw.uniform(-5, 5, (PROMPTS, 32, 1))
    y = draw.normal(size=(PROMPTS, 40))
    ways = {
        "by itself": lambda: [mean(*prompt) for prompt in zip(x, y, queries, strict=True)],
        "wrapped, answers kept": lambda: op.wrap(mean).predict_batch(x, y, queries, [40]),
        "wrapped, answers not kept": lambda: op.wrap(mean, deterministic=False).predict_batch(x, y, queries, [40]),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TURNS):
        for name, ask in ways.items():
            start = time.perf_counter()
            ask()
            took[name].append(1e3 * (time.perf_counter() - start) / PROMPTS)
    for name, times in took.items():
        print(f"{name:<28}{np.median(times):.4f} ms per prompt (most: {max(times):.4f})")


if __name__ == "__main__":
    main()
