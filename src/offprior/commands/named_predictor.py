"""The predictor that a command line names: one of the catalogue, or one at an address."""

from typing import Any

from offprior import catalog
from offprior.adapters.addresses import is_address, predictor_at
from offprior.adapters.declared import Declared
from offprior.errors import Problem, SettingError, choose_from
from offprior.storage.run_folder import MANIFEST


def named_predictor(name: str, mixture: Any, declared: Declared | None = None) -> Any:
    """Returns the predictor of a name or address, for a mixture.

    Args:
        name: a name in the catalogue, or an address.
        mixture: what a predictor that depends on a mixture is given, unless it has one.
        declared: what the user says about a predictor at an address.

    Raises:
        OffpriorError: there is no such predictor.
    """
    if is_address(name):
        return predictor_at(name, declared).for_mixture(mixture)
    known = catalog.names("predictors")
    if name not in known:
        reason = f"neither a run's folder ({MANIFEST} is missing) nor a predictor; {choose_from(name, known)}"
        raise SettingError(Problem("", reason, name))
    return catalog.find("predictors", name)().for_mixture(mixture)
