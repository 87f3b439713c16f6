"""Prompts that a predictor did not answer, and why; no jax."""

from collections import Counter
from collections.abc import Iterable

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
        reasons = lost.loc[lost["predictor"] == label, FAILURE]
        asked = int((rows["predictor"] == label).sum())
        then = "which are left out for all predictors" if label == predictor else "its numbers are missing there"
        who = name if label == predictor else label
        found.append(f"{who} did not answer {len(reasons)} of {asked} prompts, {then}: {most_frequent(reasons)}")
    return found


def most_frequent(reasons: Iterable[str]) -> str:
    """Returns the most frequent reasons, each with how often it was given."""
    counted = Counter(reasons).most_common()
    told = [f"{reason} ({count})" for reason, count in counted[:SHOWN]]
    more = f"; and {len(counted) - SHOWN} other reasons" if len(counted) > SHOWN else ""
    return "; ".join(told) + more


def failures_of(predictor: object) -> list[str]:
    """Says how many prompts a wrapped predictor did not answer since it was made, and why; none if all were."""
    failures = getattr(predictor, "failures", [])
    if not failures:
        return []
    return [f"{len(failures)} prompts were not answered: {most_frequent(each.reason for each in failures)}"]
