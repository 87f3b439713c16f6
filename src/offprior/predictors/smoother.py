"""S, the smoother that every evaluation has beside B and C."""

from typing import ClassVar

from offprior.parameter import parameter
from offprior.predictors.gaussian_process import GaussianProcess
from offprior.predictors.predictor import LABEL


class Smoother(GaussianProcess):
    """S: Gaussian process regression, its RBF kernel fitted to each context, which knows no family (settings ours).

    Whoever does well between the points of a context may only be smoothing, as S does; beyond the points S goes back to
    0, or to a constant where the context asks for one. It is the strongest plain smoother that is cheap enough to be
    there always: its mean is 0, as that of most priors is, because a constant that is always fitted is worse beyond the
    points on them. It answers 0 without any context, and one pair everywhere by its y.
    """

    outside_recipes: ClassVar[str] = "S is always evaluated"

    label: str = parameter("S", LABEL)
