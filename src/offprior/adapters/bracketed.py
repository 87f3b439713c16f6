"""Addresses with settings in brackets: `PATH(format='lines', decimals=2)`."""

import ast
from typing import Any

from offprior.errors import Problem, SettingError, choose_from


def without_brackets(rest: str, known: tuple[str, ...], example: str) -> tuple[str, dict[str, Any]]:
    """Returns what stands before the brackets, which may be a path, and the settings inside them.

    Settings are plain values: nothing is evaluated. Brackets that hold no settings belong to the path.

    Raises:
        SettingError: there is nothing before the brackets, or a setting is not in `known`.
    """
    before, bracket, inside = rest.rpartition("(")
    settings = _settings(inside) if bracket and rest.endswith(")") else None
    name, settings = (rest, {}) if settings is None else (before, settings)
    if not name.strip():
        raise SettingError(Problem("", f"{rest[:80]!r} names nothing; write it as in {example}"))
    wrong = [key for key in settings if key not in known]
    if wrong:
        raise SettingError(Problem("", f"{rest}: unknown setting {wrong[0]!r}; {choose_from(wrong[0], list(known))}"))
    return name.strip(), settings


def _settings(inside: str) -> dict[str, Any] | None:
    try:
        call = ast.parse(f"f({inside}", mode="eval").body
        if isinstance(call, ast.Call) and not call.args and all(each.arg for each in call.keywords):
            return {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    return None
