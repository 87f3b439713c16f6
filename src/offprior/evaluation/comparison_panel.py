"""The default panel: the algorithms that a predictor is compared with, in addition to B and C."""

import contextlib

from offprior.components import NoClosedForm
from offprior.errors import SettingError
from offprior.families.relu_network import ReluNetwork
from offprior.families.task_pool import TaskPool
from offprior.mixture import Mixture
from offprior.predictors.averaging import Averaging
from offprior.predictors.boosted_trees import BoostedTrees
from offprior.predictors.class_blend import ClassBlend
from offprior.predictors.class_fit import ClassFit
from offprior.predictors.decision_tree import DecisionTree
from offprior.predictors.gradient_descent import GradientDescent
from offprior.predictors.induction_copy import InductionCopy
from offprior.predictors.lasso import Lasso
from offprior.predictors.least_squares import LeastSquares
from offprior.predictors.mean import Mean
from offprior.predictors.n_gram import NGram
from offprior.predictors.nadaraya_watson import NadarayaWatson
from offprior.predictors.nearest_neighbours import NearestNeighbours
from offprior.predictors.pool_posterior import PoolPosterior
from offprior.predictors.predictor import Predictor
from offprior.predictors.ridge import Ridge


def panel(mixture: Mixture) -> list[Predictor]:
    """Returns the predictors to compare models pretrained on `mixture` with (M11), those that apply to it.

    Averaging and the Lasso are for inputs of two numbers or more, a network by gradient descent for mixtures of
    networks, and fits inside classes for families with a closed form. Their blend and the posterior of a pool need more
    than one family, because for one family the latter is B. S, a fitted Gaussian process, is already in every
    evaluation. For tokens the panel is n-grams, by inference and, where the mixture has a pool, by retrieval, and
    induction copying.
    """
    if mixture.vocabulary:
        return _of_tokens(mixture)
    found: list[Predictor] = [
        Mean(),
        LeastSquares(),
        Ridge(),
        GradientDescent(),
        NearestNeighbours(),
        NadarayaWatson(),
        DecisionTree(),
        BoostedTrees(),
    ]
    if mixture.dimension > 1:
        found += [Averaging(), Lasso()]
    families = mixture.functions
    if any(isinstance(family, ReluNetwork) for family in families):
        found.append(GradientDescent(model="relu", steps=100, label="network by gradient descent"))
    if _has_components(mixture):
        found.append(ClassFit())
        if len(families) > 1:
            found.append(ClassBlend())
            found += [PoolPosterior()] * any(isinstance(family, TaskPool) for family in families)
    return [predictor.for_mixture(mixture) for predictor in found]


def _of_tokens(mixture: Mixture) -> list[Predictor]:
    found: list[Predictor] = []
    asked = [*(NGram(n=n) for n in range(4)), *(NGram(n=n, source="retrieval") for n in (1, 2))]
    for n_gram in asked:
        # Too many tokens to count, or no pool of sources that look back a few tokens.
        with contextlib.suppress(SettingError):
            found.append(n_gram.for_mixture(mixture))
    return [*found, InductionCopy().for_mixture(mixture)]


def _has_components(mixture: Mixture) -> bool:
    try:
        for family in mixture.functions:
            family.components(8)
    except NoClosedForm:
        return False
    return True
