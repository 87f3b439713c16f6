"""A regression tree."""

import numpy as np
import sklearn
from jaxtyping import Float
from sklearn.tree import DecisionTreeRegressor

from offprior.parameter import parameter
from offprior.predictors.predictor import LABEL, Algorithm, without_variance


class DecisionTree(Algorithm):
    """A regression tree, grown greedily on each context (scikit-learn's; arXiv 2208.01066, section 4).

    That paper's code uses both a depth of 4 and no limit. Ties between equally good splits are broken at random, in the
    same way in every run.
    """

    depth: int | None = parameter(None, "the most splits from the root to a leaf; null is no limit", minimum=1)
    label: str = parameter("decision tree", LABEL)

    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        tree = DecisionTreeRegressor(max_depth=self.depth, random_state=0)
        # scikit-learn's trees work in single precision; checking every context's numbers takes longer than growing the
        # tree.
        x, queries = np.asarray(x, np.float32, order="C"), np.asarray(queries, np.float32, order="C")
        with sklearn.config_context(skip_parameter_validation=True, assume_finite=True):
            means = [
                tree.fit(*context, check_input=False).predict(asked, check_input=False)
                for *context, asked in zip(x, y, queries, strict=True)
            ]
        return without_variance(np.stack(means))
