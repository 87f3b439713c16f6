"""Prompts that a predictor did not answer, and why; no jax."""

import pandas as pd

from offprior.columns import FAILURE

SHOWN = 3
"""The most reasons that are told."""


def failures_in_words(rows: pd.DataFrame, predictor: str, name: str) -> list[str]:
    """Says how many prompts a predictor did not answer, with the most frequent reasons; empty if it answered all.

    Args:
        rows: an evaluation table.
        predictor: the predictor's label in the table.
        name: its name in the sentence.
    """
    if FAILURE not in rows:
        return []
    own = rows.loc[rows["predictor"] == predictor, FAILURE]
    lost = own[own.notna() & (own != "")]
    if lost.empty:
        return []
    counted = lost.value_counts()
    reasons = [f"{reason} ({count})" for reason, count in counted.head(SHOWN).items()]
    more = f"; and {len(counted) - SHOWN} other reasons" if len(counted) > SHOWN else ""
    return [
        f"{name} did not answer {len(lost)} of {len(own)} prompts, which are left out for all predictors: "
        f"{'; '.join(reasons)}{more}"
    ]
