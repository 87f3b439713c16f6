"""Evaluates predictors on the prompts of their own prior: how far each is from Bayes, by context length and family."""

from collections.abc import Sequence

import pandas as pd

from offprior.analysis.own_prior import own_prior
from offprior.console.progress import ProgressReport
from offprior.evaluation.evaluate import evaluate
from offprior.mixture import Mixture
from offprior.predictors.predictor import Predictor

TASKS, QUERIES = 256, 64
LENGTHS = (5, 10, 20, 40)


def gap(
    predictors: Sequence[Predictor] | Predictor,
    mixture: Mixture,
    lengths: Sequence[int] = LENGTHS,
    *,
    tasks: int = TASKS,
    queries: int = QUERIES,
    seed: int = 0,
    progress: ProgressReport | None = None,
) -> pd.DataFrame:
    """Measures the in-distribution gap (M1) of predictors: their distance from the Bayes predictor of their prior.

    Args:
        predictors: one, or several; several training seeds are several predictors with one label.
        mixture: the prior that they were pretrained on.
        lengths: context lengths, in pairs.
        tasks: test prompts per context length; each family has its share of them.
        queries: queries per prompt.
        seed: the seed of the test prompts.
        progress: where to report progress; None reports on standard error.

    Returns:
        One row per predictor, context length and family (`offprior.analysis.own_prior`).

    Raises:
        OffpriorError: as for `evaluate`; or the mixture has no exact posterior.
    """
    given = [predictors] if isinstance(predictors, Predictor) else list(predictors)
    table = evaluate(
        given, [], lengths, mixture=mixture, tasks=tasks, queries=queries, seed=seed, progress=progress
    ).to_pandas()
    return pd.concat(
        [own_prior(table, label) for label in dict.fromkeys(one.label for one in given)], ignore_index=True
    )
