"""A predictor of a recipe that is found by its address, as on the command line."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from offprior import catalog
from offprior.parameter import Part, parameter
from offprior.predictors.predictor import BatchPrediction, Predictor


class AtAddress(Part, Predictor):
    """A predictor at an address: scikit-learn's, your own, another package's (`offprior list predictors`).

    A recipe may write the address alone. What is at the address is loaded when it is first asked: reading a recipe runs
    no code of others. Files that can run code by being loaded are refused here, because only `--trust` on the command
    line admits them.
    """

    address: str = parameter("sklearn:LinearRegression", "as in sklearn:RandomForestRegressor(n_estimators=20)")
    label: str = parameter("", "name in tables and figures; that of what is at the address if empty")

    def __post_init__(self) -> None:
        scheme, _, rest = self.address.partition(":")
        name = _addresses().check(self.address)
        if not self.label:
            object.__setattr__(self, "label", name or rest or scheme)

    @functools.cached_property
    def found(self) -> Predictor:
        """What is at the address.

        Raises:
            OffpriorError: there is nothing, or what it needs is not installed.
        """
        return _addresses().predictor_at(self.address)

    @property
    def longest(self) -> int | None:  # type: ignore[override]
        return self.found.longest

    @property
    def input_dimension(self) -> int | None:
        return self.found.input_dimension

    def predict_batch(
        self, x: Float[Any, "B n d"], y: Float[Any, "B n"], queries: Float[Any, "B m d"], lengths: Sequence[int]
    ) -> BatchPrediction:
        return self.found.predict_batch(x, y, queries, lengths)

    def reason(self, x: Float[np.ndarray, "k d"], y: Float[np.ndarray, " k"], queries: Float[np.ndarray, "m d"]) -> str:
        return self.found.reason(x, y, queries)


def _addresses() -> Any:
    """Returns the module of addresses, which stands above the predictors, by its name, as parts are found."""
    return catalog.module("adapters", "addresses")
