"""The places of a recipe's study, each validated like a recipe."""

from collections.abc import Callable, Iterable
from typing import Any

from offprior.errors import Problem, SettingError, choose_from
from offprior.recipe.parts import plain, settings_from
from offprior.recipe.study import (
    VARIABLE,
    Measure,
    Study,
    StudyPlace,
    changes,
    disagreements,
    listed_places,
    measures,
    mixture_label,
    overridden,
    rekeyed,
)

OPTIMISER = "muon"
"""The optimiser of a recipe that names none."""


def with_places(
    recipe: Any, study: Study, raw: dict[str, Any], label: str, validated: Callable[[dict[str, Any], str], Any]
) -> Any:
    """Returns the recipe with its study's places written out as differences from the recipe's own settings.

    Args:
        recipe: the recipe without places written out.
        study: its study.
        raw: the mapping as it was written.
        label: the recipe's label in messages.
        validated: builds a recipe without a study from such a mapping.

    Raises:
        SettingError: every mistake of every place, with the key under which it was written.
    """
    problems = disagreements(study)
    if study.along != "places" and len(recipe.training.trajectory_steps()) < 2:
        message = f"got {recipe.training.trajectory}, but a study along training needs at least two steps"
        problems.append(Problem("training.trajectory", message))
    if problems:
        raise SettingError([problem.inside("", label) for problem in problems])
    whole, plainly = recipe.to_mapping(), {key: value for key, value in raw.items() if key != "study"}
    places, recipes = [], {}
    for key, place in listed_places(study):
        try:
            settings = with_own_rate(overridden(plainly, place.set, VARIABLE, key), plainly, place.set)
        except SettingError as error:
            problems += error.problems
            continue
        try:
            recipes[key] = validated(settings, "")
        except SettingError as error:
            problems += rekeyed(error.problems, place.set, key)
            continue
        there = {**whole, **recipes[key].to_mapping()}
        changed = changes(whole, there)
        if not is_rate_for(whole["training"], _optimiser(there["training"])):
            # Written even if it happens to be the same, because it belongs to another optimiser.
            changed["training.learning_rate"] = there["training"]["learning_rate"]
        places.append(StudyPlace(at=place.at, set=changed))
    problems = problems or [*_other_mixtures(recipe, study), *_measures_problems(recipe, study, recipes)]
    if problems:
        raise SettingError([problem.inside("", label) for problem in problems])
    vary = study.vary if study.bisect else None
    longest = max(recipe.evaluation.lengths)
    measure, *also = (each.model_copy(update={"length": each.length or longest}) for _, each in measures(study))
    written = {"places": places, "values": [], "vary": vary, "measure": measure, "also": also}
    return recipe.model_copy(update={"study": study.model_copy(update=written)})


def with_own_rate(changed: dict[str, Any], before: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Drops a learning rate that belongs to another optimiser from settings of which those at `keys` were changed.

    A rate among the keys is kept.
    """
    there, here = (mapping.get("training") for mapping in (before, changed))
    is_given = bool({"training", "training.learning_rate"} & set(keys))
    if is_given or not isinstance(there, dict) or not isinstance(here, dict) or is_rate_for(there, _optimiser(here)):
        return changed
    return {**changed, "training": {key: value for key, value in here.items() if key != "learning_rate"}}


def is_rate_for(training: dict[str, Any], optimiser: Any) -> bool:
    """Whether the learning rate of a section `training` also suits this optimiser; Adam and AdamW share theirs."""
    return str(_optimiser(training)).removesuffix("w") == str(optimiser).removesuffix("w")


def _optimiser(training: dict[str, Any]) -> Any:
    return training.get("optimiser", OPTIMISER)


def other_mixture(recipe: Any, changed: dict[str, Any], key: str = "") -> Any:
    """Returns the recipe's mixture with some settings changed, by their dotted keys.

    Raises:
        SettingError: they do not form a mixture, or form one of other inputs; keys stand under `key`.
    """
    mixture = plain(recipe.mixture)
    settings = overridden(mixture, changed, list(mixture), key)
    try:
        found = settings_from(type(recipe.mixture), settings)
    except SettingError as error:
        raise SettingError([problem.inside(key) for problem in error.problems]) from None
    if found.dimension != recipe.mixture.dimension:
        message = f"inputs have {found.dimension} numbers, but the recipe's inputs have {recipe.mixture.dimension}"
        raise SettingError(Problem(f"{key}.families" if key else "families", message))
    return found


def _other_mixtures(recipe: Any, study: Study) -> list[Problem]:
    problems = []
    for name, changed in study.others.items():
        try:
            other_mixture(recipe, changed, f"study.others.{name}")
        except SettingError as error:
            problems += error.problems
    return problems


def _measures_problems(recipe: Any, study: Study, recipes: dict[str, Any]) -> list[Problem]:
    """Checks that every place has a cell at which to read each measure."""
    found = []
    for key, measure in measures(study):
        problems = _measure_problems(recipe, study, measure, recipes)
        found += [problem.inside(f"study.{key}") for problem in problems]
    return found


def _measure_problems(recipe: Any, study: Study, measure: Measure, recipes: dict[str, Any]) -> list[Problem]:
    tests = [mixture_label(name) for name in study.others]
    tests += [mixture_label(place.label) for _, place in listed_places(study) if study.cross]
    for key, there in recipes.items() or [("", recipe)]:
        where = f" at {key.removesuffix('.set')}" if key else ""
        lengths = there.evaluation.lengths
        if measure.length is not None and measure.length not in lengths:
            message = f"{measure.length} is not evaluated{where}; {choose_from(measure.length, map(str, lengths))}"
            return [Problem("length", message)]
        probes = {probe.label: probe for probe in there.probes}
        if measure.probe in ("in-distribution", *tests):
            strengths = (0.0,)
        elif measure.probe in probes:
            judged = recipe if study.reference == "recipe" else there
            strengths = probes[measure.probe].strengths(judged.mixture)
        else:
            message = f"{measure.probe!r} is not probed{where}; "
            return [Problem("probe", message + choose_from(measure.probe, [*probes, *tests]))]
        given = measure.strength
        if (given is None and len(strengths) > 1) or not any(given is None or abs(given - s) < 1e-9 for s in strengths):
            what = "missing" if given is None else f"{given:g} is not a place of the probe{where}"
            choices = ", ".join(f"{strength:g}" for strength in strengths)
            return [Problem("strength", f"{what}; {measure.probe} has {choices}")]
    return []
