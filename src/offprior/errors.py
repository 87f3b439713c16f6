"""Errors for users: what was given, what was expected, the nearest valid choice, and where it was given."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field


class OffpriorError(Exception):
    """Base class of all errors that a user can cause; the command line prints the message without a traceback."""


class ApproximationWarning(UserWarning):
    """A reference is approximate, or missing."""


class QuadratureWarning(ApproximationWarning):
    """Some posteriors have an estimated error above `limit` of the evidence, `worst` at most; `count` says how many."""

    def __init__(self, count: int, worst: float, limit: float):
        self.count, self.worst, self.limit = count, worst, limit
        largest = f"at most {worst:.2g}" if worst < float("inf") else "in one without a bound"
        super().__init__(
            f"the estimated quadrature error of {count:,} posterior{'s' if count != 1 else ''} is above {limit:g} of "
            f"the evidence, {largest}: approximate (Bayes.quadrature_gap says by how much)"
        )

    def __reduce__(self):
        return type(self), (self.count, self.worst, self.limit)


@dataclass(frozen=True)
class Problem:
    """One mistake: its place and what to write instead."""

    key: str
    message: str
    file: str | None = None
    about: tuple[str, ...] | None = field(default=None, compare=False)
    """The dotted keys that the problem depends on, in addition to its own; a trailing dot means everything below.

    None if this is unknown.
    """

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.file, self.key, self.message) if part)
        # The text stays on one line, whatever was given as a key.
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)

    def inside(self, path: str, file: str | None = None) -> "Problem":
        """Returns the same mistake with its key moved under the dotted `path` of a larger mapping."""
        key, *about = (".".join(part for part in (path, key) if part) for key in (self.key, *(self.about or ())))
        return Problem(key, self.message, file or self.file, None if self.about is None else tuple(about))


class SettingError(OffpriorError, ValueError):
    """One or more mistakes in settings, each on its own line."""

    def __init__(self, problems: "Problem | str | list[Problem]"):
        if isinstance(problems, str):
            problems = Problem("", problems)
        self.problems: list[Problem] = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self):
        return type(self), (self.problems,)


def in_a_line(error: Exception) -> str:
    """Returns the kind and the message of any error as one line."""
    return ": ".join(filter(None, (type(error).__name__, " ".join(str(error).split()))))


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Returns the choice most similar to `word`, or None if none is similar."""
    choices = [str(choice) for choice in choices]
    lowered = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(str(word).lower(), list(lowered), n=1, cutoff=0.6)
    return lowered[found[0]] if found else None


def choose_from(word: object, choices: Iterable[str]) -> str:
    """Says what to write instead of `word`: the nearest of the choices, or all of them."""
    choices = [str(choice) for choice in choices]
    near = nearest(str(word), choices)
    if near is not None:
        return f"did you mean {near}?"
    return f"choose from {', '.join(choices)}" if choices else "there is nothing to choose from"
