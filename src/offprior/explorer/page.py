# Bokeh's properties accept and return different types, of which pyright knows only one.
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportOptionalMemberAccess=false
"""One page: handles changes of its widgets, and shows the answers."""

import base64
import dataclasses
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html import escape
from typing import Any

from bokeh.document import Document
from bokeh.events import DoubleTap, MouseMove, Pan, PanEnd, PanStart, Press, PressUp, Tap
from bokeh.models import Div

from offprior.errors import OffpriorError
from offprior.explorer.answer import Answers
from offprior.explorer.answers import ATTENTION, Answerer
from offprior.explorer.controls import Controls
from offprior.explorer.drawing import Drawing
from offprior.explorer.latest import Latest
from offprior.explorer.opening import opened
from offprior.explorer.playing import Playing
from offprior.explorer.reading import reading
from offprior.explorer.state import BOUNDS, CELL, LARGEST, OWN, State, read_csv

LOGGER = logging.getLogger(__name__)
NO_ANSWER = "no answer: "


class Page:
    """The state of one session; nothing in it is shared with other sessions."""

    def __init__(self, document: Document, answerer: Answerer, threads: ThreadPoolExecutor, arguments: dict[str, str]):
        self.document, self.answerer = document, answerer
        families = tuple(answerer.mixture.family_names)
        self.message = Div(text="", name="message", styles={"color": "#b00020"})
        self.state, mistakes = opened(answerer, arguments)
        if mistakes is not None:
            self.message.text = _plain(mistakes)
        self.chosen: int | None = None
        self.is_dragged = False
        self._fits = False
        self._shown = self.state
        self._waits_for: set[int] = set()
        self.drawing = Drawing(answerer.labels, tuple(answerer.panel), families, answerer.places, answerer.titles)
        self.reading = Div(text="", width=280, name="reading")
        # The classical predictors are slow, hence answered separately so that they do not delay the rest.
        self.latest: Latest[State] = Latest(self._answer, threads)
        self.later: Latest[Answers] = Latest(self._answer_panel, threads)
        self.controls = Controls(answerer, self.state, self.drawing.figure, self._open)
        self._bind()
        document.add_root(self.controls.layout(self.message, self.reading, self.drawing.figure))
        self.controls.script(document, self.message)
        document.title = f"offprior: {answerer.recipe.name}"
        document.on_session_destroyed(lambda _: self._end())
        self.drawing.fit(self.state, None)
        self.changed(draws=not self.state.points, fits=True)

    def changed(self, *, draws: bool = False, fits: bool = False, **settings: Any) -> None:
        """Updates settings and requests answers.

        `draws` draws the prompt anew, because its function changed; `fits` fits the plot's height to the next answers.
        """
        state = dataclasses.replace(self.state, **settings)
        try:
            self.state = self.answerer.drawn(state) if draws else state
        except OffpriorError as error:
            self.message.text = _plain(error)
            return
        if draws:
            self.chosen = None
        self._fits = self._fits or fits
        self._show_state()
        self.latest.ask(self.state)

    def _answer(self, state: State) -> None:
        """Answers in a worker thread, so that the page stays responsive."""

        def act() -> None:
            answers = self.answerer.answer(state)
            self.document.add_next_tick_callback(lambda: self._show(answers))

        self._told(act, state)

    def _answer_panel(self, answers: Answers) -> None:
        def act() -> None:
            found = self.answerer.with_panel(answers)
            self.document.add_next_tick_callback(lambda: self._show_panel(found))

        self._told(act, answers.state)

    def _told(self, act: Callable[[], None], state: State) -> None:
        """Shows errors on the page; otherwise old curves would appear to belong to new points."""
        try:
            act()
        except Exception as error:
            if not isinstance(error, OffpriorError):
                LOGGER.exception("no answer to %s", state)
            said = f"{NO_ANSWER}{_plain(error)}"
            self.document.add_next_tick_callback(lambda: self.message.update(text=said))

    def _show(self, answers: Answers) -> None:
        self._shown = answers.state
        if self.message.text.startswith(NO_ANSWER):
            self.message.text = ""
        self.drawing.show_answers(answers)
        if self._fits:
            self.drawing.fit(answers.state, answers)
            self._fits = False
        if answers.look is not None and answers.look.waits:
            self._wait_for_read_out(answers.state.model)
        if any(label in self.answerer.panel for label in answers.state.shown):
            self.later.ask(answers)
        else:
            self.reading.text = self._read(answers)

    def _show_panel(self, answers: Answers) -> None:
        self.drawing.show_panel(answers)
        if answers.state is self._shown:  # otherwise a newer answer has been shown, or will be
            self.reading.text = self._read(answers)

    def _read(self, answers: Answers) -> str:
        return reading(answers, self.answerer.approximation, self.answerer.titles)

    def _wait_for_read_out(self, number: int) -> None:
        """Asks again once the layers' read-out is fitted; once per model."""
        model = self.answerer.models[number]
        if model.seed not in self._waits_for:
            self._waits_for.add(model.seed)
            self.answerer.looks.when_fitted(model, lambda: self.latest.ask(self.state))

    def _show_state(self) -> None:
        """Shows the state's points, widget values and addresses."""
        self.drawing.show_points(self.state, self.chosen)
        self.drawing.show_only(self.state.shown)
        if not self.is_dragged:
            self.controls.show(self.state, self.chosen)
            self.controls.share(self.state)

    def _bind(self) -> None:
        controls, bind = self.controls, self._on
        bind(controls.preset, self._choose_preset)
        for name, slider in controls.sliders.items():
            bind(slider, lambda value, name=name: self._slid(name, value))
        bind(controls.shown, self._toggled, "active")
        bind(controls.model, lambda value: self.changed(model=controls.seeds.index(value)))
        bind(controls.number, self._choose)
        for axis in (controls.at_x, controls.at_y):
            bind(axis, lambda _: self._move_chosen(controls.at_x.value, controls.at_y.value))
        controls.bind(controls.file, self._loaded)
        bind(controls.film, lambda place: self.changed(step=self._step(int(place))))
        bind(controls.query, lambda value: self._looked(query=float(value)))
        bind(controls.layer, lambda value: self._looked(layer=0 if value == "all" else int(value)))
        bind(controls.head, lambda value: self._looked(head=0 if value == "all" else int(value)))
        controls.task.on_click(self._new_task)
        controls.add.on_click(lambda: self._add(controls.at_x.value or 0.0, controls.at_y.value or 0.0))
        controls.delete.on_click(self._delete)
        frames = len(self.answerer.film.steps)
        Playing(self.document, controls.play, frames, lambda place: self.changed(step=self._step(place)))
        plot = self.drawing.figure
        plot.on_event(PanStart, self._take)
        plot.on_event(Pan, lambda event: self._drag(event.x, event.y))
        plot.on_event(PanEnd, self._let_go)
        # To Bokeh, a button that is held still for a moment and then moved is a press, not a pan.
        plot.on_event(Press, self._take)
        plot.on_event(MouseMove, lambda event: self._drag(event.x, event.y))
        plot.on_event(PressUp, self._let_go)
        plot.on_event(Tap, self._tap)
        plot.on_event(DoubleTap, lambda event: self._add(event.x, event.y))

    def _on(self, widget: Any, act: Callable[[Any], None], what: str = "value") -> None:
        def on_change(new: Any) -> None:
            self.message.text = ""
            act(new)

        self.controls.bind(widget, on_change, what)

    def _choose_preset(self, value: str) -> None:
        if value == CELL and not self.state.probe:
            self.message.text = "choose a cell of the verdicts, below"
            self.controls.show(self.state, self.chosen)
            return
        self.changed(preset=value, draws=True, fits=True)

    def _slid(self, name: str, value: float) -> None:
        # The user's own points have no function that a slider could change.
        draws = self.state.preset != OWN
        self.changed(draws=draws, **{name: int(value) if name == "length" else float(value)})

    def _new_task(self) -> None:
        preset = "combination" if self.state.preset == OWN else self.state.preset
        self.changed(preset=preset, task=(self.state.task + 1) % (BOUNDS["task"][1] + 1), draws=True, fits=True)

    def _open(self, run: int, probe: str, strength: float, length: int) -> None:
        """Draws a prompt of a cell of a run's verdicts."""
        self.message.text = ""
        self.changed(preset=CELL, run=run, probe=probe, strength=strength, length=length, draws=True, fits=True)
        if self.state.preset == CELL and length > len(self.state.points):
            self.message.text = f"the cell has {length} pairs; at most {len(self.state.points)} are shown here"

    def _toggled(self, active: list[int]) -> None:
        self.changed(shown=tuple(self.controls.choices[number] for number in sorted(active)))

    def _looked(self, **settings: Any) -> None:
        """Changes where the model is inspected, and shows the attention if it was hidden."""
        shown = self.state.shown
        self.changed(shown=shown if ATTENTION in shown else (*shown, ATTENTION), **settings)

    def _step(self, place: int) -> int:
        """Returns the training step of a frame; 0, the last weights, for the last frame."""
        steps = self.answerer.film.steps
        return steps[place] if place < len(steps) - 1 else 0

    def _end(self) -> None:
        self.latest.close()
        self.later.close()

    def _take(self, event: Any) -> None:
        self.chosen = self.drawing.nearest(self.state, event.x, event.y)
        self.is_dragged = self.chosen is not None

    def _drag(self, x: float, y: float) -> None:
        if self.is_dragged:
            self._move_chosen(x, y)

    def _let_go(self, event: Any) -> None:
        if self.is_dragged:
            self.is_dragged = False
            self._move_chosen(event.x, event.y)
            self._show_state()

    def _tap(self, event: Any) -> None:
        place = self.drawing.nearest(self.state, event.x, event.y)
        if place is not None:
            self._choose(place + 1)

    def _choose(self, number: int) -> None:
        if 1 <= number <= len(self.state.points):
            self.chosen = int(number) - 1
            self._show_state()

    def _move_chosen(self, x: float | None, y: float | None) -> None:
        if self.chosen is None or x is None or y is None or not self._is_in_bounds(x, y):
            return
        points = list(self.state.points)
        # Browsers report a drag twice, as a pan and as mouse movement.
        if points[self.chosen] != (float(x), float(y)):
            points[self.chosen] = (float(x), float(y))
            self._own(points)

    def _is_in_bounds(self, x: float, y: float) -> bool:
        if max(abs(x), abs(y)) <= LARGEST:
            return True
        self.message.text = f"a coordinate must lie between −{LARGEST:g} and {LARGEST:g}"
        return False

    def _add(self, x: float, y: float) -> None:
        if len(self.state.points) >= self.answerer.longest:
            self.message.text = f"a prompt has at most {self.answerer.longest} points here"
            return
        if not self._is_in_bounds(x, y):
            return
        self.chosen = len(self.state.points)
        self._own([*self.state.points, (float(x), float(y))])

    def _delete(self) -> None:
        if self.chosen is None or not self.state.points:
            self.message.text = "no point is selected: click one, or enter its number"
            return
        points = [point for place, point in enumerate(self.state.points) if place != self.chosen]
        self.chosen = min(self.chosen, len(points) - 1) if points else None
        self._own(points)

    def _own(self, points: list[tuple[float, float]]) -> None:
        self.changed(points=tuple(points), preset=OWN)

    def _loaded(self, content: str) -> None:
        if not content:  # the input was cleared
            return
        self.message.text = ""
        self.controls.file.clear()  # so that the same file can be loaded again
        try:
            points = read_csv(base64.b64decode(content))
        except OffpriorError as error:
            self.message.text = _plain(error)
            return
        self.chosen = None
        self.changed(points=points[: self.answerer.longest], preset=OWN, fits=True)
        if len(points) > self.answerer.longest:
            self.message.text = (
                f"the first {self.answerer.longest} of {len(points)} points are shown: the model takes no more"
            )


def _plain(error: Exception) -> str:
    return escape(str(error) or type(error).__name__).replace("\n", "<br>")
