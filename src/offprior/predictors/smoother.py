"""S, the smoother that is part of every evaluation, along with B and C."""

from typing import ClassVar

from offprior.parameter import parameter
from offprior.predictors.gaussian_process import GaussianProcess
from offprior.predictors.predictor import LABEL


class Smoother(GaussianProcess):
    """S: Gaussian process regression, its RBF kernel fitted to each context, which knows no family (settings ours).

    A predictor that does well between the points of a context may only be smoothing, as S does. Beyond the points S
    returns to 0, or to a constant if the context suggests one. S is the strongest plain smoother that is cheap enough
    to run in every evaluation. Its mean is 0, like that of most priors, because a constant that is always fitted does
    worse beyond the points under such priors. Without any context S answers 0; after one pair it answers that pair's y
    everywhere.
    """

    outside_recipes: ClassVar[str] = "S is always evaluated"

    label: str = parameter("S", LABEL)
