# Bokeh's properties accept and return different types, of which pyright knows only one.
# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportOptionalMemberAccess=false
"""The widgets of a page, the values of a state that they show, and their layout."""

import functools
from collections.abc import Callable
from typing import Any

from bokeh.document import Document
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

from offprior.columns import ALL, WHERE
from offprior.explorer.answers import Answerer
from offprior.explorer.share import ADDRESS, COPY, DOWNLOAD, FILE, as_python
from offprior.explorer.state import BOUNDS, CELL, FAMILY, LARGEST_FILE, OWN, PRESETS, State, to_query
from offprior.explorer.verdict_view import VerdictView

SLIDERS = {
    "weight": ("weight a of the line", 0.01),
    "frequency": ("frequency ω", 0.05),
    "amplitude": ("amplitude", 0.05),
    "slope": ("slope", 0.05),
    "noise": ("noise", 0.01),
    "length": ("context length", 1),
}
LAST = "the last weights"


class Controls:
    """All widgets; callbacks bound by `bind` run if a user changes a value, but not if `show` does."""

    def __init__(self, answerer: Answerer, state: State, figure: Any, opened: Callable[[int, str, float, int], None]):
        self.answerer = answerer
        self._is_shown_by_us = False
        families = [FAMILY + name for name in answerer.mixture.family_names]
        cells = [CELL] if answerer.probes_of(0) or answerer.probes_of(1) else []
        self.preset = Select(
            title="function", value=state.preset, options=[*PRESETS, *families, *cells, OWN], name="preset"
        )
        self.sliders = {name: self._slider(name, title, step, state) for name, (title, step) in SLIDERS.items()}
        self.task = Button(label="New task", name="new-task")
        self.choices = answerer.choices
        titles = answerer.titles
        self.shown = CheckboxGroup(labels=[titles.get(label, label) for label in self.choices], active=[], name="shown")
        self.seeds = [titles.get("model", f"seed {model.seed}") for model in answerer.models]
        self.model = Select(title="model", value=self.seeds[state.model], options=self.seeds, name="model")
        self.number = Spinner(title="point", low=1, high=1, step=1, value=1, width=70, name="point-number")
        self.at_x = Spinner(title="x", step=0.1, value=0.0, width=90, name="point-x")
        self.at_y = Spinner(title="y", step=0.1, value=0.0, width=90, name="point-y")
        self.add = Button(label="Add point", name="add-point")
        self.delete = Button(label="Delete point", name="delete-point")
        self.file = FileInput(accept=".csv,.txt", name="csv", title="CSV of x, y")
        self.film = Slider(
            start=0, end=max(1, len(answerer.film.steps) - 1), value=0, step=1, show_value=False, name="film"
        )
        self.play = Button(label="Play the training", name="play")
        low, high = (float(end) for end in answerer.places[[0, -1]])
        self.query = Slider(title="query x", start=low, end=high, step=(high - low) / 200, value=0.0, name="query")
        self.layer, self.head = (
            Select(title=each, value="all", options=["all", *map(str, range(1, count + 1))], width=80, name=each)
            for each, count in (("layer", answerer.looks.layers), ("head", answerer.looks.heads))
        )
        self.address = TextInput(title="permalink", value="", name="permalink", width=260)
        self.address.js_on_change("value", CustomJS(code=ADDRESS))
        self.python = TextAreaInput(
            title="the same in Python", rows=6, sizing_mode="stretch_width", name="python", max_length=20000
        )
        self.copy = Button(label="Copy as Python", name="copy-python")
        self.copy.js_on_click(CustomJS(args={"text": self.python}, code=COPY))
        self.downloads = [Button(label=f"Download {kind.upper()}", name=f"download-{kind}") for kind in ("svg", "png")]
        for kind, button in zip(("svg", "png"), self.downloads, strict=True):
            button.js_on_click(CustomJS(args={"plot": figure, "kind": kind}, code=DOWNLOAD))
        runs = [answerer, *([] if answerer.beside is None else [answerer.beside])]
        self.maps = [
            VerdictView(
                each.verdicts, f"verdicts of {each.name}", f"verdicts-{place}", functools.partial(opened, place)
            )
            for place, each in enumerate(runs)
            if each.verdicts.probes
        ]
        probes = list(dict.fromkeys(probe for each in runs for probe in each.verdicts.probes))
        self.probe = Select(title="probe", value=(probes or [""])[0], options=probes, width=360, name="probe")
        known = {placement for each in runs for placement in each.verdicts.placements}
        self.placed = {words: name for name, words in WHERE.items() if name in known}
        self.placement = Select(
            title="queries", value=WHERE[ALL], options=list(self.placed) or [WHERE[ALL]], width=170, name="placement"
        )
        for select in (self.probe, self.placement):
            select.on_change("value", lambda _, __, ___: self._show_verdicts())
        if state.probe in probes:
            self.probe.value = state.probe

    def bind(self, widget: Any, act: Callable[[Any], None], what: str = "value") -> None:
        """Calls `act` with the new value if a user changes it."""

        def on_change(_: str, __: Any, new: Any) -> None:
            if not self._is_shown_by_us and new is not None:
                act(new)

        widget.on_change(what, on_change)

    def show(self, state: State, chosen: int | None) -> None:
        """Shows the values of a state."""
        self._is_shown_by_us = True
        try:
            self.preset.value = state.preset
            for name, slider in self.sliders.items():
                slider.value = getattr(state, name)
                slider.disabled = name not in _moving(state.preset)
            active = sorted(self.choices.index(label) for label in state.shown if label in self.choices)
            if sorted(self.shown.active) != active:  # the same set in another order would undo a pending click
                self.shown.active = active
            self.number.high = max(1, len(state.points))
            if chosen is not None:
                self.number.value = chosen + 1
                self.at_x.value, self.at_y.value = (round(value, 4) for value in state.points[chosen])
            steps = self.answerer.film.steps
            step = self.answerer.film.step_of(state)
            self.film.value = steps.index(step) if step else max(0, len(steps) - 1)
            self.film.title = f"training film, after {step} steps" if step else f"training film, {LAST}"
            self.query.value = state.query
            for select, number in ((self.layer, state.layer), (self.head, state.head)):
                select.value = str(number) if number else "all"
        finally:
            self._is_shown_by_us = False

    def share(self, state: State) -> None:
        """Shows the address and the Python code of a state."""
        answerer = self.answerer
        runs = [answerer, *([] if answerer.beside is None else [answerer.beside])]
        self.address.value = to_query(state)
        self.python.value = as_python([each.run for each in runs], state)

    def script(self, document: Document, message: Div) -> None:
        """Installs the page's own scripts, which run once the page is loaded."""
        arguments = {"file": self.file, "message": message, "largest": LARGEST_FILE}
        document.js_on_event("document_ready", CustomJS(args=arguments, code=FILE))

    def layout(self, message: Div, reading: Div, plot: Any) -> Any:
        """Returns the layout of the page; what does not fit next to the plot is placed below it."""
        answerer = self.answerer
        sliders = column(self.preset, *self.sliders.values(), self.task, self.model, self.file, width=280)
        points = row(self.number, self.at_x, self.at_y, column(self.add, self.delete))
        parts = [message, plot, points]
        if len(answerer.film.steps) > 1:
            parts.append(row(self.film, self.play))
        if answerer.looks.layers:
            parts.append(row(self.query, self.layer, self.head))
        parts += [row(self.copy, *self.downloads), self.python]
        if self.maps:
            parts.append(row(self.probe, *([self.placement] if len(self.placed) > 1 else [])))
            parts.append(row(*(view.layout for view in self.maps), sizing_mode="stretch_width", styles=WRAPS))
        middle = column(*parts, sizing_mode="stretch_width", min_width=460, styles={"flex": "1 1 460px"})
        right = column(reading, Div(text="<h3>curves</h3>"), self.shown, self.address, width=300)
        return row(middle, sliders, right, sizing_mode="stretch_width", styles=WRAPS)

    def _show_verdicts(self) -> None:
        for view in self.maps:
            view.show(self.probe.value, self.placed.get(self.placement.value, ALL))

    def _slider(self, name: str, title: str, step: float, state: State) -> Slider:
        low, high = BOUNDS[name]
        high = min(high, self.answerer.longest) if name == "length" else high
        return Slider(title=title, start=low, end=high, step=step, value=getattr(state, name), name=name, width=260)


WRAPS = {"flex-wrap": "wrap"}


def _moving(preset: str) -> tuple[str, ...]:
    """Returns the sliders that change a preset's prompt."""
    if preset.startswith(FAMILY):
        return ("noise", "length")
    of_wave = ("frequency", "amplitude", "noise", "length")
    return {
        OWN: (),
        CELL: ("length",),
        "line": ("slope", "noise", "length"),
        "sinusoid": of_wave,
        "frequency × 2": of_wave,
        "step": ("amplitude", "noise", "length"),
    }.get(preset, tuple(SLIDERS))
