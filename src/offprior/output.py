"""What is printed survives any stream and any text: signs that an encoding lacks are spelt out, brackets stay."""

import codecs
import sys
import unicodedata
from typing import Any

from rich.console import Console as RichConsole

ERRORS = "offprior-spelt"
"""The error handler of `spelt`, for streams."""
SPELT = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "Δ": "Delta", "θ": "theta", "λ": "lambda", "μ": "mu",
    "ν": "nu", "ρ": "rho", "σ": "sigma", "Σ": "Sigma", "τ": "tau", "φ": "phi", "Φ": "Phi", "ω": "omega", "π": "pi",
    "×": "x", "·": "*", "−": "-", "–": "-", "—": "-", "…": "...", "‖": "||", "√": "sqrt", "∞": "inf", "°": " degrees",
    "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "→": "->", "←": "<-", "∈": "in", "’": "'", "“": '"', "”": '"',
    "─": "-", "━": "-", "│": "|", "╸": "-", "╺": "-", "•": "*", "∂": "d",
}  # fmt: skip


def spelt(error: UnicodeError) -> tuple[str, int]:
    """What an encoding cannot say, in letters that all have: θ is theta, ² is 2, é is e, what is left its number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = []
    for sign in error.object[error.start : error.end]:
        plain = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
        found.append(SPELT.get(sign) or plain or sign.encode("ascii", "backslashreplace").decode())
    return "".join(found), error.end


codecs.register_error(ERRORS, spelt)


def printable(text: str) -> str:
    """The text as the standard output can print it: what `print` of an object's text needs."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, ERRORS).decode(encoding)


def survive(*streams: Any) -> None:
    """Let streams of this process spell out what their encoding lacks."""
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=ERRORS)


class Console(RichConsole):
    """A console that prints what it is given: no markup, no signs for words, and no error whatever the encoding."""

    def __init__(self, **settings: Any):
        super().__init__(**{"markup": False, "emoji": False, "highlight": False, **settings})

    @property
    def file(self) -> Any:
        """Where it prints."""
        return _Surviving(super().file)

    @file.setter
    def file(self, new: Any) -> None:
        self._file = new

    @property
    def encoding(self) -> str:
        """The encoding of the stream; lines are drawn with the characters that it has."""
        return (getattr(self.file, "encoding", None) or "utf-8").lower()


class _Surviving:
    """A stream, of which the user may have any; its own settings are left alone."""

    def __init__(self, stream: Any):
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding or "ascii"
            return self._stream.write(text.encode(encoding, ERRORS).decode(encoding))


def warn(text: str) -> None:
    """Print a line to standard error."""
    Console(stderr=True).print(text, soft_wrap=True)


def one_line(message: Warning | str, *_: Any, **__: Any) -> None:
    """A Python warning as a line, in place of its file and source; for `warnings.showwarning`."""
    print(f"warning: {message}", file=sys.stderr)
