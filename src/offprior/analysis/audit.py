"""Judges what an audit measured: whether a predictor is consistent with Bayesian inference under any prior; no jax.

Every row tests that its measure is at most what rounding and quadrature leave (`TOLERANCES`), one-sided, with the
t-statistic of the mean over prompts. Rows are corrected together by Holm's method (1979), whatever their dependence:
the probability that an audit of a consistent predictor has any row "not consistent" is at most 5%. Intervals are 95%
intervals of single rows, without that correction.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from offprior.analysis.intervals import LEVEL, ratio

EXCHANGEABILITY, MEAN, VARIANCE, CONDITIONING = MEASURES = (
    "exchangeability",
    "martingale, mean",
    "martingale, variance",
    "conditioning",
)
TOLERANCES = {EXCHANGEABILITY: 1e-6, MEAN: 0.0, VARIANCE: 0.0, CONDITIONING: 1e-3}
"""What a measure may be in a predictor that counts as consistent.

Where a consistent predictor has exactly 0, rounding and quadrature still leave something: single precision about 10⁻⁹
of a variance, exact posteriors at most 2·10⁻⁶ of a probability in `bench/audit.py`, and somewhat more if several laws
are integrated. The martingales are estimated without bias, and tested against 0.
"""
FEWEST = 8
"""The fewest answered prompts from which a row is judged."""
CONSISTENT, NOT_CONSISTENT, NOT_MEASURED = "consistent", "not consistent", "not measured"


class Measured(NamedTuple):
    """One measure at one context length: the mean of `top` over that of `bottom`; not-a-number for lost prompts."""

    seed: int
    measure: str
    length: int
    top: Float[np.ndarray, " prompts"]
    bottom: Float[np.ndarray, " prompts"]


@dataclasses.dataclass(frozen=True)
class Audit:
    """The result of an audit."""

    label: str
    """The name of the predictor."""
    rows: pd.DataFrame
    """One row per training seed, measure and context length, as `judged` returns them."""
    has_distribution: bool
    """Whether the predictor has a predictive distribution; without one, only exchangeability is measured."""

    def to_pandas(self) -> pd.DataFrame:
        """Returns a copy of the rows."""
        return self.rows.copy()

    @property
    def p_value(self) -> float:
        """The least corrected p-value of all rows; not-a-number if nothing was measured."""
        return float(self.rows["corrected"].min())

    @property
    def is_consistent(self) -> bool:
        """Whether no row is "not consistent"; also true if nothing was measured."""
        return not (self.rows["verdict"] == NOT_CONSISTENT).any()

    @property
    def sentence(self) -> str:
        """The overall result in one sentence."""
        if (self.rows["verdict"] == NOT_MEASURED).all():
            return f"{self.label}: nothing was measured: fewer than {FEWEST} prompts were answered"
        alone = "" if self.has_distribution else "; it has no predictive distribution, so nothing else was measured"
        if self.is_consistent:
            what = "order does not matter" if alone else "nothing speaks against Bayesian inference under some prior"
            return f"{self.label}: consistent: {what}{alone}"
        found = self.rows[self.rows["verdict"] == NOT_CONSISTENT]
        places = []
        for measure in MEASURES:
            lengths = sorted(set(found.loc[found["measure"] == measure, "length"]))
            if lengths:
                places.append(f"{measure} at {', '.join(map(str, lengths))} pairs")
        return f"{self.label}: not Bayesian inference under any prior: {'; '.join(places)}{alone}"


def judged(measured: Sequence[Measured]) -> pd.DataFrame:
    """Returns one row per measurement, with its verdict.

    Returns:
        Columns `seed`, `measure`, `length`; `prompts`, how many were answered; `estimate`, and `low` and `high`, its
            95% interval; `p_value`, of at most the tolerance; `corrected`, that p-value after Holm's correction over
            all rows; `verdict`.
    """
    rows = [_row(one) for one in measured]
    frame = pd.DataFrame(rows)
    corrected = holm(frame["p_value"].to_numpy(float))
    frame["corrected"] = corrected
    rejected = np.where(corrected <= 1 - LEVEL, NOT_CONSISTENT, CONSISTENT)
    frame["verdict"] = np.where(np.isnan(corrected), NOT_MEASURED, rejected)
    return frame


def holm(p: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
    """Returns p-values corrected by Holm (1979, Scand. J. Statist. 6, 65-70); unknown ones do not count.

    Rejecting those of at most α rejects a true hypothesis with a probability of at most α, whatever their dependence.
    """
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    found = np.full(len(p), np.nan)
    found[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1.0)
    return found


def _row(one: Measured) -> dict[str, object]:
    is_there = np.isfinite(one.top) & np.isfinite(one.bottom)
    count = int(is_there.sum())
    row: dict[str, object] = {"seed": one.seed, "measure": one.measure, "length": one.length, "prompts": count}
    if count < FEWEST:
        return row | dict.fromkeys(("estimate", "low", "high", "p_value"), np.nan)
    found = ratio(one.top[is_there][None], one.bottom[is_there])
    low, high = found.interval()
    tolerance = TOLERANCES[one.measure]
    two_sided = float(found.p_value(tolerance))
    p_value = two_sided / 2 if found.top > tolerance * found.bottom else 1 - two_sided / 2
    return row | {"estimate": float(found.value), "low": float(low), "high": float(high), "p_value": p_value}
