"""The names of the catalogue's parts by what they are about: functions, or tokens."""

from offprior import catalog
from offprior.families.token_process import TokenProcess
from offprior.predictors.token_predictor import TokenPredictor


def _names(folder, kind, *, of_kind):
    return [name for name in catalog.names(folder) if issubclass(catalog.find(folder, name), kind) == of_kind]


FUNCTION_FAMILIES = _names("families", TokenProcess, of_kind=False)
TOKEN_FAMILIES = _names("families", TokenProcess, of_kind=True)
FUNCTION_PREDICTORS = _names("predictors", TokenPredictor, of_kind=False)
TOKEN_PREDICTORS = _names("predictors", TokenPredictor, of_kind=True)
