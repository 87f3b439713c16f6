"""Tables of verdicts for LaTeX, in the style of the package booktabs."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from offprior.analysis.unknown_prior import is_prior_known
from offprior.analysis.verdict import CARRY_MARK, FEW_TASKS_CARRY, NOT_JUDGED, carry_mark
from offprior.figures.verdict_map import held_verdict, rate_in_words
from offprior.report.words import bounds, number

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "#": r"\#", "$": r"\$", "%": r"\%", "&": r"\&", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "–": "--", "—": "---", "’": "'", "…": r"\ldots{}", "−": "$-$", "×": r"$\times$", "±": r"$\pm$", "·": r"$\cdot$",
    "≤": r"$\le$", "≥": r"$\ge$", "≈": r"$\approx$", "→": r"$\to$", "∞": r"$\infty$", "½": r"$\frac{1}{2}$",
    "²": "$^2$", "°": r"$^\circ$", "†": r"$^\dagger$", "√": r"$\surd$", "∈": r"$\in$", "∘": r"$\circ$",
}  # fmt: skip
"""Characters with a meaning in LaTeX, or missing from its default fonts, and how to write them."""
ACCENTS = {
    **{"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"'},
    **{"\u030a": "r", "\u030c": "v", "\u0327": "c"},
}
GREEK = "GREEK SMALL LETTER "
ERRORS = {"model": "M2", "B": "bayes_nmse", "C": "combined_nmse", "S": "smoother_nmse"}
GAINS = {
    **{"gain over B": "M4", "gain over S": "M19"},
    **{"from one class": "class_distance", "from the best blend": "blend_distance"},
}


def escape(text: object) -> str:
    """Returns LaTeX source that prints the text."""
    return "".join(map(_letter, unicodedata.normalize("NFC", str(text))))


def _letter(letter: str) -> str:
    if letter in SPECIAL or letter.isascii():
        return SPECIAL.get(letter, letter)
    name = unicodedata.name(letter, "")
    if name.startswith(GREEK):
        return f"$\\{name.removeprefix(GREEK).split()[0].lower()}$"
    base, mark = (*unicodedata.normalize("NFD", letter), "", "")[:2]
    return f"{{\\{ACCENTS[mark]}{{{base}}}}}" if mark in ACCENTS else letter


def verdict_table(cells: pd.DataFrame) -> str:
    """Returns the verdicts of one probe's cells as a `tabular`, one row per cell, with errors, gains and 95% intervals.

    The verdicts are those that hold at the false-discovery rate, as in the maps of a report.
    """
    rows: list[Mapping[Any, Any]] = cells.to_dict("records")
    errors = {name: column for name, column in ERRORS.items() if _is_known(rows, column)}
    gains = {name: column for name, column in GAINS.items() if _is_known(rows, column)}
    coordinate = str(rows[0]["coordinate"]) or "place"
    heads = [f"${coordinate}$" if re.fullmatch(r"[A-Za-z]", coordinate) else escape(coordinate), "$k$", "verdict"]
    heads += [escape(name) for name in (*errors, *gains)]
    body = [[*_begun(row), *_numbers(row, errors, gains)] for row in rows]
    said = [f"{rows[0]['probe']}: verdicts, normalised errors, gains with 95% intervals; \\usepackage{{booktabs}}"]
    said += [] if is_prior_known(cells) else ["B and C: Bayes under the reference mixture, not the predictor's prior"]
    said += [rate] if (rate := rate_in_words(cells)) else []
    said += sorted({str(row["provisional"]) for row in rows if row.get("provisional")})
    said += [f"{escape(CARRY_MARK)}: {FEW_TASKS_CARRY}"] if any(map(carry_mark, rows)) else []
    lines = [f"% {' '.join(line.split())}" for line in said]
    lines += [f"\\begin{{tabular}}{{rrl{'r' * len(errors)}{'l' * len(gains)}}}", "\\toprule", _row(heads), "\\midrule"]
    is_grouped = len({cell[0] for cell in body}) < len(body)
    for place, cell in enumerate(body):
        if is_grouped and place and cell[0] != body[place - 1][0]:
            lines.append("\\addlinespace")
        lines.append(_row(cell))
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])


def _row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _is_known(rows: Sequence[Mapping[Any, Any]], column: str) -> bool:
    return any(np.isfinite(row.get(column, np.nan)) for row in rows)


def _begun(row: Mapping[Any, Any]) -> list[str]:
    return [_number(f"{row['strength']:.3g}"), f"{row['length']:g}", escape(held_verdict(row))]


def _numbers(row: Mapping[Any, Any], errors: Mapping[str, str], gains: Mapping[str, str]) -> list[str]:
    found = [_number(number(row.get(column))) for column in errors.values()]
    for column in gains.values():
        # Cells where nothing can be gained, or nothing is claimed, have no number.
        if held_verdict(row) in NOT_JUDGED:
            found.append("")
            continue
        mark = escape(carry_mark(row)) if column == "M4" else ""
        found.append(" ".join(filter(None, (_number(number(row.get(column))) + mark, _number(bounds(row, column))))))
    return found


def _number(text: str) -> str:
    """Returns a number or an interval as LaTeX, from its text in a report; 2e−5 becomes a power of ten."""
    return re.sub(r"(\d)e\$-\$0?(\d+)", r"$\1\\cdot10^{-\2}$", escape(text.replace("e-", "e−").replace("-", "−")))
