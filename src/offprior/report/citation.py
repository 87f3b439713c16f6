"""BibTeX entries for the paper of a recipe, with the authors and years that the recipe's own text names."""

import re
from collections.abc import Mapping
from typing import Any

from offprior.report.latex import escape

ARXIV = re.compile(r"arXiv[: ]\s*(?P<number>\d{4}\.\d{4,5})")
NAME = r"[A-ZÀ-ÖØ-Þ][\w'’-]*[\wà-ÿ]"
SEVERAL = rf"{NAME} et al\.|(?:{NAME}, )*{NAME} and {NAME}|{NAME}"
BEFORE = re.compile(rf"(?:(?P<some>{NAME} et al\.)|(?P<named>{SEVERAL}), (?:[A-Z][a-z]+ )?\d{{4}}) \($")
"""Matches authors before an arXiv number: "Garg, Tsipras, Liang and Valiant, 2022 (arXiv …".

Without a year it matches only "Yadlowsky et al.", which cannot be anything else.
"""
AFTER = re.compile(rf"^ \((?:(?P<some>{NAME} et al\.)|(?P<named>{SEVERAL}), \d{{4}})")
"""Matches authors after an arXiv number: "arXiv … (Müller et al., 2024)"."""


def bibtex(paper: object) -> list[str]:
    """Returns one entry per arXiv number in a recipe's `paper`, with the authors that are named next to the number.

    The year is taken from the number itself. Recipes contain no titles, so the entries have none.
    """
    text = " ".join(str(paper or "").split())
    found: dict[str, str] = {}
    for match in ARXIV.finditer(text):
        number = match["number"]
        beside = BEFORE.search(text[: match.start()]) or AFTER.search(text[match.end() :])
        authors = (beside["some"] or beside["named"]) if beside else ""
        found.setdefault(number, _entry(number, authors))
    return list(found.values())


def _entry(number: str, authors: str) -> str:
    names = [name for name in re.split(r", | and ", authors.replace(" et al.", " and others")) if name]
    fields = {
        "author": " and ".join(map(escape, names)),
        "year": f"20{number[:2]}",
        "eprint": number,
        "archivePrefix": "arXiv",
        "url": f"https://arxiv.org/abs/{number}",
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{arxiv{number.replace('.', '-')},", *lines, "}"])


def papers(recipe: Mapping[str, Any]) -> str:
    """Returns all entries for a report; empty if the recipe names no paper."""
    return "\n\n".join(bibtex(recipe.get("paper")))
