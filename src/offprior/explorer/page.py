# What Bokeh's properties take and what they give back are of different types, of which pyright sees one.
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportOptionalMemberAccess=false
"""One page: its widgets, what they change, and the answers that come back."""

import base64
import dataclasses
import logging
from concurrent.futures import ThreadPoolExecutor
from html import escape
from typing import Any

from bokeh.document import Document
from bokeh.events import DoubleTap, MouseMove, Pan, PanEnd, PanStart, Press, PressUp, Tap
from bokeh.layouts import column, row
from bokeh.models import (
    Button,
    CheckboxGroup,
    CustomJS,
    Div,
    FileInput,
    Select,
    Slider,
    Spinner,
    TextAreaInput,
    TextInput,
)

from offprior.errors import OffpriorError
from offprior.explorer.answers import Answerer, Answers
from offprior.explorer.drawing import Drawing
from offprior.explorer.latest import Latest
from offprior.explorer.reading import reading
from offprior.explorer.share import ADDRESS, COPY, DOWNLOAD, as_python
from offprior.explorer.state import BOUNDS, LARGEST, OWN, PRESETS, State, from_query, read_csv, to_query

LOGGER = logging.getLogger(__name__)
SLIDERS = {
    "weight": ("weight a of the line", 0.01),
    "frequency": ("frequency ω", 0.05),
    "amplitude": ("amplitude", 0.05),
    "slope": ("slope", 0.05),
    "noise": ("noise", 0.01),
    "length": ("context length", 1),
}


