"""Pairs of numbers as text, for language models: two formats, and how an answer is read.

The format `lines` is that of Vacareanu et al. 2024 (arXiv 2404.07544): one feature a line, then the output.

    Feature 0: 0.52
    Output: 1.20

    Feature 0: 0.10
    Output:

The format `delimited` is that of LLM Processes (Requeima et al. 2024, arXiv 2405.12856): one pair a line, with a comma
between its numbers. Unlike LLMTime (Gruver et al. 2023), it does not put spaces between digits.

    0.52,1.20
    0.10,
"""

import abc
import dataclasses
import re

import numpy as np
from jaxtyping import Float

from offprior.errors import Problem, SettingError, choose_from

NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])")
MOST_SHOWN = 40
"""The most characters of an answer that a message shows."""


@dataclasses.dataclass(frozen=True)
class TextFormat(abc.ABC):
    """How a prompt of numbers is written and an answer is read."""

    decimals: int = 2
    """Digits after the point."""
    instruction: str = ""
    """Text before the pairs."""

    STOP = "\n"
    """The text after which an answer has ended."""

    @abc.abstractmethod
    def before(self, x: Float[np.ndarray, " d"]) -> str:
        """Returns the text of an input, up to where its output begins."""

    @abc.abstractmethod
    def output(self, y: float) -> str:
        """Returns the text of an output, with what ends it."""

    @abc.abstractmethod
    def between(self) -> str:
        """Returns what follows an output, before the next input."""

    def number(self, value: float) -> str:
        """Writes a number with the format's digits; zero has no sign."""
        text = f"{value:.{self.decimals}f}"
        return text.removeprefix("-") if not float(text) else text

    def pair(self, x: Float[np.ndarray, " d"], y: float) -> str:
        """Returns the text of a pair."""
        return self.before(x) + self.output(y) + self.between()

    def prompt(self, x: Float[np.ndarray, "n d"], y: Float[np.ndarray, " n"], query: Float[np.ndarray, " d"]) -> str:
        """Returns the text of a context and one query, which a language model continues with the output."""
        pairs = "".join(self.pair(one, float(value)) for one, value in zip(x, y, strict=True))
        return self.instruction + pairs + self.before(query)

    def parsed(self, answer: str) -> float:
        """Reads the number that an answer begins with.

        Raises:
            ValueError: it begins with something else, or the number is not finite.
        """
        found = NUMBER.match(answer)
        value = float(found.group(1)) if found else np.nan
        if not np.isfinite(value):
            shown = answer if len(answer) <= MOST_SHOWN else f"{answer[:MOST_SHOWN]}…"
            raise ValueError(f"no number: {shown!r}")
        return value


class Lines(TextFormat):
    """One feature a line, then the output."""

    def before(self, x: Float[np.ndarray, " d"]) -> str:
        features = "".join(f"Feature {place}: {self.number(float(value))}\n" for place, value in enumerate(x))
        return f"{features}Output:"

    def output(self, y: float) -> str:
        return f" {self.number(y)}\n"

    def between(self) -> str:
        return "\n"


class Delimited(TextFormat):
    """One pair a line, with a comma between its numbers."""

    def before(self, x: Float[np.ndarray, " d"]) -> str:
        return "".join(f"{self.number(float(value))}," for value in x)

    def output(self, y: float) -> str:
        return f"{self.number(y)}\n"

    def between(self) -> str:
        return ""


FORMATS: dict[str, type[TextFormat]] = {"lines": Lines, "delimited": Delimited}


def text_format(name: str, decimals: int = 2, instruction: str = "") -> TextFormat:
    """Returns the format of a name.

    Raises:
        SettingError: there is none, or the digits are not between 0 and 12.
    """
    if name not in FORMATS:
        raise SettingError(Problem("format", f"unknown format {name!r}; {choose_from(str(name), list(FORMATS))}"))
    if not isinstance(decimals, int) or isinstance(decimals, bool) or not 0 <= decimals <= 12:
        raise SettingError(Problem("decimals", f"it must be a whole number from 0 to 12, got {decimals!r}"))
    return FORMATS[name](decimals, str(instruction))
