"""A run's tables as a small simulation gives them: lines and sinusoids, and a model half-way between B and C.

The numbers stand for no result; they have the columns, the shapes and the sizes of real ones.
"""

import functools
import json
from pathlib import Path

import numpy as np
import pandas as pd

from offprior.analysis.study import study_result
from offprior.figures.figure import ReportData
from offprior.recipe import file as recipe_file
from offprior.recipe.study import Measure, Study, StudyPlace
from offprior.storage.parquet import write_parquet

FAMILIES = ("linear", "sinusoid")
LENGTHS = (5, 20, 40)
TASKS, QUERIES = 16, 32
REACH = 4.0
"""Queries nearer to 0 lie between the points of their context."""
OF_PLACEMENT = [
    "between",
    *(f"{name}_between" for name in ("squared_error", "bayes_gap", "truth_mean", "truth_square")),
]
RANGE = (0.5, 1.5)
AXES = {
    "in-distribution": "in distribution", "convex": "weight a of the first family", "frequency": "angular frequency ω",
    "mixture-weight": "share w of the prompts", "context-length": "context length k",
}  # fmt: skip
RECIPE = recipe_file.RECIPES / "mueller-2023.yaml"


@functools.cache
def report_data(
    label: str = "mueller-2023",
    seeds: int = 1,
    compose: float = 0.5,
    noise_free: bool = False,
    probes: tuple[str, ...] = (),
    placed: bool = False,
) -> ReportData:
    """`compose`: 0 is a model that follows B, 1 one that follows C. With `probes`, theirs and no other rows.

    `placed` has errors between the context's points and beyond them, as newer tables do.
    """
    rows = evaluation(seeds, compose, noise_free)
    if not placed:
        rows = rows.drop(columns=OF_PLACEMENT)
    return ReportData.from_evaluation(
        rows[rows["probe"].isin(probes)].reset_index(drop=True) if probes else rows,
        label=label,
        training=training(seeds),
        panels=panels(),
        manifest=manifest(label, seeds),
        recipe=recipe_file.read_mapping(RECIPE, RECIPE.name),
    )


PLACES = {0.5: 0.2, 0.1: 0.6, 0.01: 0.95}
"""Of the study: its places, and how much of C each place's model follows."""


@functools.cache
def study_data(seeds: int = 2) -> ReportData:
    """A study of three places, every one tested on the prompts of every other."""
    study = Study(
        coordinate="w",
        axis="share of lines in pretraining",
        scale="log",
        places=[StudyPlace(at=at) for at in PLACES],
        measure=Measure(name="M5", probe="convex", strength=0.5, length=40),
        threshold=0.5,
        direction="falling",
        cross=True,
    )
    rows = study_rows(seeds)
    return ReportData(
        label="study",
        study=study_result(rows, study),
        trajectory=distances_along_training(),
        manifest=manifest("study", seeds),
        recipe={"title": "A study"},
    )


def distances_along_training() -> pd.DataFrame:
    """The model is nearest to retrieval early and where there is little, to inference elsewhere."""
    return pd.DataFrame(
        [
            {"place": number, "at": at, "label": f"{at:g}", "step": float(step), "probe": probe, "strength": 1.0,
             "length": 40, "algorithm": name, "value": value, "low": 0.8 * value, "high": 1.2 * value}
            for probe in ("in-distribution", "held-out-sources")
            for number, at in enumerate(PLACES)
            for step in (1, 10, 100)
            for name, value in (("retrieval", (1 + number) * step / 10), ("inference", 1.0), ("B", 0.01))
        ]
    )  # fmt: skip


def token_data() -> ReportData:
    """Transition matrices of three tokens, as a run on token sequences stores them."""
    tokens = np.arange(3)
    rows = [
        {"panel": panel, "series": series, "before": before, "token": token, "probability": share, "length": 15}
        for panel in ("sticky-chain", "kernel-sum, a = 0.5")
        for number, series in enumerate(("truth", "model", "B", "C", "S"))
        for before in tokens
        for token, share in enumerate(np.roll([0.8 - 0.1 * number, 0.1, 0.1 + 0.1 * number], before))
    ]
    metrics = pd.DataFrame({"probe": ["in-distribution"], "unit": ["nats per token"]})
    return ReportData(label="tokens", metrics=metrics, panels=pd.DataFrame(rows))


def study_rows(seeds: int = 2) -> pd.DataFrame:
    """The rows of all places, with what a study's table has before them."""
    found = []
    for number, (at, compose) in enumerate(PLACES.items()):
        rows = evaluation(seeds, compose)
        rows = rows[rows["probe"].isin(["in-distribution", "convex"])]
        own = rows[rows["probe"] == "in-distribution"]
        others = [own.assign(probe=f"mixture: {other:g}") for other in PLACES]
        here = pd.concat([rows, *others], ignore_index=True)
        for moment, family in enumerate(FAMILIES):  # the sums of both, by the name that M11 knows
            here[f"product: class: {family}"] = here[f"moment {moment}"]
        found.append(here.assign(place=number, at=at, label=f"{at:g}"))
    return pd.concat(found, ignore_index=True)