class Page:
    """A session's own state; nothing of it is shared with other sessions."""

    def __init__(self, document: Document, answerer: Answerer, threads: ThreadPoolExecutor, arguments: dict[str, str]):
        self.document, self.answerer = document, answerer
        self.families = tuple(answerer.mixture.family_names)
        self.message = Div(text="", name="message", styles={"color": "#b00020"})
        self.state = self._begun(arguments)
        self.chosen: int | None = None
        self.is_dragged = self.is_moved_by_us = False
        self.drawing = Drawing(answerer.labels, self.families, answerer.places)
        self.reading = Div(text="", width=280, name="reading")
        self.latest: Latest[State] = Latest(self._work, threads)
        self._make_controls()
        self._lay_out()
        document.on_session_destroyed(lambda _: self.latest.close())
        self.drawing.fit(self.state, None)
        self.changed(draws=not self.state.points, fits=True)

    def changed(self, *, draws: bool = False, fits: bool = False, **settings: Any) -> None:
        """Take over settings, draw the prompt anew where its function changed, and ask for answers."""
        self.state = dataclasses.replace(self.state, **settings)
        if draws:
            self.chosen = None
            self.state = self.answerer.drawn(self.state)
        self._fits = fits
        self._show_state()
        self.latest.ask(self.state)

    def _begun(self, arguments: dict[str, str]) -> State:
        try:
            state = from_query(arguments, self.families, self.answerer.labels)
        except OffpriorError as error:
            self.message.text = _plain(error)
            return State()
        # An address may be of another run, with more models and longer contexts.
        longest = self.answerer.longest
        return dataclasses.replace(
            state,
            points=state.points[:longest],
            length=min(state.length, longest),
            model=min(state.model, len(self.answerer.models) - 1),
        )

    def _work(self, state: State) -> None:
        """In a thread of its own: the page goes on meanwhile."""
        try:
            answers: Answers | Exception = self.answerer.answer(state)
        except OffpriorError as error:
            answers = error
        except Exception as error:  # a page that says nothing would show old curves for new points
            LOGGER.exception("no answer to %s", state)
            answers = error
        self.document.add_next_tick_callback(lambda: self._show(answers))

    def _show(self, answers: Answers | Exception) -> None:
        if isinstance(answers, Exception):
            self.message.text = f"no answer: {_plain(answers)}"
            return
        self.drawing.show_answers(answers)
        self.reading.text = reading(answers)
        if self._fits:
            self.drawing.fit(answers.state, answers)
            self._fits = False

    def _show_state(self) -> None:
        """Points, widgets and addresses of the state, without taking their changes for a user's."""
        state, places = self.state, self.answerer.places
        self.drawing.show_points(state, self.chosen)
        self.drawing.show_only(state.shown)
        self.is_moved_by_us = True
        try:
            self.preset.value = state.preset
            for name, slider in self.sliders.items():
                slider.value = getattr(state, name)
            self.number.high = max(1, len(state.points))
            if self.chosen is not None:
                self.number.value = self.chosen + 1
                self.at_x.value, self.at_y.value = (round(value, 4) for value in state.points[self.chosen])
        finally:
            self.is_moved_by_us = False
        if not self.is_dragged:
            self.address.value = to_query(state)
            self.python.value = as_python(
                str(self.answerer.run.folder), state, float(places[0]), float(places[-1]), len(places)
            )

    def _make_controls(self) -> None:
        state = self.state
        self.preset = Select(
            title="function", value=state.preset, options=[*PRESETS, *self.families, OWN], name="preset"
        )
        self.preset.on_change(
            "value", self._from_widget(lambda value: self.changed(preset=value, draws=True, fits=True))
        )
        self.sliders = {}
        for name, (title, step) in SLIDERS.items():
            low, high = BOUNDS[name]
            high = min(high, self.answerer.longest) if name == "length" else high
            slider = Slider(
                title=title, start=low, end=high, step=step, value=getattr(state, name), name=name, width=260
            )
            slider.on_change("value", self._from_widget(lambda value, name=name: self._slid(name, value)))
            self.sliders[name] = slider
        self.task = _button("New task", "new-task", self._new_task)
        self.shown = CheckboxGroup(
            labels=list(self.answerer.labels),
            active=[self.answerer.labels.index(label) for label in state.shown if label in self.answerer.labels],
            name="shown",
        )
        self.shown.on_change("active", self._from_widget(self._toggled))
        seeds = [f"seed {model.seed}" for model in self.answerer.models]
        self.model = Select(title="model", value=seeds[state.model], options=seeds, name="model")
        self.model.on_change("value", self._from_widget(lambda value: self.changed(model=seeds.index(value))))
        self.number = Spinner(title="point", low=1, high=1, step=1, value=1, width=70, name="point-number")
        self.at_x = Spinner(title="x", step=0.1, value=0.0, width=90, name="point-x")
        self.at_y = Spinner(title="y", step=0.1, value=0.0, width=90, name="point-y")
        self.number.on_change("value", self._from_widget(self._choose))
        self.at_x.on_change("value", self._from_widget(lambda _: self._move_chosen(self.at_x.value, self.at_y.value)))
        self.at_y.on_change("value", self._from_widget(lambda _: self._move_chosen(self.at_x.value, self.at_y.value)))
        self.add = _button("Add point", "add-point", lambda: self._add(self.at_x.value or 0.0, self.at_y.value or 0.0))
        self.delete = _button("Delete point", "delete-point", self._delete)
        self.file = FileInput(accept=".csv,.txt", name="csv", title="CSV of x, y")
        self.file.on_change("value", self._from_widget(self._loaded))
        self.address = TextInput(title="permalink", value="", name="permalink", width=260)
        self.address.js_on_change("value", CustomJS(code=ADDRESS))
        self.python = TextAreaInput(
            title="the same in Python", rows=6, sizing_mode="stretch_width", name="python", max_length=20000
        )
        self.copy = Button(label="Copy as Python", name="copy-python")
        self.copy.js_on_click(CustomJS(args={"text": self.python}, code=COPY))
        self.downloads = [Button(label=f"Download {kind.upper()}", name=f"download-{kind}") for kind in ("svg", "png")]
        for kind, button in zip(("svg", "png"), self.downloads, strict=True):
            button.js_on_click(CustomJS(args={"plot": self.drawing.figure, "kind": kind}, code=DOWNLOAD))
        plot = self.drawing.figure
        plot.on_event(PanStart, self._take)
        plot.on_event(Pan, lambda event: self._drag(event.x, event.y))
        plot.on_event(PanEnd, self._let_go)
        # A button that is held still for a moment, then moved, is no pan to Bokeh, but a press.
        plot.on_event(Press, self._take)
        plot.on_event(MouseMove, lambda event: self._drag(event.x, event.y))
        plot.on_event(PressUp, self._let_go)
        plot.on_event(Tap, self._tap)
        plot.on_event(DoubleTap, lambda event: self._add(event.x, event.y))

    def _lay_out(self) -> None:
        sliders = column(self.preset, *self.sliders.values(), self.task, self.model, self.file, width=280)
        points = row(self.number, self.at_x, self.at_y, column(self.add, self.delete))
        shares = row(self.copy, *self.downloads)
        plot = [self.message, self.drawing.figure, points, shares, self.python]
        middle = column(*plot, sizing_mode="stretch_width", min_width=460, styles={"flex": "1 1 460px"})
        right = column(self.reading, Div(text="<h3>curves</h3>"), self.shown, self.address, width=300)
        # What has no room beside the plot goes below it.
        whole = row(middle, sliders, right, sizing_mode="stretch_width", styles={"flex-wrap": "wrap"})
        self.document.add_root(whole)
        self.document.title = f"offprior: {self.answerer.recipe.name}"

    def _from_widget(self, act: Any) -> Any:
        def on_change(_: str, __: Any, new: Any) -> None:
            if not self.is_moved_by_us and new is not None:
                self.message.text = ""
                act(new)

        return on_change

    def _slid(self, name: str, value: float) -> None:
        # Points of one's own have no function that a slider could change.
        draws = self.state.preset != OWN
        self.changed(draws=draws, **{name: int(value) if name == "length" else float(value)})

    def _new_task(self) -> None:
        preset = "combination" if self.state.preset == OWN else self.state.preset
        self.changed(preset=preset, task=(self.state.task + 1) % (BOUNDS["task"][1] + 1), draws=True, fits=True)

    def _toggled(self, active: list[int]) -> None:
        self.changed(shown=tuple(self.answerer.labels[number] for number in sorted(active)))

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

    def _tap(self, event: Any) -> None:
        place = self.drawing.nearest(self.state, event.x, event.y)
        if place is not None:
            self._choose(place + 1)

    def _choose(self, number: int) -> None:
        if 1 <= number <= len(self.state.points):
            self.chosen = int(number) - 1
            self._show_state()

    def _move_chosen(self, x: float | None, y: float | None) -> None:
        if self.chosen is None or x is None or y is None or max(abs(x), abs(y)) > LARGEST:
            return
        points = list(self.state.points)
        points[self.chosen] = (float(x), float(y))
        self._own(points)

    def _add(self, x: float, y: float) -> None:
        if len(self.state.points) >= self.answerer.longest:
            self.message.text = f"a prompt has at most {self.answerer.longest} points here"
            return
        self.chosen = len(self.state.points)
        self._own([*self.state.points, (float(x), float(y))])

    def _delete(self) -> None:
        if self.chosen is None or not self.state.points:
            self.message.text = "no point is chosen: press one, or give its number"
            return
        points = [point for place, point in enumerate(self.state.points) if place != self.chosen]
        self.chosen = min(self.chosen, len(points) - 1) if points else None
        self._own(points)

    def _own(self, points: list[tuple[float, float]]) -> None:
        self.changed(points=tuple(points), preset=OWN)

    def _loaded(self, content: str) -> None:
        try:
            points = read_csv(base64.b64decode(content))
        except OffpriorError as error:
            self.message.text = _plain(error)
            return
        self.chosen = None
        self.changed(points=points[: self.answerer.longest], preset=OWN, fits=True)
        if len(points) > self.answerer.longest:
            self.message.text = (
                f"the first {self.answerer.longest} of {len(points)} points are shown: no model takes more"
            )


def _button(label: str, name: str, act: Any) -> Button:
    button = Button(label=label, name=name)
    button.on_click(act)
    return button


def _plain(error: Exception) -> str:
    return escape(str(error) or type(error).__name__).replace("\n", "<br>")
