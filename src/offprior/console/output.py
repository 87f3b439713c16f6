"""Output for any stream and any text: characters that an encoding lacks are spelt out, brackets are kept."""

import codecs
import sys
import unicodedata
from typing import Any

from rich.console import Console as RichConsole

ERRORS = "offprior-spelt"
"""The name of the error handler `spelt`, for streams."""
SPELT = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "Δ": "Delta", "θ": "theta", "λ": "lambda", "μ": "mu",
    "ν": "nu", "ρ": "rho", "σ": "sigma", "Σ": "Sigma", "τ": "tau", "φ": "phi", "Φ": "Phi", "ω": "omega", "π": "pi",
    "×": "x", "·": "*", "−": "-", "–": "-", "—": "-", "…": "...", "‖": "||", "√": "sqrt", "∞": "inf", "°": " degrees",
    "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "→": "->", "←": "<-", "∈": "in", "’": "'", "“": '"', "”": '"',
    "─": "-", "━": "-", "│": "|", "╸": "-", "╺": "-", "•": "*", "∂": "d",
}  # fmt: skip
"""The spelling of characters that have no decomposition into ASCII."""


def spelt(error: UnicodeError) -> tuple[str, int]:
    """Spells out characters that an encoding lacks: θ as theta, ² as 2, é as e; any other becomes an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = []
    for sign in error.object[error.start : error.end]:
        plain = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
        found.append(SPELT.get(sign) or plain or sign.encode("ascii", "backslashreplace").decode())
    return "".join(found), error.end


codecs.register_error(ERRORS, spelt)


def printable(text: str) -> str:
    """Returns the text as standard output can print it, for texts passed to `print`."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, ERRORS).decode(encoding)


def survive(*streams: Any) -> None:
    """Makes streams of this process spell out characters that their encoding lacks."""
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=ERRORS)


class Console(RichConsole):
    """A console that prints text as it is: no markup, no emoji codes, and no error in any encoding."""

    def __init__(self, **settings: Any):
        super().__init__(**{"markup": False, "emoji": False, "highlight": False, **settings})

    @property
    def file(self) -> Any:
        """The stream that the console prints to."""
        return _Surviving(super().file)

    @file.setter
    def file(self, new: Any) -> None:
        self._file = new

    @property
    def encoding(self) -> str:
        """The stream's encoding, which determines the characters used to draw lines."""
        return (getattr(self.file, "encoding", None) or "utf-8").lower()


class _Surviving:
    """A wrapper that spells out what the user's stream cannot encode, without changing the stream's settings."""

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
    """Prints a line to standard error."""
    Console(stderr=True).print(text, soft_wrap=True)


def one_line(message: Warning | str, *_: Any, **__: Any) -> None:
    """Prints a Python warning as one line, without its file and source; for `warnings.showwarning`."""
    print(f"warning: {message}", file=sys.stderr)
