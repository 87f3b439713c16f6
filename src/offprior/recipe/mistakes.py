"""Finds all mistakes of a recipe at once, including those that appear only after others are fixed.

Sections are checked against each other, and the settings of a part against each other, only if each is valid by itself.
Invalid settings are therefore left out, or replaced by a valid part, and the rest is checked again. A mistake found
that way is reported if it does not depend on anything left out: a `Problem` says what it is about.
"""

import copy
import re
from collections.abc import Callable, Sequence
from typing import Any

from offprior.errors import Problem, SettingError

ROUNDS = 6
"""Rounds of fixing: a part's settings, then a mixture's, then a recipe's, and some in reserve."""
STAND_INS = {
    "families": {"name": "linear"},
    "probes": {"name": "in-distribution"},
    "predictors": {"name": "mean"},
    "model": {"name": "transformer"},
}
"""Replacements for parts that cannot be read, so that the others keep their places."""
MEANT = re.compile(r"^unknown key; did you mean (.+)\?$")


def further_problems(
    raw: dict[str, Any], problems: Sequence[Problem], validated: Callable[[dict[str, Any]], Any]
) -> list[Problem]:
    """Returns further mistakes in a recipe with known `problems`; `validated` raises the mistakes in a mapping."""
    mended = copy.deepcopy(raw)
    left_out: list[str] = []
    known = {(problem.key, problem.message) for problem in problems}
    new, found = list(problems), []
    for _ in range(ROUNDS):
        for problem in new:
            left_out += [*_mend(mended, problem.key.split(".")), *_meant(problem)]
        try:
            validated(mended)
            break
        except SettingError as error:
            new = [problem for problem in error.problems if (problem.key, problem.message) not in known]
        if not new:
            break
        known |= {(problem.key, problem.message) for problem in new}
        found += [problem for problem in new if _holds(problem, left_out)]
    return found


def _holds(problem: Problem, left_out: Sequence[str]) -> bool:
    """Whether the problem is about nothing that was left out; by default a problem is about its whole part."""
    about = problem.about if problem.about is not None else (f"{problem.key.rpartition('.')[0]}.",)
    return not any(_touches(key, gone) for key in (problem.key, *about) for gone in left_out)


def _touches(key: str, gone: str) -> bool:
    """Whether a key depends on one that was left out; a key that ends with a dot stands for everything below it."""
    preset = gone.removesuffix("preset")
    is_of_preset = preset != gone and key.startswith(preset)  # the preset sets the other keys
    return is_of_preset or f"{key}.".startswith(f"{gone}.") or (key.endswith(".") and f"{gone}.".startswith(key))


def _meant(problem: Problem) -> list[str]:
    """Returns the key that a misspelt one probably stands for, whose value is unknown."""
    found = MEANT.match(problem.message)
    return [".".join([*problem.key.split(".")[:-1], found[1]])] if found else []


def _mend(raw: dict[str, Any], keys: list[str]) -> list[str]:
    """Removes mistakes from `raw`, and returns the dotted keys that were removed or replaced."""
    first = keys[0]
    if first == "title":
        raw[first] = "mended"
    elif first in ("mixture", "model") and (not isinstance(raw.get(first), dict) or keys == ["model", "name"]):
        raw[first] = dict(STAND_INS.get(first, {}))
    else:
        return [_removed(raw, keys)]
    return [first]


def _removed(raw: dict[str, Any], keys: list[str]) -> str:
    here: Any = raw
    for depth, key in enumerate(keys):
        path, rest = keys[: depth + 1], keys[depth + 1 :]
        if isinstance(here, list):
            stand_in = STAND_INS.get(keys[depth - 1])
            place = int(key) if key.isdecimal() and int(key) < len(here) else None
            if stand_in is None or place is None:  # a list of numbers cannot hold a placeholder
                return _removed(raw, keys[:depth]) if depth else ".".join(path)
            if rest in ([], ["name"]) or not isinstance(here[place], dict):
                here[place] = {**stand_in, **({"label": f"mended {place}"} if keys[depth - 1] == "predictors" else {})}
                return ".".join(path)
            here = here[place]
        elif not isinstance(here, dict) or key not in here:
            return ".".join(path)
        elif rest == ["name"] or not rest or not isinstance(here[key], dict | list):
            del here[key]  # a law, or a part inside a part, is removed as a whole
            return ".".join(path)
        else:
            here = here[key]
    return ".".join(keys)
