"""What a page of tokens shows, as a few bounded settings, and its form as the query of an address."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from offprior.errors import Problem, SettingError, choose_from
from offprior.explorer.state import CELL, FAMILY, LARGEST, LONGEST_QUERY, number_of, one_of

OWN = "typed"
"""The preset of a prompt that the user has written."""
CHARACTERS = "0123456789abcdefghijklmnopqrstuvwxyz"
"""One character per token where the vocabulary allows it; larger vocabularies are written as numbers."""
MOST_TOKENS = 512
BOUNDS = {
    "strength": (-LARGEST, LARGEST),
    "length": (0, MOST_TOKENS),
    "task": (0, 9999),
    "model": (0, 99),
    "step": (0, 10**9),
    "after": (0, MOST_TOKENS),
}
"""The smallest and largest value of every number."""


@dataclasses.dataclass(frozen=True)
class TokenState:
    """A prompt of tokens: written by the user, or the source that it is drawn from."""

    tokens: tuple[int, ...] = ()
    """The user's own tokens; empty for any other preset."""
    preset: str = OWN
    probe: str = ""
    """Label of the probe of a cell."""
    strength: float = 0.0
    """The cell's place on the probe's path."""
    length: int = 32
    """The number of tokens that are drawn."""
    task: int = 0
    model: int = 0
    step: int = 0
    """The training step whose weights are used; 0 for the last."""
    after: int = MOST_TOKENS
    """The number of tokens after which the next one is predicted; at most all."""


def written(tokens: tuple[int, ...], vocabulary: int) -> str:
    """Writes tokens as text: one character per token, or numbers with spaces between them."""
    if vocabulary <= len(CHARACTERS):
        return "".join(CHARACTERS[token] for token in tokens)
    return " ".join(map(str, tokens))


def read_tokens(text: str, vocabulary: int, longest: int = MOST_TOKENS) -> tuple[int, ...]:
    """Reads tokens as `written` writes them; spaces and line breaks between characters do not count.

    Raises:
        ValueError: a character or number is no token, or there are too many.
    """
    as_characters = vocabulary <= len(CHARACTERS)
    parts = "".join(text.split()).lower() if as_characters else text.replace(",", " ").split()
    known = {name: token for token, name in enumerate(map(str, range(vocabulary)))}
    if as_characters:
        known = {name: token for token, name in enumerate(CHARACTERS[:vocabulary])}
    if len(parts) > longest:
        raise ValueError(f"got {len(parts)} tokens; the model reads at most {longest}")
    for place, part in enumerate(parts, start=1):
        if part not in known:
            last = CHARACTERS[vocabulary - 1] if as_characters else str(vocabulary - 1)
            raise ValueError(f"{part[:20]!r}, number {place}, is not a token; the tokens are 0 to {last}")
    return tuple(known[part] for part in parts)


def from_settings(
    settings: Mapping[str, Any],
    vocabulary: int,
    families: tuple[str, ...],
    probes: tuple[str, ...],
    longest: int = MOST_TOKENS,
) -> TokenState:
    """Returns the state that the settings of an address or of a request name; every part is checked.

    Args:
        settings: the settings, as texts.
        vocabulary: the number of tokens.
        families: the names of the mixture's families.
        probes: the probes with cells.
        longest: the most tokens that the model reads.

    Raises:
        SettingError: settings are mistaken; the message lists all of them.
    """
    texts = {str(name): str(value) for name, value in settings.items()}
    size = max((len(text) for pair in texts.items() for text in pair), default=0)
    if size > LONGEST_QUERY:
        name = max(texts, key=lambda name: len(texts[name]))[:40]
        raise SettingError(Problem(name, f"it has {size} characters; at most {LONGEST_QUERY} are read"))
    fields = [field.name for field in dataclasses.fields(TokenState)]
    presets = (OWN, *(FAMILY + family for family in families), *([CELL] if probes else []))
    found: dict[str, Any] = {}
    problems = []
    for name, text in texts.items():
        try:
            if name not in fields:
                raise ValueError(f"unknown setting; {choose_from(name, fields)}")
            if name == "tokens":
                found[name] = read_tokens(text, vocabulary, longest)
            elif name == "preset":
                found[name] = one_of(text, presets)
            elif name == "probe":
                found[name] = one_of(text, probes)
            else:
                found[name] = number_of(name, text, BOUNDS)
        except ValueError as error:
            problems.append(Problem(name, str(error)))
    if found.get("preset") == CELL and "probe" not in texts:
        problems.append(Problem("probe", "a cell needs a probe; none was given"))
    if problems:
        raise SettingError(problems)
    return TokenState(**found)
