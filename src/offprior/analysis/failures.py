"""Prompts that a predictor did not answer, and why; no jax."""

import pandas as pd

from offprior.columns import FAILURE

SHOWN = 3
"""The most reasons that are told."""


def failures_in_words(rows: pd.DataFrame, predictor: str, name: str) -> list[str]:
    """Says how many prompts each predictor did not answer, with the most frequent reasons; none if all were answered.

    Args:
        rows: an evaluation table.
        predictor: the judged predictor's label in the table; what is said of it stands first.
        name: its name in the sentence.
    """
    if FAILURE not in rows:
        return []
    lost = rows[rows[FAILURE].notna() & (rows[FAILURE] != "")]
    labels = sorted(lost["predictor"].unique(), key=lambda label: (label != predictor, str(label)))
    found = []
    for label in labels:
        reasons = lost.loc[lost["predictor"] == label, FAILURE].value_counts()
        asked = int((rows["predictor"] == label).sum())
        told = [f"{reason} ({count})" for reason, count in reasons.head(SHOWN).items()]
        more = f"; and {len(reasons) - SHOWN} other reasons" if len(reasons) > SHOWN else ""
        then = "which are left out for all predictors" if label == predictor else "its numbers are missing there"
        who = name if label == predictor else label
        found.append(f"{who} did not answer {reasons.sum()} of {asked} prompts, {then}: {'; '.join(told)}{more}")
    return found
