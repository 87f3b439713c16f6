"""Addresses of predictors, as in `sklearn:KNeighborsRegressor`; the word before the colon is a file of this folder."""

import importlib
import pkgutil
from pathlib import Path
from typing import Any

from offprior.adapters.declared import Declared
from offprior.errors import OffpriorError, Problem, SettingError, choose_from
from offprior.predictors.predictor import Predictor

HERE = Path(__file__).parent
NOT_SCHEMES = (
    "addresses",
    "answer",
    "bar_distribution",
    "bracketed",
    "declared",
    "fitted",
    "in_processes",
    "one_thread",
    "pfn_network",
    "regular_grid",
    "tabular",
    "tensors",
    "text_predictor",
    "text_prompts",
    "weights",
    "wrapped",
)


def schemes() -> list[str]:
    """Lists the words before the colon, without importing what they need."""
    names = [module.name for module in pkgutil.iter_modules([str(HERE)])]
    return sorted(name for name in names if name not in NOT_SCHEMES and name[0] != "_")


def is_address(text: str) -> bool:
    """Whether a text has the form of an address."""
    scheme, colon, rest = text.partition(":")
    return bool(colon and rest) and scheme.isidentifier()


def adapter(scheme: str) -> Any:
    """Returns the module of a scheme.

    Raises:
        SettingError: there is none.
    """
    known = schemes()
    if scheme not in known:
        raise SettingError(Problem("", f"unknown address {scheme}:…; {choose_from(scheme, known)}"))
    return importlib.import_module(f"offprior.adapters.{scheme}")


def check(address: str) -> str:
    """Checks an address as far as that runs nobody's code, and returns the name of what is there.

    Raises:
        SettingError: it is not an address, its scheme is unknown, or the scheme's file finds a mistake in it.
    """
    scheme, _, rest = address.partition(":")
    if not is_address(address):
        raise SettingError(Problem("address", f"{address!r} is not an address, as in sklearn:KNeighborsRegressor"))
    module = adapter(scheme)
    return module.check(rest) if hasattr(module, "check") else rest


def predictor_at(address: str, declared: Declared | None = None) -> Predictor:
    """Returns the predictor at an address.

    Args:
        address: a scheme, a colon, and what the scheme's file says.
        declared: what the user says about it; the defaults of `Declared` if None.

    Raises:
        OffpriorError: the scheme is unknown, what it needs is not installed, or there is nothing at the address.
    """
    scheme, _, rest = address.partition(":")
    module = adapter(scheme)
    try:
        return module.load(rest, declared or Declared())
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in module.NEEDS:
            raise
        raise OffpriorError(f"{address}: needs {missing}, which is not installed; {module.INSTALL}") from None
