"""Audits a predictor without knowing its prior: is it consistent with Bayesian inference under any prior?

Three measures, of which any Bayesian predictor with exchangeable outputs has 0 whatever its prior: exchangeability
(M16, `order.py`), the martingale property and consistent conditioning (`next_draws.py`). They say nothing about whether
the prior is a good one: a predictor that ignores its context passes them all.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from offprior.analysis.audit import EXCHANGEABILITY, FEWEST, MEASURES, Audit, Measured, judged
from offprior.compute.randomness import key_for
from offprior.console.progress import ProgressReport, Silence
from offprior.errors import Problem, SettingError
from offprior.evaluation.next_draws import own_draws
from offprior.evaluation.order import order_variance
from offprior.laws.law import concrete
from offprior.mixture import Mixture, draw_prompts
from offprior.predictors.predictor import Predictor
from offprior.prompt_check import check_count, context_lengths

PROMPTS = 64
LENGTHS = (5, 10, 20, 40)
DRAWS = 8
"""Outputs drawn at each of a prompt's two fresh inputs."""
QUERIES = 2


def audit(
    predictors: Predictor | Sequence[Predictor],
    mixture: Mixture | None = None,
    *,
    prompts: int = PROMPTS,
    lengths: Sequence[int] = LENGTHS,
    draws: int = DRAWS,
    seed: int = 0,
    progress: ProgressReport | None = None,
) -> Audit:
    """Measures whether a predictor is consistent with Bayesian inference under any prior.

    Args:
        predictors: a predictor, or one trained model per training seed.
        mixture: what prompts are drawn from; the predictor's own mixture if None, or the default one.
        prompts: the number of prompts, the same at all context lengths.
        lengths: context lengths in pairs. A predictor that takes n pairs is measured up to n − 1, and its
            exchangeability at n too; longer ones are left out.
        draws: how many outputs are drawn at each of a prompt's two fresh inputs, an even number of at least 4.
        seed: the seed of prompts, orders and draws.
        progress: shows progress; None shows nothing.

    Returns:
        The rows, their verdicts and the overall result. The measures are:

        - exchangeability: the variance of the predictive mean over random orders of the context, over the variance of
          the context's outputs;
        - martingale, mean and variance: the squared drift of the predictive mean and variance of an output over the
          predictor's own next draw, over the predictive variance and its square;
        - conditioning: the total variation between the joints of two outputs in both orders of conditioning.

    Raises:
        SettingError: the mixture has tokens; a number is out of range; no length fits the predictor.
    """
    all_ = [predictors] if isinstance(predictors, Predictor) else list(predictors)
    if mixture is None:
        own = getattr(all_[0], "mixture", None)
        mixture = own if isinstance(own, Mixture) else Mixture()
    lengths = sorted(set(context_lengths(lengths)))
    _check(mixture, all_, prompts, lengths, draws)
    taken = draw_prompts(mixture, key_for(seed, "audit"), prompts, max(lengths), QUERIES)
    x, y, queries = (np.asarray(each, np.float64) for each in (taken.x, taken.y, taken.queries))
    spread = y.var(axis=1, ddof=1)
    noise = concrete(mixture.noise) or 0.0
    progress = progress or Silence()
    measured: list[Measured] = []
    has_distribution = True
    progress.start("auditing", len(all_) * len(lengths))
    try:
        for done, (predictor, length) in enumerate(itertools.product(all_, lengths)):
            progress.advance(done, f"{length} pairs")
            longest = math.inf if predictor.longest is None else predictor.longest
            if length <= longest:
                order = order_variance(predictor, x, y, queries, [length])[:, 0]
                measured.append(Measured(predictor.seed, EXCHANGEABILITY, length, order, spread))
            if length < longest:
                drawn = np.random.default_rng([seed, length])
                found = own_draws(predictor, x[:, :length], y[:, :length], queries, noise, draws, drawn)
                has_distribution &= found is not None
                for measure, part in zip(MEASURES[1:], found or (), strict=False):
                    measured.append(Measured(predictor.seed, measure, length, part, np.ones(prompts)))
    finally:
        progress.finish()
    measured.sort(key=lambda one: (one.seed, MEASURES.index(one.measure), one.length))
    return Audit(all_[0].label, judged(measured), has_distribution)


def _check(mixture: Mixture, predictors: Sequence[Predictor], prompts: int, lengths: Sequence[int], draws: int) -> None:
    """Checks the settings.

    Raises:
        SettingError: one is out of range, or prompts have tokens.
    """
    if mixture.vocabulary or any(not predictor.predicts_values for predictor in predictors):
        raise SettingError(Problem("", "an audit needs real values, but this is about tokens", about=("mixture",)))
    check_count("prompts", prompts, FEWEST)
    check_count("draws", draws, 4)
    if draws % 2:
        raise SettingError(Problem("draws", f"got {draws}; write an even number: the draws come in two halves"))
    if not lengths or lengths[0] < 2:
        raise SettingError(Problem("lengths", f"got {list(lengths)}; write one or more context lengths, 2 or more"))
    longest = min((one.longest for one in predictors if one.longest is not None), default=None)
    if longest is not None and lengths[0] > longest:
        label = predictors[0].label
        message = f"got {list(lengths)}, but {label} takes at most {longest} pairs; write shorter ones"
        raise SettingError(Problem("lengths", message))
