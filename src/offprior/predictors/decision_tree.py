"""A regression tree."""

import numpy as np
from jaxtyping import Float
from sklearn.tree import DecisionTreeRegressor

from offprior.parameter import parameter
from offprior.predictors.predictor import LABEL, Algorithm, without_variance


class DecisionTree(Algorithm):
    """A regression tree, grown greedily on each context (scikit-learn's; arXiv 2208.01066, section 4).

    That paper's code takes both a depth of 4 and no limit. Of splits that do as well as each other one is drawn,
    the same in every run.
    """

    depth: int | None = parameter(None, "splits from the root to a leaf at most; null is no limit", minimum=1)
    label: str = parameter("decision tree", LABEL)

    def answer(
        self, x: Float[np.ndarray, "B k d"], y: Float[np.ndarray, "B k"], queries: Float[np.ndarray, "B m d"]
    ) -> tuple[Float[np.ndarray, "B m"], Float[np.ndarray, "B m"]]:
        tree = DecisionTreeRegressor(max_depth=self.depth, random_state=0)
        means = [tree.fit(*context).predict(asked) for *context, asked in zip(x, y, queries, strict=True)]
        return without_variance(np.stack(means))
