"""A recipe file <-> parts; strict, with overrides; reports all its mistakes at once."""

import copy
import functools
import hashlib
import importlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import pydantic
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import InitErrorDetails, PydanticCustomError

from offprior.errors import Problem, SettingError, choose_from
from offprior.recipe import file as recipe_file
from offprior.recipe.conflicts import conflicts
from offprior.recipe.mistakes import further_problems
from offprior.recipe.parts import part_from, plain, settings_from
from offprior.recipe.study import SECTIONS as STUDY_SECTIONS
from offprior.recipe.study import TEXTS, VARIABLE, Study, StudyPlace, disagreements, overridden
from offprior.recipe.study_places import OPTIMISER, is_rate_for, with_own_rate, with_places

SECTIONS = {
    "mixture": ("offprior.mixture", "Mixture"),
    "training": ("offprior.pretraining.training", "Training"),
    "evaluation": ("offprior.evaluation.settings", "Evaluation"),
}
"""Sections with a fixed class; in the others a part is chosen by its name."""
EXPERIMENT = ("mixture", "model", "training", "evaluation", "probes")
"""The sections that the hash of a recipe covers; the rest is text."""
OPTIONAL = ("predictors", "specialists", "study")
"""Sections that are hashed, and written, only if they are given."""


def settings_class(section: str) -> type:
    """Returns the class whose parameters a section holds."""
    module, name = SECTIONS[section]
    return getattr(importlib.import_module(module), name)


def _section(section: str, raw: Any) -> Any:
    return _reporting(lambda: settings_from(settings_class(section), raw), raw)


def _model(raw: Any) -> Any:
    return _reporting(lambda: part_from("models", raw), raw)


def _probe(raw: Any) -> Any:
    return _reporting(lambda: part_from("probes", raw), raw)


def _predictor(raw: Any) -> Any:
    return _reporting(lambda: part_from("predictors", raw), raw)


def _reporting(build: Any, raw: Any) -> Any:
    """Converts our mistakes to pydantic's, so that one validation collects all."""
    try:
        return build()
    except SettingError as error:
        details = [
            InitErrorDetails(
                type=PydanticCustomError("setting", "{reason}", _told(problem)),
                loc=tuple(problem.key.split(".")) if problem.key else (),
                input=raw,
            )
            for problem in error.problems
        ]
        raise pydantic.ValidationError.from_exception_data("part", details) from None


def _told(problem: Problem) -> dict[str, Any]:
    return {"reason": problem.message, "key": problem.key, "about": problem.about}


