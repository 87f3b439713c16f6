"""Rates and times left are of the steps alone; compiling is a phase with a name."""

import io
import itertools

import pytest
from rich.text import Text

from offprior.console import progress as module
from offprior.console.output import Console
from offprior.console.progress import COMPILING, Bar, Lines, Phased, Silence, phase
from offprior.families.linear import Linear
from offprior.mixture import Mixture
from offprior.models.transformer import Transformer
from offprior.pretraining import program
from offprior.pretraining.pretrain import pretrain


class Time:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def time(monkeypatch):
    monkeypatch.setattr(module, "time", Time())
    return module.time


def lines(report, stream):
    stream.flush()
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("compiled", [0, 35, 5000])
@pytest.mark.parametrize("phases", [1, 3])
def test_the_time_left_is_of_the_steps_whatever_was_compiled(time, compiled, phases):
    """100 steps of 2 s each, with compilation before and between: 50 of them are 100 s."""
    stream = io.StringIO()
    report = Lines(Console(file=stream, width=200))
    report.start("pretraining", 100)
    step = 0
    for number in range(phases):
        with phase(report, COMPILING):
            time.now += compiled
        until = 50 * (number + 1) // phases
        time.now += (until - step) * 2
        step = until
        report.advance(step, "loss 1")
    said = lines(report, stream)
    assert said[0] == "pretraining: 0/100, compiling" and said.count("pretraining: 0/100, compiling") == 1
    assert sum("compiling" in line for line in said) == phases
    assert said[-1] == "pretraining: 50/100, 2.0 s each, 100 s left, loss 1"


def test_what_is_finished_while_compiling_counts_for_no_rate(time):
    stream = io.StringIO()
    report = Lines(Console(file=stream, width=200))
    report.start("probing", 41)
    with phase(report, COMPILING):
        time.now += 300
        report.advance(1, "convex")
    assert lines(report, stream)[1:] == ["probing: 1/41, convex"]  # no rate yet, and no time left of 0 or 3 hours
    time.now += 20
    report.advance(21, "convex")
    assert lines(report, stream)[-1] == "probing: 21/41, 1.0/s, 20 s left, convex"


def test_a_bar_stands_still_in_a_phase(time):
    bar = Bar(Console(file=io.StringIO(), force_terminal=True, width=200))
    bar.start("pretraining [1]", 100)
    task = bar._progress.tasks[0]
    for number in range(4):
        with phase(bar, COMPILING):
            assert task.fields["message"] == COMPILING
            time.now += 1000
        assert task.fields["message"] == ("loss" if number else "")
        time.now += 5
        bar.advance(10 * (number + 1), "loss")
    assert task.speed == pytest.approx(2) and task.time_remaining == 30 and task.elapsed == pytest.approx(20)
    (description, *_, message) = (column.render(task) for column in bar._progress.columns)
    assert isinstance(description, Text) and (description.plain, message.plain) == ("pretraining [1]", "loss")
    bar.finish()


class Noted:
    """A report that notes what it is given."""

    def __init__(self):
        self.seen = []

    def start(self, label, total, done=0):
        self.seen.append("start")

    def advance(self, done, message=""):
        self.seen.append(done)

    def finish(self):
        self.seen.append("finish")


class NotedPhases(Noted):
    def phase(self, name):
        self.seen.append(name)


def test_pretraining_names_what_it_compiles_and_reports_without_phases_still_serve():
    settings = {"steps": 4, "batch": 2, "points": 4, "steps_per_dispatch": 2, "optimiser": "adam"}
    model, seen = Transformer(layers=1, heads=1, width=4, positions="none"), []
    program.forget()
    for report in (NotedPhases(), NotedPhases(), Noted()):
        assert isinstance(report, Phased) == (type(report) is NotedPhases)
        pretrain(model, Mixture([Linear()]), **settings, progress=report)
        seen.append(report.seen)
    steps = ["start", 2, 4, "finish"]
    assert seen[0] == ["start", COMPILING, "", 2, 4, "finish"] and seen[1:] == [steps, steps]  # compiled once


def test_every_report_of_ours_knows_phases():
    for report, name in itertools.product((Silence(), Lines(Console(quiet=True)), Bar(Console(quiet=True))), ("x", "")):
        assert isinstance(report, Phased)
        report.phase(name)
