"""Tables of errors with known metrics, for the tests of metrics and tables."""

import numpy as np
import pandas as pd

TASKS = 64
SHARED = {
    "coordinate": "a", "surprise": 3.0, "class_probability": 0.25, "implied_weight": 0.5, "implied_residual": 0.1,
    "slope": 0.8, "true_slope": 1.0, "amplitude": 0.5, "true_amplitude": 2.0, "gram 0 0": 2.0, "gram 0 1": 0.0,
    "gram 1 1": 1.0, "moment 0": 1.0, "moment 1": 0.25, "prediction_square": 1.0,
}  # fmt: skip


def cell(errors, *, probe="convex", strength=0.5, length=10, gap=0.0, seeds=(0,), noise=0.0, square=4.0):
    """Rows of one cell: `errors` maps a predictor to its mean squared error, or to one a seed for the model."""
    rng = np.random.default_rng(0)
    wobble = 1 + noise * rng.standard_normal(TASKS)
    frames = []
    for predictor, error in errors.items():
        trained = predictor == "model"
        for number, seed in enumerate(seeds if trained else (-1,)):
            value = error[number] if trained and np.ndim(error) else error
            frames.append(
                pd.DataFrame(
                    {
                        **SHARED, "probe": probe, "strength": strength, "length": length, "inside": probe != "convex",
                        "seed": seed, "task": np.arange(TASKS),
                        "family": np.where(np.arange(TASKS) % 2, "sinusoid", "linear"),
                        "predictor": predictor, "squared_error": value * wobble,
                        "bayes_gap": np.full(TASKS, gap if trained else 0.0),
                        # Means ±1 and mean squares `square`: a pooled variance of `square`.
                        "truth_mean": np.where(np.arange(TASKS) % 2, 1.0, -1.0), "truth_square": np.full(TASKS, square),
                    }
                )
            )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def table(errors, *, gap=0.0, **settings):
    """A convex cell and the in-distribution cell that its M1 comes from."""
    trained = cell({"model": 0.01, "B": 0.01}, probe="in-distribution", strength=0.0, gap=gap,
                   seeds=settings.get("seeds", (0,)), length=settings.get("length", 10))  # fmt: skip
    return pd.concat([trained, cell(errors, **settings)], ignore_index=True)