class Recipe(BaseModel):
    """One experiment: what to pretrain on, what to pretrain, how, and where to test it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$", description="lower case, with hyphens")]
    title: Annotated[str, Field(description="one line")]
    paper: Annotated[str, Field(description="where it was published")] = ""
    text: Annotated[str, Field(description="which settings are published ones, and which are ours")] = ""
    unverified: Annotated[list[str], Field(description="settings that no public source confirms")] = []
    expected: Annotated[str, Field(description="what it should show")] = ""
    cost: Annotated[str, Field(description="time and machine")] = ""
    mixture: Annotated[Any, BeforeValidator(functools.partial(_section, "mixture"))]
    model: Annotated[Any, BeforeValidator(_model), Field(description="what to pretrain (offprior list models)")]
    training: Annotated[
        Any, BeforeValidator(functools.partial(_section, "training")), Field(validate_default=True)
    ] = {}
    evaluation: Annotated[
        Any, BeforeValidator(functools.partial(_section, "evaluation")), Field(validate_default=True)
    ] = {}
    probes: Annotated[list[Annotated[Any, BeforeValidator(_probe)]], Field(description="where to test")] = []
    predictors: Annotated[
        list[Annotated[Any, BeforeValidator(_predictor)]],
        Field(description="other predictors to evaluate beside the model"),
    ] = []
    specialists: Annotated[bool, Field(description="also train a model on each family alone, at the same budget")] = (
        False
    )
    study: Annotated[Study | None, Field(description="places at each of which a model is trained")] = None

    def to_mapping(self) -> dict[str, Any]:
        """Returns every setting as plain values, including defaults and presets."""
        mapping = {key: plain(getattr(self, key)) for key in type(self).model_fields if key not in OPTIONAL}
        if self.predictors:
            mapping["predictors"] = plain(self.predictors)
        if self.specialists:
            mapping["specialists"] = True
        if self.study is not None:
            mapping["study"] = self.study.model_dump(mode="json", exclude=None if self.study.also else {"also"})
        return mapping

    def at_place(self, place: StudyPlace, number: int) -> "Recipe":
        """Returns the recipe of a place of its study, as a recipe of its own.

        Raises:
            SettingError: the place's settings do not form a recipe.
        """
        mapping = overridden({**self.to_mapping(), "study": None}, place.set, VARIABLE, "")
        name, title = f"{self.name}-place-{number:02}", f"{self.title} ({place.label})"
        return from_mapping({**mapping, "name": name, "title": title}, f"{self.name}, place {place.label}")

    def to_yaml(self) -> str:
        """Writes the recipe as a file that reads back to an equal recipe, even if defaults change."""
        return recipe_file.dump(self.to_mapping())

    def fingerprint(self) -> str:
        """Returns a hash of the experiment without its texts: twelve hexadecimal digits."""
        mapping = self.to_mapping()
        covered = {key: mapping[key] for key in (*EXPERIMENT, *OPTIONAL) if key in mapping}
        if "study" in covered:
            covered["study"] = {key: value for key, value in covered["study"].items() if key not in TEXTS}
        experiment = json.dumps(covered, sort_keys=True)
        return hashlib.sha256(experiment.encode()).hexdigest()[:12]


def read(recipe: str | Path, overrides: Iterable[str] = ()) -> Recipe:
    """Reads a recipe by name or file, with `a.b.1.c=value` overrides.

    Raises:
        SettingError: every mistake in it, each with the file and the dotted key.
    """
    path, label = recipe_file.locate(recipe)
    own, overrides = recipe_file.read_mapping(path, label), tuple(overrides)
    changed, problems = copy.deepcopy(own), []
    try:
        recipe_file.apply_overrides(changed, overrides, label)
    except SettingError as error:
        problems = error.problems  # overrides with a valid key have been applied
    raw = with_own_rate(changed, own, map(recipe_file.key_of, overrides))
    raw.setdefault("name", path.stem if path == Path(label) else label)  # another package may name its file otherwise
    return from_mapping(raw, label, problems)


read_recipe = read


def rate_in_words(recipe: str | Path, wanted: Recipe) -> str:
    """Describes the optimiser and learning rate, and says if the recipe's own rate was for another optimiser."""
    training = wanted.training
    said = f"{wanted.name}: trained by {training.optimiser} at a learning rate of {float(training.learning_rate):g}"
    own = recipe_file.read_mapping(*recipe_file.locate(recipe)).get("training")
    is_default = float(training.learning_rate) == training.rates[training.optimiser]
    if (
        not is_default
        or not isinstance(own, dict)
        or "learning_rate" not in own
        or is_rate_for(own, training.optimiser)
    ):
        return said
    was_for = f"{recipe_file.shown(own['learning_rate'])} was for {own.get('optimiser', OPTIMISER)}"
    return f"{said}; the recipe's {was_for}, and --set training.learning_rate chooses another"


def from_mapping(raw: dict[str, Any], label: str = "recipe", known: Sequence[Problem] = ()) -> Recipe:
    """Builds the recipe of a mapping.

    Args:
        raw: the mapping.
        label: the recipe's label in messages.
        known: problems that are already known.

    Raises:
        SettingError: every mistake in it.
    """
    try:
        recipe = _validated(raw, label)
    except SettingError as error:
        plainly = {key: value for key, value in raw.items() if key != "study"}
        further = further_problems(plainly, error.problems, lambda mended: _validated(mended, label))
        of_study = [problem.inside("", label) for problem in _study_disagreements(raw)]
        raise SettingError([*known, *error.problems, *further, *of_study]) from None
    if known:
        raise SettingError(list(known))
    return recipe if recipe.study is None else with_places(recipe, recipe.study, raw, label, _validated)


def _study_disagreements(raw: dict[str, Any]) -> list[Problem]:
    """Returns the mistakes in a study that do not depend on the rest of the recipe, which has mistakes elsewhere."""
    try:
        study = Study.model_validate(raw["study"])
    except (KeyError, pydantic.ValidationError):
        return []
    return disagreements(study)


def _validated(raw: dict[str, Any], label: str) -> Recipe:
    try:
        recipe = Recipe.model_validate(raw)
    except pydantic.ValidationError as error:
        raise SettingError([_problem(detail, label) for detail in error.errors(include_url=False)]) from None
    problems = [problem.inside("", label) for problem in conflicts(recipe)]
    if problems:
        raise SettingError(problems)
    return recipe


def _problem(detail: Any, label: str) -> Problem:
    key = ".".join(str(step) for step in detail["loc"])
    match detail["type"]:
        case "missing":
            message = "missing"
        case "extra_forbidden":
            inside = [STUDY_SECTIONS[step] for step in detail["loc"][:-1] if step in STUDY_SECTIONS]
            known = (inside[-1] if inside else Recipe).model_fields
            message = f"unknown key; {choose_from(detail['loc'][-1], known)}"
        case "setting":
            message = detail["msg"]
        case _:
            message = f"{recipe_file.shown(detail['input'])}: {detail['msg'][0].lower()}{detail['msg'][1:]}"
    told = detail.get("ctx", {})
    if told.get("about") is None:
        return Problem(key, message, label)
    own = Problem(told["key"], message, about=told["about"])
    return own.inside(key.removesuffix(told["key"]).removesuffix("."), label)