def write_run(folder: Path, data: ReportData) -> Path:
    """The same tables as a run folder."""
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text(RECIPE.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "manifest.json").write_text(json.dumps(dict(data.manifest)), encoding="utf-8")
    for name in ("evaluation", "training", "panels"):
        write_parquet(folder / f"{name}.parquet", getattr(data, name))
    return folder


def evaluation(seeds: int = 1, compose: float = 0.5, noise_free: bool = False) -> pd.DataFrame:
    """The rows of an evaluation, with the columns of `offprior.table` and the sums for pooled M8."""
    places: list[tuple[str, str, float, int, bool]] = []
    places += [("in-distribution", "", 0.0, length, True) for length in LENGTHS]
    places += [("convex", "a", a, k, a in (0, 1)) for a in np.linspace(0, 1, 11).round(3) for k in LENGTHS]
    places += [("frequency", "ω", w, k, RANGE[0] <= w <= RANGE[1]) for w in np.linspace(0.25, 3, 8) for k in LENGTHS]
    places += [("mixture-weight", "w", w, k, w == 0.5) for w in (0.0, 0.25, 0.5, 0.75, 1.0) for k in LENGTHS]
    places += [("context-length", "k", float(k), k, True) for k in (1, 2, 5, 10, 20, 40, 60, 80)]
    return pd.concat([_cell(*place, seeds, compose, noise_free) for place in places], ignore_index=True)


def _cell(
    probe: str,
    coordinate: str,
    strength: float,
    length: int,
    inside: bool,
    seeds: int,
    compose: float,
    noise_free: bool,
) -> pd.DataFrame:
    rng = np.random.default_rng([len(probe), round(1000 * strength), length])
    x = rng.uniform(-5, 5, (TASKS, QUERIES))
    frequency = np.full(TASKS, strength) if probe == "frequency" else rng.uniform(*RANGE, TASKS)
    share = {"convex": strength, "frequency": 0.0}.get(probe)
    if share is None:
        declared = strength if probe == "mixture-weight" else 0.5
        weight = (np.arange(TASKS) < round(declared * TASKS)).astype(float)
    else:
        weight = np.full(TASKS, share)
    slope, amplitude = rng.normal(size=TASKS), rng.rayleigh(size=TASKS)
    wave = np.sin(frequency[:, None] * x + rng.uniform(0, 6.28, TASKS)[:, None])
    true_slope, true_amplitude = weight * slope, (1 - weight) * amplitude
    truth = true_slope[:, None] * x + true_amplitude[:, None] * wave

    between = np.abs(x) <= REACH
    blur = 0.5 / length
    line = _blurred((truth * x).mean(1) / (x * x).mean(1), blur, rng)[:, None] * x
    known = np.clip(frequency, *RANGE)[:, None]
    sine, cosine = np.sin(known * x), np.cos(known * x)
    sinusoid = (truth * sine).mean(1)[:, None] * 2 * sine + (truth * cosine).mean(1)[:, None] * 2 * cosine
    probability = 1 / (1 + np.exp(-np.clip(length * (weight - 0.7) + rng.normal(0, 0.5, TASKS), -30, 30)))
    bayes = probability[:, None] * line + (1 - probability[:, None]) * sinusoid
    is_plain = ((weight == 0) | (weight == 1)) & (known[:, 0] == frequency)
    bayes = np.where(is_plain[:, None], truth + rng.normal(0, blur, truth.shape), bayes)
    combined = truth + rng.normal(0, blur, truth.shape)

    gram = {
        "gram 0 0": (line * line).mean(1),
        "gram 0 1": (line * sinusoid).mean(1),
        "gram 1 1": (sinusoid * sinusoid).mean(1),
    }
    names = np.where(weight >= 0.5, *FAMILIES) if share is None else np.full(TASKS, "combination")
    common = {
        "probe": probe, "coordinate": coordinate, "strength": strength, "length": length, "inside": inside,
        "axis": AXES[probe], "prior_low": RANGE[0] if probe == "frequency" else np.nan,
        "prior_high": RANGE[1] if probe == "frequency" else np.nan,
        "task": np.arange(TASKS), "family": names, "truth_mean": truth.mean(1), "truth_square": (truth**2).mean(1),
        "surprise": rng.gamma(4, length / 8, TASKS), "class_probability": probability,
        "true_slope": true_slope, "true_amplitude": true_amplitude, **gram,
        "between": between.mean(1), "truth_mean_between": (truth * between).mean(1),
        "truth_square_between": (truth**2 * between).mean(1),
    }  # fmt: skip

    def rows(predictor: str, p: np.ndarray, seed: int = -1) -> pd.DataFrame:
        cross = gram["gram 0 1"]
        determinant = gram["gram 0 0"] * gram["gram 1 1"] - cross**2 + 1e-9
        first, second = (p * line).mean(1), (p * sinusoid).mean(1)
        implied = (first * gram["gram 1 1"] - second * cross) / determinant
        return pd.DataFrame({
            **common, "predictor": predictor, "seed": seed, "squared_error": ((p - truth) ** 2).mean(1),
            "bayes_gap": ((p - bayes) ** 2).mean(1), "squared_error_between": ((p - truth) ** 2 * between).mean(1),
            "bayes_gap_between": ((p - bayes) ** 2 * between).mean(1),
            "implied_weight": implied, "implied_residual": 0.1,
            "slope": 0.95 * true_slope, "amplitude": 0.9 * true_amplitude,
            "moment 0": first, "moment 1": second, "prediction_square": (p * p).mean(1),
        })  # fmt: skip

    # Between the points a smoother is near the truth; beyond them it knows nothing.
    smoothed = truth + rng.normal(0, 0.4 * blur, truth.shape) + np.where(between, 0.1 * (bayes - truth), -truth)
    found = [rows("B", bayes), rows("C", combined), rows("S", smoothed)]
    found += [rows(f"class: {name}", p) for name, p in zip(FAMILIES, (line, sinusoid), strict=True)]
    found += [rows(f"best fit: {name}", 0.9 * p) for name, p in zip(FAMILIES, (line, sinusoid), strict=True)]
    if noise_free:
        found.append(rows("B at 10× floor", bayes + rng.normal(0, 0.03, truth.shape)))
    for seed in range(seeds):
        error = rng.normal(0, 0.05 * (1 + max(0, length - 40) / 8), truth.shape)
        found.append(rows("model", (1 - compose) * bayes + compose * combined + error, seed))
    return pd.concat(found, ignore_index=True)


