"""Transition matrices after one context: of the source, and of every predictor's answers."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from offprior.columns import SMOOTHER
from offprior.components import NoClosedForm
from offprior.compute.precision import single
from offprior.compute.randomness import fold, key_for
from offprior.families.token_process import TokenProcess
from offprior.mixture import Mixture
from offprior.predictors.back_off import BackOff
from offprior.predictors.bayes import Bayes, check_posterior
from offprior.recipe.recipe import Recipe

COLUMNS = ["panel", "series", "before", "token", "probability", "length"]


def token_panels(model: Any, recipe: Recipe) -> pd.DataFrame:
    """Returns the probability of each next token if the context went on with each token, for one context per family.

    With k tokens of context, row t of a matrix is what a predictor says after these and the token t; the truth is that
    of the context's own source. C is there if the recipe has a probe that combines families, and so is a source from
    the middle of its path.

    Returns:
        The columns are `COLUMNS`; series are the truth, the model, B, C and S.
    """
    mixture = recipe.mixture
    longest = max(recipe.evaluation.lengths)
    length = (longest if model.longest is None else min(longest, model.longest)) - 1
    families = dict(zip(mixture.family_names, mixture.processes, strict=True))
    known = []
    combining = next((probe for probe in recipe.probes if probe.combines), None)
    if combining is not None:
        strengths = combining.strengths(mixture)
        known = [combining.distribution(strength, mixture) for strength in strengths]
        middle = min(range(len(strengths)), key=lambda place: abs(strengths[place] - 0.5))
        (source,) = known[middle].processes
        families[f"{combining.label}, {combining.coordinate} = {strengths[middle]:g}"] = source
    answers: dict[str, Any] = {"model": model}
    if _is_exact(mixture):
        answers["B"] = Bayes(mixture)
        if known and all(_is_exact(each) for each in known):
            answers["C"] = Bayes.including(mixture, known)
    answers[SMOOTHER] = BackOff().for_mixture(mixture)
    if length < 1:
        return pd.DataFrame(columns=COLUMNS)
    found = [_panel(name, place, family, answers, length) for place, (name, family) in enumerate(families.items())]
    return pd.concat(found, ignore_index=True)


def _is_exact(mixture: Mixture) -> bool:
    try:
        for family in mixture.processes:
            check_posterior(family)
    except NoClosedForm:
        return False
    return True


@single()
def _panel(name: str, place: int, family: TokenProcess, answers: dict[str, Any], length: int) -> pd.DataFrame:
    key = key_for(0, "token panels", place)
    task = family.draw(fold(key, "task"))
    context = np.asarray(family.sequence(task, fold(key, "tokens"), length), np.int32)
    tokens = np.arange(family.vocabulary, dtype=np.int32)
    every = np.concatenate([np.repeat(context[None], len(tokens), axis=0), tokens[:, None]], axis=1)
    truth = jax.vmap(lambda sequence: family.next_tokens(task, sequence))(jnp.asarray(every))[:, -1]
    tables = {"truth": np.asarray(truth, float)}
    tables |= {series: each.next_tokens(every, [length + 1])[:, 0] for series, each in answers.items()}
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "panel": name,
                    "series": series,
                    "before": np.repeat(tokens, len(tokens)),
                    "token": np.tile(tokens, len(tokens)),
                    "probability": table.ravel(),
                    "length": length,
                }
            )
            for series, table in tables.items()
        ],
        ignore_index=True,
    )
