"""The prompts that a page without Python offers, and those on which it compares its answers with the package's."""

from typing import Any

import numpy as np
from jaxtyping import Float

from offprior.columns import SMOOTHER
from offprior.compute.randomness import key_for
from offprior.compute.threads import LAPACK, blas_on_one_thread
from offprior.evaluation.prediction_panels import known_combinations
from offprior.explorer.answers import LENGTHS, TYPICAL, Answerer
from offprior.explorer.state import BOUNDS, FAMILY, LARGEST, LONGEST_QUERY, OWN, PRESETS, State
from offprior.explorer.static_arrays import packed
from offprior.predictors._references import ReferenceBatch, References

TASKS = 24
"""The number of prompts per preset."""
COMPARED = 64
"""The number of prompts to compare: half from the mixture, half from combinations if the mixture has two families."""
COMPARED_LENGTHS = (3, 10, 20, 40)
COMPARED_PLACES = 25


def presets_of(answerer: Answerer) -> dict[str, Any]:
    """Returns prompts and functions of every preset and family for its first tasks, as on the page with a server."""
    names = (*PRESETS, *(FAMILY + name for name in answerer.mixture.family_names))
    longest, usual = answerer.longest, State()
    states = [[State(preset=name, task=task, length=longest) for task in range(TASKS)] for name in names]
    prompts = [[answerer.tasks.points_of(state) for state in of_preset] for of_preset in states]
    truths = []
    for of_preset in states:
        functions = [answerer.tasks.function_of(state) for state in of_preset]
        truths.append([function(answerer.places) for function in functions if function is not None])
    labels = [label for label in answerer.labels if label not in answerer.panel]
    return {
        "prompts": packed(prompts, "f4"),
        "truths": packed(truths, "f4"),
        "presets": list(names),
        "own": OWN,
        "labels": labels,
        "defaults": {
            "preset": usual.preset,
            "task": usual.task,
            "length": min(usual.length, longest),
            "shown": [label for label in usual.shown if label in labels],
        },
        "bounds": {"task": [0, TASKS - 1], "length": [BOUNDS["length"][0], longest]},
        "longest": longest,
        "largest": LARGEST,
        "most_characters": LONGEST_QUERY,
    }


def comparison_of(answerer: Answerer, has_posterior: bool) -> tuple[dict[str, Any], str]:
    """Returns prompts with the package's answers, and a short description of them."""
    x, y, queries, words = _compared(answerer)
    lengths = [length for length in COMPARED_LENGTHS if length <= answerer.longest] or [answerer.longest]
    which = np.arange(len(x)) % len(lengths)

    def chosen(array: Float[np.ndarray, "B L ..."]) -> dict[str, Any]:
        return packed(array[np.arange(len(x)), which])

    with blas_on_one_thread():
        model = answerer.models[0].predict_batch(x[..., None], y, queries[..., None], lengths)
        smooth = answerer.smoother.predict_batch(x[..., None], y, queries[..., None], lengths)
        answers = {"model": chosen(model.mean), "sd: model": chosen(np.sqrt(model.variance))}
        answers |= {SMOOTHER: chosen(smooth.mean), f"sd: {SMOOTHER}": chosen(np.sqrt(smooth.variance))}
        if has_posterior and answerer.references is not None:
            arguments = (x[..., None], y, queries[..., None], lengths)
            answers |= _exact(
                answerer, answerer.references.batch(*arguments, variance=True), np.asarray(lengths), chosen
            )
    stored = {
        "points": packed(np.stack([x, y], axis=-1)),
        "queries": packed(queries[0]),
        "lengths": [lengths[place] for place in which.tolist()],
        "answers": answers,
    }
    return stored, f"{words}, of {', '.join(map(str, lengths))} points"


def typical_of(answerer: Answerer) -> dict[str, list[Any]]:
    """Returns mean and standard deviation of the surprise per point of the mixture's own prompts, at every length."""
    lengths = [length for length in LENGTHS if length <= answerer.longest]
    if answerer.references is None:
        return {"lengths": [1], "means": [0.0], "spreads": [1.0]}
    with LAPACK:  # some laws of inputs call LAPACK
        prompts = answerer.mixture.prompts(key_for(0, "explorer", "typical"), TYPICAL, max(lengths), 1)
        x, y, queries = (np.asarray(array, np.float64) for array in prompts[:3])
    alone = References(answerer.mixture)  # without C's combinations, which take longer
    surprise = -alone.batch(x, y, queries, lengths).log_evidence / np.asarray(lengths)
    return {"lengths": lengths, "means": surprise.mean(0).tolist(), "spreads": surprise.std(0).tolist()}


def _exact(answerer: Answerer, exact: ReferenceBatch, lengths: np.ndarray, chosen: Any) -> dict[str, Any]:
    found = {"B": chosen(exact.bayes_mean), "sd: B": chosen(np.sqrt(exact.bayes_variance))}
    if answerer.has_combined:
        found |= {"C": chosen(exact.combined_mean), "sd: C": chosen(np.sqrt(exact.combined_variance))}
    for place, name in enumerate(answerer.mixture.family_names):
        found[f"class: {name}"] = chosen(exact.class_means[:, :, place])
    found["P(family | context)"] = chosen(exact.class_probability)
    found["−log evidence per point"] = chosen(-exact.log_evidence[..., None] / lengths[:, None])
    return found


def _compared(answerer: Answerer) -> tuple[np.ndarray, np.ndarray, np.ndarray, str]:
    """Returns inputs and outputs [B, n], queries [B, m], and a description of the prompts."""
    known = known_combinations(answerer.recipe)
    sources = [answerer.mixture, *([known[len(known) // 2]] if known else [])]
    low, high = answerer.inside
    parts = []
    with LAPACK:
        for place, source in enumerate(sources):
            key = key_for(0, "explorer", "compared", place)
            drawn = source.prompts(key, COMPARED // len(sources), min(max(COMPARED_LENGTHS), answerer.longest), 1)
            parts.append([np.asarray(array, np.float64) for array in drawn[:2]])
    x, y = (np.concatenate(each) for each in zip(*parts, strict=True))
    queries = np.broadcast_to(np.linspace(low, high, COMPARED_PLACES), (len(x), COMPARED_PLACES))
    words = "half from the mixture, half sums of two families" if known else "from the mixture"
    return x[..., 0], y, queries, words
