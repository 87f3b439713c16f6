"""Errors for people: what came, what was expected, the nearest valid choice, and where it stands."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field


class OffpriorError(Exception):
    """Everything a user can cause; the command line prints its message and no traceback."""


class ApproximationWarning(UserWarning):
    """A reference is approximate, or there is none."""


class QuadratureWarning(ApproximationWarning):
    """So many posteriors have an estimated error above `limit` of the evidence, `worst` at most."""

    def __init__(self, count: int, worst: float, limit: float):
        self.count, self.worst, self.limit = count, worst, limit
        largest = f"at most {worst:.2g}" if worst < float("inf") else "in one without a bound"
        super().__init__(
            f"the estimated quadrature error of {count:,} posterior{'s' if count != 1 else ''} is above {limit:g} of "
            f"the evidence, {largest}: approximate (Bayes.quadrature_gap tells by how much)"
        )

    def __reduce__(self):
        return type(self), (self.count, self.worst, self.limit)


@dataclass(frozen=True)
class Problem:
    """One mistake: where it stands and what to write instead."""

    key: str
    message: str
    file: str | None = None
    about: tuple[str, ...] | None = field(default=None, compare=False)
    """What else it depends on: dotted keys beside its own, with a dot at the end where it is everything below. None
    where nobody has said."""

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.file, self.key, self.message) if part)
        # Whatever was given as a key, it stays one line.
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)

    def inside(self, path: str, file: str | None = None) -> "Problem":
        """The same mistake, its key put under the dotted `path` of a whole."""
        key, *about = (".".join(part for part in (path, key) if part) for key in (self.key, *(self.about or ())))
        return Problem(key, self.message, file or self.file, None if self.about is None else tuple(about))


class SettingError(OffpriorError, ValueError):
    """One or more mistakes in settings, each a line of its own."""

    def __init__(self, problems: "Problem | str | list[Problem]"):
        if isinstance(problems, str):
            problems = Problem("", problems)
        self.problems: list[Problem] = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self):
        return type(self), (self.problems,)


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that looks most like `word`, or None where none does."""
    choices = [str(choice) for choice in choices]
    lowered = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(str(word).lower(), list(lowered), n=1, cutoff=0.6)
    return lowered[found[0]] if found else None


def choose_from(word: object, choices: Iterable[str]) -> str:
    """What to write instead of `word`: the nearest of the choices, or all of them."""
    choices = [str(choice) for choice in choices]
    near = nearest(str(word), choices)
    if near is not None:
        return f"did you mean {near}?"
    return f"choose from {', '.join(choices)}" if choices else "there is nothing to choose from"
