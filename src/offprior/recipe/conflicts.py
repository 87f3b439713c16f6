"""Conflicts between sections of a recipe that are valid by themselves."""

from typing import TYPE_CHECKING

from offprior import catalog
from offprior.columns import is_reference
from offprior.errors import Problem, SettingError, in_a_line

if TYPE_CHECKING:
    from offprior.recipe.recipe import Recipe


def conflicts(recipe: "Recipe") -> list[Problem]:
    """Returns conflicts between sections that are valid by themselves."""
    problems = []
    points = recipe.training.points
    longest = recipe.model.longest(points)
    for place, length in enumerate(recipe.evaluation.lengths):
        if longest is not None and length > longest:
            message = f"got {length}, but the model takes at most {longest} pairs (training.points is {points})"
            about = ("training.points", "model.positions")
            problems.append(Problem(f"evaluation.lengths.{place}", message, about=about))
    labels = [predictor.label for predictor in recipe.predictors]
    for place, label in enumerate(labels):
        if label in labels[:place] or is_reference(label) or label in ("", "model"):
            taken = f"{label!r} is taken; give every predictor its own label" if label else "it must not be empty"
            problems.append(Problem(f"predictors.{place}.label", taken, about=()))
    named, families = getattr(recipe.model, "instruction", 0), len(recipe.mixture.families)
    if named and named != families:
        message = f"got {named}, but the mixture has {families} families; write {families}, or 0 for no instruction"
        problems.append(Problem("model.instruction", message, about=("mixture.families",)))
    if recipe.specialists and len(recipe.mixture.families) < 2:
        message = "the mixture has one family; a specialist would be the model itself"
        problems.append(Problem("specialists", message, about=("mixture.families",)))
    problems += _token_conflicts(recipe)
    for place, probe in enumerate(recipe.probes):
        try:
            probe.check_applies(recipe.mixture)
            for strength in probe.strengths(recipe.mixture):
                probe.distribution(strength, recipe.mixture)
        except SettingError as error:
            about = ("mixture.", f"probes.{place}.")
            found = [problem.inside(f"probes.{place}") for problem in error.problems]
            problems.extend(Problem(problem.key, problem.message, about=about) for problem in found)
        except Exception as error:
            if catalog.is_ours(type(probe)):
                raise
            message = f"the probe fails: {in_a_line(error)}"
            problems.append(Problem(f"probes.{place}", message, about=("mixture.", f"probes.{place}.")))
    return problems


def _token_conflicts(recipe: "Recipe") -> list[Problem]:
    """Returns the parts that predict tokens where there are functions, or the reverse."""
    problems = []
    vocabulary = recipe.mixture.vocabulary
    try:
        recipe.model.check_vocabulary(vocabulary)
    except SettingError as error:
        problems += [problem.inside("model") for problem in error.problems]
    for place, predictor in enumerate(recipe.predictors):
        if not (predictor.predicts_tokens if vocabulary else predictor.predicts_values):
            has, lacks = ("tokens", "real values") if vocabulary else ("functions", "tokens")
            message = f"{predictor.label} predicts {lacks}, but the mixture's families are {has}"
            problems.append(Problem(f"predictors.{place}", message, about=("mixture.families",)))
            continue
        try:
            predictor.for_mixture(recipe.mixture)
        except SettingError as error:
            problems += [problem.inside(f"predictors.{place}") for problem in error.problems]
    return problems