def _blurred(values: np.ndarray, blur: float, rng: np.random.Generator) -> np.ndarray:
    return values + rng.normal(0, blur / 3, values.shape)


def training(seeds: int = 1) -> pd.DataFrame:
    """A training curve: a row a dispatch and seed."""
    steps = np.arange(20, 3001, 20)
    found = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        curves = {f"loss: {name}": (place + 1) * np.exp(-steps / 400) - 0.6 for place, name in enumerate(FAMILIES)}
        curves = {name: curve + rng.normal(0, 0.05, len(steps)) for name, curve in curves.items()}
        shares = {f"share: {name}": 0.5 for name in FAMILIES}
        table = {"seed": seed, "step": steps, "loss": sum(curves.values()) / 2, **curves, "learning_rate": 2e-3}
        found.append(pd.DataFrame({**table, "seconds": steps / 10, **shares}))
    return pd.concat(found, ignore_index=True)


def panels() -> pd.DataFrame:
    """Prediction panels as `offprior.evaluation.prediction_panels` writes them."""
    rng = np.random.default_rng(3)
    x = np.linspace(-5, 5, 120)
    found = []
    for name, a in (("linear", 1.0), ("sinusoid", 0.0), ("combination", 0.5)):
        truth = a * 0.6 * x + (1 - a) * 1.5 * np.sin(1.2 * x)
        line, sinusoid = 0.5 * (a + 0.05) * x, 1.6 * np.sin((1.2 - 0.2 * a) * x)
        own = {"truth": truth, "model": truth + 0.1 * np.sin(3 * x), "B": truth + 0.4 * a * (1 - a) * line, "C": truth}
        own |= {
            "S": np.where(np.abs(x) <= REACH, truth, 0.5 * truth),
            "class: linear": line,
            "class: sinusoid": sinusoid,
        }
        at = np.sort(rng.uniform(-5, 5, 20))
        noisy = np.interp(at, x, truth) + rng.normal(0, 0.1, 20)
        none = np.full(20, np.nan)
        found.append(
            pd.DataFrame({"panel": name, "series": "context", "x": at, "y": noisy, "lower": none, "upper": none})
        )
        for series, y in own.items():
            half = 0.25 if series in ("model", "B", "C") else np.nan
            found.append(
                pd.DataFrame({"panel": name, "series": series, "x": x, "y": y, "lower": y - half, "upper": y + half})
            )
    return pd.concat(found, ignore_index=True).assign(seed=0, length=20)


def manifest(label: str = "mueller-2023", seeds: int = 1) -> dict:
    """What a run records of itself."""
    return {
        "fingerprint": "0123456789ab",
        "recipe": label,
        "seeds": list(range(seeds)),
        "versions": {"python": "3.12.0", "jax": "0.10.2"},
        "machine": {"platform": "Linux", "processor": "a processor", "cores": 2, "devices": ["cpu"], "backend": "cpu"},
        "noise_floor": 1e-3,
        "unverified": ["mixture.inputs: the law of the inputs <not found>"],
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:05:00+00:00",
        "realised": {str(seed): {"linear": 0.497, "sinusoid": 0.503} for seed in range(seeds)},
        "training_seconds": {str(seed): 290.1 for seed in range(seeds)},
    }
