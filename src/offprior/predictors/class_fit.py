"""The best fit inside a class."""

import functools

import numpy as np
from jaxtyping import Float

from offprior.components import Components
from offprior.parameter import parameter
from offprior.posterior import fit_each
from offprior.predictors.predictor import LABEL, AlgorithmOfMixture, without_variance

NODES = 256


class ClassFit(AlgorithmOfMixture):
    """The best fit to a context inside one of the mixture's families, the nearest one answering (arXiv 2410.09695).

    That paper finds that models pretrained on several classes prefer the class of low error. Normal coefficients are
    free; other parameters are searched: frequencies with a quadrature's 256 nodes and then ever more finely, grids and
    pools one by one. If several fits are exact, the one with the smallest coefficients, each divided by its prior
    deviation, is taken.

    Raises:
        NoClosedForm: a family is no mixture of Gaussian linear models.
    """

    label: str = parameter("class fit", LABEL)

    @functools.cached_property
    def groups(self) -> list[Components]:
        """The families as components."""
        return [family.components(NODES) for family in self.known.functions]

    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        values, errors = fit_each(self.groups, x, y, queries)
        return without_variance(values[np.arange(len(y)), errors.argmin(1)])
