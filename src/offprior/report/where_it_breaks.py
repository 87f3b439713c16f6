"""The result of an atlas in sentences: where a predictor breaks, probe by probe."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from offprior.analysis.breaks import BEHIND, BOTH, MODEL, OWN, PRIOR, UNDECIDED, UNDER_TRAINED
from offprior.analysis.intervals import LEVEL
from offprior.analysis.unknown_prior import BAYES
from offprior.columns import SMOOTHER
from offprior.figures.figure import ReportData
from offprior.report.words import enumeration, interval, number, place

FAULTS = {
    MODEL: "The fault is the predictor's: B does not break there.",
    OWN: "The fault is the predictor's: it misses its own functions there.",
    PRIOR: "The fault is the prior's: B breaks there as well.",
    BOTH: "The prior breaks there as well, and the predictor loses more than B does.",
    UNDER_TRAINED: "The model is under-trained: it misses its own functions in distribution too.",
    BEHIND: "A predictor that was not trained does better there.",
}
"""The faults as sentences."""
FEW = 3
"""Probes that the summary names."""
RATE = f"false-discovery rate {1 - LEVEL:.0%} over all cells tested"


def breaks(data: ReportData) -> list[dict[str, str]]:
    """Returns one row per probe, in the order of the table."""
    return [
        {
            "rank": str(row["rank"]) if row["rank"] else "",
            "probe": str(row["probe"]),
            "place": place(row),
            "outside": number(row["outside"]),
            "model": interval(row, "M2"),
            "B": number(row["bayes_nmse"]),
            "C": number(row["combined_nmse"]),
            "S": number(row.get("smoother_nmse", np.nan)),
            "shortfall": interval(row, "shortfall"),
            "panel": f"{number(row.get('panel_nmse', np.nan))} {row.get('panel_best', '')}".rstrip(),
            "fault": str(row["fault"]) or "holds",
            "sentence": sentence(row),
        }
        for row in data.breaks.to_dict("records")
    ]


def sentence(row: Mapping[Any, Any]) -> str:
    """Returns where a probe breaks, by how much and whose fault it is; for one that holds, where it comes nearest."""
    others = {"B": row["bayes_nmse"], "C": row["combined_nmse"], SMOOTHER: row.get("smoother_nmse", np.nan)}
    above = "that of C"
    if "panel_nmse" in row:
        others = {f"best of the panel, {row['panel_best']}": row["panel_nmse"], BAYES: row["bayes_nmse"]}
        above = "the panel's least"
    known = ", ".join(f"{label} {number(value)}" for label, value in others.items() if np.isfinite(value))
    errors = f"an error of {number(row['M2'])}" + (f" ({known})" if known else "")
    if row["rank"]:
        return f"{row['probe']} breaks at {place(row)}, with {errors}. {FAULTS.get(row['fault'], row['fault'])}"
    if row["fault"] == UNDECIDED:
        return f"{row['probe']} is undecided; its error is furthest above {above} at {place(row)}: {errors}."
    return f"{row['probe']} holds; it comes closest to breaking at {place(row)}, with {errors}."


def breaking_summary(data: ReportData, name: str = "") -> str:
    """Returns the sentences that begin an atlas: where a predictor breaks first.

    Args:
        data: the tables of an atlas.
        name: the predictor's name; the recipe's if empty.
    """
    rows = data.breaks.to_dict("records")
    broken = [row for row in rows if row["rank"]]
    who = name or str(data.manifest.get("recipe") or data.label)
    open_ = [row for row in rows if row["fault"] == UNDECIDED]
    above = "that of C" if data.prior_known else "the least of the panel"
    undecided = f" {len(open_)} {'is' if len(open_) == 1 else 'are'} undecided." if open_ else ""
    if not broken:
        nowhere = f"its error is nowhere shown to exceed {above} by more than the margin ({RATE})"
        said = f"{who} breaks on none of {len(rows)} probes: {nowhere}."
        return f"{said}{undecided}{_about_the_prior(data, who)}"
    first = [sentence(row) for row in broken[:FEW]]
    held = [str(row["probe"]) for row in rows if not row["fault"]]
    where = enumeration(held) if len(held) <= FEW else f"{len(held)} of them"
    rest = f" It holds on {where}." if held else ""
    return (
        f"{who} breaks on {len(broken)} of {len(rows)} probes ({RATE}). First: {' Then: '.join(first)}{undecided}{rest}"
        f"{_about_the_prior(data, who)}"
    )


def _about_the_prior(data: ReportData, who: str) -> str:
    """Says that the prior is unknown, and what stands in for it; nothing if it is known."""
    if data.prior_known:
        return ""
    reference = data.manifest.get("recipe") or "a recipe"
    return (
        f" What {who} was trained on is not known: there is no Bayes predictor of its prior, and no fault is assigned. "
        f"It breaks where its error exceeds the least of the panel; classes are those of a reference mixture, "
        f"{reference}."
    )
