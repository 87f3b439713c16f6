"""Prediction panels: one prompt of each family and one of their equal combination, with every predictor's curve."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pandas as pd

from offprior.columns import SMOOTHER
from offprior.components import NoClosedForm
from offprior.compute.precision import single
from offprior.compute.randomness import fold, key_for
from offprior.evaluation.token_panels import token_panels
from offprior.families.combination import Combination
from offprior.families.family import Family
from offprior.mixture import Mixture
from offprior.predictors._references import References
from offprior.predictors.smoother import Smoother
from offprior.probes.probe import evenly_spaced
from offprior.recipe.recipe import Recipe

PLACES = 200
CONTEXT = 20
NORMAL_95 = 1.959964


def panels(model: Any, recipe: Recipe) -> pd.DataFrame:
    """Returns context points, truth and predictive means with 95% bands of the model, B, C, S and the classes.

    Columns: panel, series, x, y, lower, upper, seed, length. The table is empty if inputs have more than one dimension,
    which a panel cannot show; of tokens it has transition matrices instead (`token_panels`).
    """
    mixture = recipe.mixture
    if mixture.vocabulary:
        return token_panels(model, recipe)
    if mixture.dimension != 1:
        return pd.DataFrame(columns=["panel", "series", "x", "y", "lower", "upper", "seed", "length"])
    length = min(CONTEXT, max(recipe.evaluation.lengths))
    references, has_combined = references_of(mixture, known_combinations(recipe))
    rows: list[pd.DataFrame] = []
    for name, family in _panel_families(mixture).items():
        found = _panel(name, family, model, recipe, references, length)
        rows += [part for part in found if has_combined or (part["series"] != "C").all()]
    return pd.concat(rows, ignore_index=True)


def references_of(mixture: Mixture, known: list[Mixture]) -> tuple[References | None, bool]:
    """Returns B and C if they have a closed form, and whether C has one."""
    for others in (known, []):
        try:
            return References(mixture, others), others is known
        except NoClosedForm:
            continue
    return None, False


def _panel_families(mixture: Mixture) -> dict[str, Family]:
    found = dict(zip(mixture.family_names, mixture.functions, strict=True))
    if len(mixture.families) > 1:
        found["combination"] = _combination(mixture, 0.5)
    return found


def known_combinations(recipe: Recipe) -> list[Mixture]:
    """Returns the combinations that C knows: those that the recipe probes, or else all weights in steps of a tenth."""
    mixture = recipe.mixture
    if len(mixture.families) < 2:
        return []
    probe = next((probe for probe in recipe.probes if probe.combines), None)
    if probe is not None:
        return [probe.distribution(strength, mixture) for strength in probe.strengths(mixture)]
    return [mixture.changed(families=[_combination(mixture, weight)]) for weight in evenly_spaced(0.0, 1.0, 11)]


def _combination(mixture: Mixture, weight: float) -> Combination:
    first, second = mixture.functions[:2]
    return Combination(first=first, second=second, weight=weight)  # pyright: ignore[reportCallIssue]


@single()
def _panel(
    name: str, family: Family, model: Any, recipe: Recipe, references: References | None, length: int
) -> list[pd.DataFrame]:
    mixture = recipe.mixture
    inputs, drawn, noise = (key_for(recipe.evaluation.seed, "panels", name, part) for part in ("x", "task", "noise"))
    x, _ = mixture.inputs.prompt(inputs, fold(inputs, "queries"), length, 0, 1)
    low, high = mixture.inputs.span()
    places = jnp.linspace(low, high, PLACES)[:, None]
    task = family.draw(drawn)
    y = mixture.noisy(noise, family.evaluate(task, x)[None])[0]
    context, outputs, queries = (np.asarray(array)[None] for array in (x, y, places))
    at = np.asarray(places)[:, 0]

    def series(label: str, x: np.ndarray, mean: Any, variance: Any = None) -> pd.DataFrame:
        mean = np.asarray(mean, float)
        half = np.full_like(mean, np.nan) if variance is None else NORMAL_95 * np.sqrt(np.asarray(variance, float))
        return pd.DataFrame(
            {"panel": name, "series": label, "x": x, "y": mean, "lower": mean - half, "upper": mean + half}
        ).assign(seed=model.seed if label == "model" else -1, length=length)

    answer = model.predict_batch(context, outputs, queries, [length])
    found = [
        series("context", context[0, :, 0], outputs[0]),
        series("truth", at, family.evaluate(task, places)),
        series("model", at, answer.mean[0, 0], answer.variance[0, 0]),
    ]
    smooth = Smoother().predict_batch(context, outputs, queries, [length])
    found.append(series(SMOOTHER, at, smooth.mean[0, 0], smooth.variance[0, 0]))
    if references is None:
        return found
    exact = references.batch(context, outputs, queries, [length], variance=True)
    found.append(series("B", at, exact.bayes_mean[0, 0], exact.bayes_variance[0, 0]))
    found.append(series("C", at, exact.combined_mean[0, 0], exact.combined_variance[0, 0]))
    classes = zip(mixture.family_names, exact.class_means[0, 0], strict=True)
    return found + [series(f"class: {family_name}", at, mean) for family_name, mean in classes]
