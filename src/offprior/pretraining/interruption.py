"""Ctrl-C and SIGTERM ask a loop to stop at its next safe place; a second Ctrl-C stops it at once."""

import contextlib
import signal
import threading
from collections.abc import Iterator


class Interruption:
    """Whether training has been asked to stop."""

    def __init__(self) -> None:
        self.asked = False


class Interrupted(KeyboardInterrupt):
    """Training was stopped on request; the message says at which step."""


@contextlib.contextmanager
def listening() -> Iterator[Interruption]:
    """Makes SIGINT and SIGTERM only set `asked` inside the block; outside the main thread this has no effect."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return

    def ask(number: int, frame: object) -> None:
        if interruption.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        interruption.asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
