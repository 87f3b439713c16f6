"""A recipe's `study`: what varies over places, the number that is read there, and the settings of a single place."""

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from offprior.errors import Problem, SettingError, choose_from
from offprior.recipe.file import put, shown

MOST_PLACES = 1000
"""The most places of a study, a probe or a trajectory: each is evaluated separately, so a typing error is costly."""
VARIABLE = ("mixture", "model", "training", "evaluation", "probes")
"""The sections of a recipe that a place may change."""
TEXTS = ("coordinate", "axis")
"""Keys of a study that are not part of the experiment."""
MEASURES = (
    "M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8", "M8_residual", "M8_class_probability", "M9_slope", "M9_amplitude",
    "M10", "M12", "M14_log_loss", "M14_coverage", "M14_sd", "M15_variation", "M15_seeds", "M16", "M17", "M19", "M20",
    "excess_selection", "excess_within", "shortfall", "bayes_distance", "structure_gap", "bayes_nmse", "combined_nmse",
    "smoother_nmse",
)  # fmt: skip
"""The metrics of a cell that a study can read."""
OF_PREDICTOR = ("nmse: ", "distance: ", "M10: ")
"""Measures that name a predictor: its own NMSE, the model's distance from it (M11), M10 against a specialist."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def _at(raw: Any) -> float | int | str:
    is_number = isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw) and abs(raw) < 1e30
    if not is_number and not (isinstance(raw, str) and raw.strip()):
        raise PydanticCustomError("setting", "{reason}", {"reason": f"{shown(raw)} is neither a number nor a label"})
    return raw


def _measure(raw: Any) -> Any:
    return {"name": raw} if isinstance(raw, str) else raw


class Measure(_Section):
    """The number that a study reads at each of its places."""

    name: Annotated[str, Field(description="a metric (M2, M5, …) or `distance: PREDICTOR`")] = "M2"
    minus: Annotated[str | None, Field(description="another metric, which is subtracted from it")] = None
    probe: Annotated[str, Field(description="the probe's label, as in tables")] = "in-distribution"
    strength: Annotated[float | int | None, Field(description="the place on the probe's path")] = None
    length: Annotated[int | None, Field(description="context pairs; the longest evaluated unless given")] = None

    def __str__(self) -> str:
        return self.name if self.minus is None else f"{self.name} − {self.minus}"


class StudyPlace(_Section):
    """One place of a study: its coordinate, and the settings that differ from the recipe."""

    at: Annotated[Any, BeforeValidator(_at), Field(description="its coordinate, or a label")]
    set: Annotated[dict[str, Any], Field(description="settings by their dotted keys, as in --set")] = {}

    @property
    def label(self) -> str:
        """The coordinate in words."""
        return self.at if isinstance(self.at, str) else f"{self.at:g}"


class Study(_Section):
    """Places at each of which a model is trained, and a number that is read at each place."""

    coordinate: Annotated[str, Field(description="the symbol of what varies")] = ""
    axis: Annotated[str, Field(description="what varies, in words")] = ""
    scale: Annotated[Literal["linear", "log"], Field(description="scale of the coordinate")] = "linear"
    along: Annotated[
        Literal["places", "training", "both"],
        Field(description="one model per place; one model's training.trajectory; or the trajectory of every place"),
    ] = "places"
    places: Annotated[list[StudyPlace], Field(description="where models are trained")] = []
    vary: Annotated[str | None, Field(description="the dotted key that `values` and bisection set")] = None
    values: Annotated[list[Any], Field(description="shorthand for places: the values of `vary`")] = []
    measure: Annotated[Measure, BeforeValidator(_measure)] = Measure()
    also: Annotated[
        list[Annotated[Measure, BeforeValidator(_measure)]],
        Field(description="further measures: their values, and their crossings of the same threshold, are reported"),
    ] = []
    threshold: Annotated[float | int | None, Field(description="the value whose crossing is looked for")] = None
    direction: Annotated[
        Literal["rising", "falling"], Field(description="direction of the crossing as places grow")
    ] = "rising"
    bisect: Annotated[
        int, Field(description="further places, each halving the interval of the crossing", ge=0, le=64)
    ] = 0
    reference: Annotated[
        Literal["place", "recipe"], Field(description="whose B and C judge: each place's mixture, or the recipe's")
    ] = "place"
    cross: Annotated[bool, Field(description="test every place on the prompts of every other place")] = False
    others: Annotated[
        dict[str, dict[str, Any]],
        Field(description="other mixtures, by their changes: their posteriors are evaluated, their prompts are tests"),
    ] = {}

    @property
    def is_numeric(self) -> bool:
        """Whether all places are numbers."""
        return all(not isinstance(place.at, str) for place in self.places)

    @property
    def is_whole(self) -> bool:
        """Whether all places are whole numbers."""
        return all(isinstance(place.at, int) for place in self.places)


SECTIONS: dict[str, type[BaseModel]] = {"study": Study, "measure": Measure, "places": StudyPlace}
"""The sections by the word that precedes their keys."""


def mixture_label(name: str) -> str:
    """Returns the name in tables of the test on the prompts of another mixture or of another place."""
    return f"mixture: {name}"


def measure_problem(name: str) -> str | None:
    """Returns why `name` is not a measure, or None."""
    if name in MEASURES or (name.startswith(OF_PREDICTOR) and name.partition(": ")[2]):
        return None
    named = [f"{prefix}NAME" for prefix in OF_PREDICTOR]
    return f"unknown measure {shown(name)}; {choose_from(name, [*MEASURES, *named])}"


def measures(study: Study) -> list[tuple[str, Measure]]:
    """Returns the measures of a study by their keys, the one that bisection follows first."""
    return [("measure", study.measure), *((f"also.{number}", each) for number, each in enumerate(study.also))]


def listed_places(study: Study) -> list[tuple[str, StudyPlace]]:
    """Returns the places as they were written, each with the dotted key under which its settings stand."""
    if study.values:
        return [
            (f"study.values.{number}", StudyPlace(at=_value_at(value), set={str(study.vary): value}))
            for number, value in enumerate(study.values)
        ]
    return [(f"study.places.{number}.set", place) for number, place in enumerate(study.places)]


def disagreements(study: Study) -> list[Problem]:
    """Returns conflicts between settings of a study that are valid by themselves."""
    found: list[Problem] = []

    def wrong(key: str, message: str) -> None:
        found.append(Problem(f"study.{key}" if key else "study", message))

    along_training = study.along == "training"
    count = len(study.places) + len(study.values)
    if study.places and study.values:
        wrong("values", "places are given too; write only one of the two")
    elif along_training and (count or study.vary):
        wrong("places" if study.places else "vary", "along training, the places are the steps of training.trajectory")
    elif not along_training and not count:
        wrong("places", "missing; write places, or vary and values")
    elif count > MOST_PLACES:
        wrong("places" if study.places else "values", f"expected at most {MOST_PLACES} places, got {count}")
    if study.values and study.vary is None:
        wrong("vary", "missing; write the dotted key that the values belong to")
    if study.bisect:
        if study.threshold is None:
            wrong("bisect", "bisection needs a threshold; give study.threshold")
        if study.vary is None:
            wrong("bisect", "bisection needs a setting to change between places; give study.vary, a dotted key")
    if found:
        return found
    places = [place for _, place in listed_places(study)]
    labels = [place.label for place in places]
    where = "values" if study.values else "places"
    for number, place in enumerate(places):
        if place.label in labels[:number]:
            wrong(f"{where}.{number}", f"duplicate place {place.label}")
    has_labels = any(isinstance(place.at, str) for place in places)
    for key in ("threshold", "bisect"):
        if getattr(study, key) and has_labels:
            wrong(key, "places that are labels have no order, and no crossing; give each a number")
    if study.scale == "log" and has_labels:
        wrong("scale", "places that are labels have no logarithm")
    if study.cross and along_training:
        wrong("cross", "along training all places have the same prompts")
    for where, measure in measures(study):
        for key in ("name", "minus"):
            name = getattr(measure, key)
            message = measure_problem(name) if name is not None else None
            if message is not None:
                wrong(f"{where}.{key}", message)
    return found


def overridden(raw: Mapping[str, Any], settings: Mapping[str, Any], sections: Sequence[str], key: str) -> dict:
    """Returns a copy of a mapping with values put at their dotted keys, each of which starts with one of `sections`.

    Raises:
        SettingError: a key leads nowhere; the message names it under `key`.
    """
    changed = copy.deepcopy(dict(raw))
    problems: list[Problem] = []
    for path, value in settings.items():
        first = path.partition(".")[0]
        if first not in sections:
            problems.append(Problem(_under(key, path), f"cannot be set here; {choose_from(first, sections)}"))
        elif not all(path.split(".")):
            problems.append(Problem(_under(key, path), "not a dotted key such as training.steps"))
        else:
            try:
                put(changed, path, copy.deepcopy(value))
            except SettingError as error:
                problems += [Problem(_under(key, path), problem.message) for problem in error.problems]
    if problems:
        raise SettingError(problems)
    return changed


def rekeyed(problems: Iterable[Problem], settings: Mapping[str, Any], key: str) -> list[Problem]:
    """Moves the mistakes of a place's recipe to the place's own keys: `study.places.2.set.mixture.weights`."""
    found = []
    for problem in problems:
        about = [path for path in settings if _is_part(problem.key, path) or _is_part(path, problem.key)]
        if key.startswith("study.values"):
            found.append(Problem(key, f"{problem.key}: {problem.message}"))
        elif about:
            longest = problem.key if len(problem.key) > len(about[0]) else about[0]
            found.append(Problem(_under(key, longest), problem.message))
        else:
            found.append(Problem(key.removesuffix(".set"), f"{problem.key}: {problem.message}"))
    return found


def changes(before: Any, after: Any, path: str = "") -> dict[str, Any]:
    """Returns the changes between two mappings of settings, by dotted keys, each as small as possible."""
    if type(before) is type(after):
        inner: Iterable[Any] = ()
        if isinstance(before, dict) and before.keys() == after.keys() and before.get("name") == after.get("name"):
            inner = before
        elif isinstance(before, list) and len(before) == len(after):
            inner = range(len(before))
        found: dict[str, Any] = {}
        for step in inner:
            found |= changes(before[step], after[step], _under(path, str(step)))
        if found or before == after:
            return found
    return {path: after}


def number_of(value: Any) -> float:
    """Returns a place's coordinate as a number; not-a-number for a label."""
    return float(value) if isinstance(value, int | float) else math.nan


def _value_at(value: Any) -> Any:
    try:
        return _at(value)
    except PydanticCustomError:  # for a list or a part, the text is the label
        return shown(value)


def _is_part(key: str, path: str) -> bool:
    return key == path or key.startswith(f"{path}.")


def _under(key: str, path: str) -> str:
    return f"{key}.{path}" if key else path
