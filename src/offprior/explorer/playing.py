# Bokeh's properties accept and return different types, of which pyright knows only one.
# pyright: reportAttributeAccessIssue=false
"""The button that plays the training film, frame by frame."""

from collections.abc import Callable
from typing import Any

from bokeh.document import Document
from bokeh.models import Button

FRAME = 350
"""The duration of a frame [milliseconds]."""


class Playing:
    """Shows all frames in turn when the button is pressed; pressing it again stops."""

    def __init__(self, document: Document, button: Button, frames: int, show: Callable[[int], None]):
        self._document, self._button, self._frames, self._show = document, button, frames, show
        self._label = button.label
        self._running: Any = None
        button.on_click(self._pressed)

    def _pressed(self) -> None:
        if self._running is not None:
            self._stop()
            return
        places = iter(range(self._frames))

        def frame() -> None:
            place = next(places, None)
            if place is None:
                self._stop()
            else:
                self._show(place)

        self._running = self._document.add_periodic_callback(frame, FRAME)
        self._button.label = "Stop"

    def _stop(self) -> None:
        self._document.remove_periodic_callback(self._running)
        self._running, self._button.label = None, self._label
