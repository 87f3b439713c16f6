"""Regressors of scikit-learn: `sklearn:KNeighborsRegressor`, `sklearn:RandomForestRegressor(n_estimators=20)`."""

import ast
from typing import Any

from offprior.adapters.declared import Declared
from offprior.adapters.wrapped import Wrapped, wrap
from offprior.compute.devices import cores
from offprior.errors import Problem, SettingError, choose_from, in_a_line

CAPTION = "a regressor of scikit-learn, fitted to every context; settings in brackets"
EXAMPLE = "sklearn:RandomForestRegressor(n_estimators=20)"
NEEDS = ("sklearn",)
INSTALL = "pip install scikit-learn"


def load(rest: str, declared: Declared) -> Wrapped:
    """Returns the regressor that `rest` names, with the settings in its brackets.

    A setting `random_state` is 0 unless it is given, so that a prompt always has the same answer.

    Raises:
        SettingError: there is no such regressor, or it refuses its settings.
    """
    kind, settings = _found(rest)
    try:
        regressor = kind(**settings)
        if "random_state" in regressor.get_params() and "random_state" not in settings:
            regressor.set_params(random_state=0)
    except Exception as error:
        raise SettingError(Problem("", f"{rest}: {in_a_line(error)}")) from None
    return wrap(
        regressor,
        rest.replace(" ", ""),
        strict=declared.strict,
        trained=bool(declared.trained),
        seed=declared.seed,
        processes=cores(),
    )


def check(rest: str) -> str:
    """Returns the name of the regressor.

    Raises:
        SettingError: there is none, or its brackets hold something else than plain settings.
    """
    _found(rest)
    return rest.replace(" ", "")


def _found(rest: str) -> tuple[Any, dict[str, Any]]:
    from sklearn.utils import all_estimators

    name, settings = _parsed(rest)
    known: dict[str, Any] = dict(all_estimators(type_filter="regressor"))
    if name not in known:
        raise SettingError(Problem("", f"scikit-learn has no regressor {name!r}; {choose_from(name, sorted(known))}"))
    return known[name], settings


def _parsed(rest: str) -> tuple[str, dict[str, Any]]:
    """Returns a class's name and its settings, which are plain values: nothing is evaluated.

    Raises:
        SettingError: the brackets hold something else.
    """
    wrong = f"{rest[:80]!r} is not a regressor with settings, as in {EXAMPLE.partition(':')[2]}"
    try:
        tree = ast.parse(rest, mode="eval").body
        if isinstance(tree, ast.Name):
            return tree.id, {}
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and not tree.args:
            return tree.func.id, {str(each.arg): ast.literal_eval(each.value) for each in tree.keywords if each.arg}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        pass
    raise SettingError(Problem("", wrong))
