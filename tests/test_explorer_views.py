"""The explorer's further views: cells of the verdicts, the training film, the model's inside, a second run."""

import dataclasses
import threading

import numpy as np
import pandas as pd
import pytest
from explored import FILMED, NOISY, two_runs
from small_runs import carried_out

from offprior.cli import main
from offprior.commands.stored_run import Run
from offprior.errors import OffpriorError, SettingError
from offprior.evaluation.family_read_out import FamilyReadOut
from offprior.evaluation.inside_model import Inside
from offprior.explorer.answers import ATTENTION, Answerer
from offprior.explorer.opening import opened
from offprior.explorer.reading import reading
from offprior.explorer.share import as_python
from offprior.explorer.state import CELL, OWN, State, from_query, to_query
from offprior.explorer.verdict_view import VerdictView
from offprior.explorer.verdicts import Verdicts
from offprior.figures.verdict_map import LOOKS
from offprior.pretraining.checkpoint import steps_kept, weights_file
from offprior.probes.convex import Convex
from offprior.storage.run_folder import ATLAS, EVALUATION
from offprior.table import Table


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return two_runs(tmp_path_factory.mktemp("explored"))


@pytest.fixture(scope="module")
def answerer(runs):
    return Answerer(*runs)


def arrays(state):
    return tuple(np.asarray([point[axis] for point in state.points]) for axis in (0, 1))


def test_a_cell_has_prompts_of_its_own_distribution(answerer):
    state = answerer.drawn(State(preset=CELL, probe="convex", strength=0.5, length=8))
    truth = answerer.tasks.function_of(state)
    x, y = arrays(state)
    assert len(x) == 8 and 0 < np.square(y - truth(x)).mean() < (4 * 0.1) ** 2, "the noise is the mixture's"
    # Half a line and half a wave of at most 1.5 turns a unit: what is left of a fit by both is rounding.
    at = np.linspace(-5, 5, 400)

    def left(frequency):
        columns = np.stack([at, np.ones_like(at), np.sin(frequency * at), np.cos(frequency * at)], axis=1)
        found = np.linalg.lstsq(columns, truth(at), rcond=None)[0]
        return np.abs(truth(at) - columns @ found).max()

    family = Convex().distribution(0.5, answerer.mixture).families[0]
    low, high = float(family.second.frequency.low), float(family.second.frequency.high)
    assert min(left(frequency) for frequency in np.linspace(low, high, 4001)) < 0.02
    other = answerer.drawn(dataclasses.replace(state, task=1))
    assert other.points != state.points and answerer.drawn(state).points == state.points


def test_a_cell_beside_the_path_is_the_nearest_of_it(answerer):
    state = State(preset=CELL, probe="convex", strength=0.52, length=4)
    assert answerer.drawn(state).points == answerer.drawn(dataclasses.replace(state, strength=0.5)).points
    with pytest.raises(SettingError, match=r"no cell of 'convexx' can be opened here; did you mean convex\?"):
        answerer.drawn(dataclasses.replace(state, probe="convexx"))


def test_the_address_of_a_cell_is_checked():
    state = State(preset=CELL, probe="convex", strength=0.5, length=4, step=7, query=1.5, layer=1, head=2)
    given = dict(part.split("=") for part in to_query(state).replace("+", " ").split("&"))
    assert from_query(given, probes=("convex",)) == state
    for arguments, told in (
        ({"preset": CELL}, "probe: a cell needs a probe; none was given"),
        ({"preset": CELL, "probe": "convx"}, "unknown value 'convx'; did you mean convex?"),
        ({"strength": "nan"}, "strength: nan is not between"),
        ({"step": "-1"}, "step: -1 is not between"),
    ):
        with pytest.raises(SettingError) as refused:
            from_query(arguments, probes=("convex",))
        assert told in str(refused.value)


def test_the_verdict_of_a_cell_is_its_own_and_the_atlas_adds_to_it(runs, tmp_path):
    verdicts = Verdicts(runs[0])
    cells = runs[0].table().verdicts()
    row = cells[(cells["probe"] == "convex") & (cells["strength"] == 0.5) & (cells["length"] == 8)].iloc[0]
    found = verdicts.nearest(State(preset=CELL, probe="convex", strength=0.5), 8)
    assert found.startswith(row["verdict_fdr"]) and "convex, a = 0.5, 8 pairs" in found
    assert verdicts.nearest(State(preset=OWN), 8) == ""
    rows = runs[0].table().to_pandas()
    rows["probe"] = rows["probe"].replace({"context-length": "another"})
    folder = runs[0].folder / ATLAS
    folder.mkdir()
    try:
        Table(rows).save(folder / EVALUATION)
        assert Verdicts(runs[0]).probes == (*verdicts.probes, "another")
        assert len(Verdicts(runs[0]).of("convex")) == len(verdicts.of("convex")), "each once, those of the run itself"
    finally:
        (folder / EVALUATION).unlink()
        folder.rmdir()


def test_words_and_list_name_the_verdict_that_holds_among_all_cells(runs):
    verdicts = Verdicts(runs[0])
    verdicts.cells = verdicts.cells.assign(verdict="generalises", verdict_fdr="undecided")
    said = verdicts.nearest(State(preset=CELL, probe="convex", strength=0.5), 8)
    view = VerdictView(verdicts, "verdicts", "verdicts-0", lambda *_: None)
    shown = [said, *view.source.data["says"], *view.list.options[1:], *view.source.data["word"]]
    assert all("undecided" in text and "generalises" not in text for text in shown)


def test_the_map_of_a_placement_is_chosen(runs):
    """A cell's verdict says where its queries lie; a run whose table does not know that has the map of all alone."""
    verdicts = Verdicts(runs[0])
    own = verdicts.cells
    beyond = own[own["placement"] == "all"].assign(
        placement="beyond", verdict="smooths", verdict_fdr="smooths", M4=0.5, M19=-0.25
    )
    verdicts.cells = pd.concat([own[own["placement"] == "all"], beyond], ignore_index=True)
    assert verdicts.placements == ("all", "beyond")
    said = verdicts.nearest(State(preset=CELL, probe="convex", strength=0.5), 8)
    assert said.endswith("8 pairs; beyond the context's points: smooths")
    view = VerdictView(verdicts, "verdicts", "verdicts-0", lambda *_: None)
    view.show("convex", "beyond")
    drawn = view.source.data
    word, fill, _ = LOOKS["smooths"]
    assert set(drawn["word"]) == {word} and set(drawn["fill"]) == {fill}
    told = "beyond the context's points; gain over Bayes +0.5; gain over the smoother -0.25"
    assert all(told in text for text in drawn["says"])
    assert "false-discovery rate 5%" in view.figure.xaxis[0].axis_label
    view.show("convex")
    assert "smooths" not in view.source.data["word"]


def test_the_film_has_the_weights_that_were_kept(answerer, runs):
    assert answerer.film.steps == steps_kept(runs[0].folder, 0) and len(answerer.film.steps) == 4
    state = answerer.drawn(State(length=6))
    curves = {
        step: answerer.answer(dataclasses.replace(state, step=step)).curves["model"]
        for step in (0, *answerer.film.steps)
    }
    np.testing.assert_array_equal(curves[0], curves[answerer.film.steps[-1]])
    assert len({curve.tobytes() for curve in curves.values()}) == 4
    nearly = dataclasses.replace(state, step=answerer.film.steps[1] + 10**6)
    np.testing.assert_array_equal(answerer.answer(nearly).curves["model"], curves[0])
    assert weights_file(runs[0].folder, 0, answerer.film.steps[0]).is_file()


def test_the_lines_of_python_give_a_frame_of_the_film_and_the_second_run_again(answerer, runs, capsys):
    shown = ("model", "model of two", ATTENTION)
    state = answerer.drawn(State(preset=CELL, run=1, probe="convex", strength=0.5, length=6, shown=shown))
    state = dataclasses.replace(state, step=answerer.film.steps[1], query=1.5)
    names: dict = {}
    exec(as_python(runs, state), names)
    found = answerer.answer(state)
    assert set(names["answers"].curves) == set(found.curves) >= {"model", "model of two", "truth"}
    for label, curve in found.curves.items():
        np.testing.assert_allclose(names["answers"].curves[label], curve, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(names["answers"].look.attention, found.look.attention, atol=1e-3)


def test_torn_weights_of_a_step_are_told_and_leave_the_last_ones_alone(tmp_path):
    run = carried_out(tmp_path, "one", **FILMED)
    (run.folder / "seed-0" / "weights-best.safetensors").write_bytes(b"")
    path = weights_file(run.folder, 0, steps_kept(run.folder, 0)[0])
    path.write_bytes(path.read_bytes()[:100])
    answerer = Answerer(run)
    state, mistakes = opened(answerer, {"step": str(answerer.film.steps[0]), "length": "4"})
    assert mistakes is None
    with pytest.raises(OffpriorError, match=r"weights-.* not a readable checkpoint"):
        answerer.answer(state)
    assert np.isfinite(answerer.answer(dataclasses.replace(state, step=0)).curves["model"]).all()
    assert "step=" in as_python([run], state)


def test_an_address_of_another_run_is_cut_to_what_this_one_has(answerer):
    given = {"layer": "9", "head": "99", "query": "1000", "model": "7", "length": "60"}
    state, mistakes = opened(answerer, given)
    assert mistakes is None and state.points and state.query == answerer.places[-1]
    assert (state.layer, state.head, state.model) == (1, 2, 0) and state.length == answerer.longest
    state, mistakes = opened(answerer, {"preset": CELL, "probe": "frequency", "strength": "2"})
    assert mistakes is not None and "unknown value 'frequency'" in str(mistakes) and state.preset == "combination"


def test_a_cell_of_the_second_run_is_of_its_own_path(answerer):
    state = answerer.drawn(State(preset=CELL, run=1, probe="convex", strength=0.25, length=4))
    assert "convex, a = 0.25, 4 pairs" in answerer.answer(state).verdict
    first = answerer.drawn(dataclasses.replace(state, run=0))
    assert "a = 0.25" not in answerer.answer(first).verdict and first.points != state.points


@pytest.mark.parametrize(("order", "weight"), [(["linear", "sinusoid"], 0.25), (["sinusoid", "linear"], 0.75)])
def test_the_weight_of_the_line_finds_its_cell_whichever_family_is_first(tmp_path, order, weight):
    run = carried_out(tmp_path, "two", **{**NOISY, "mixture": {**NOISY["mixture"], "families": order}})
    assert f"a = {weight:g}, " in Verdicts(run).nearest(State(preset="combination", weight=0.25), 8)


def test_other_families_have_no_verdict_of_lines_and_waves(tmp_path):
    run = carried_out(tmp_path)
    assert run.recipe.mixture.family_names == ["linear", "fourier"]
    for preset in ("combination", "sinusoid", "line"):
        assert Verdicts(run).nearest(State(preset=preset), 8) == ""


def test_a_cell_along_the_length_is_that_of_the_points(runs):
    found = Verdicts(runs[0]).nearest(State(preset=CELL, probe="context-length", strength=80.0), 5)
    assert "k = 5, 5 pairs" in found


@pytest.mark.parametrize("broken", ["text", "nothing", "garbage"])
def test_a_broken_atlas_is_left_out(runs, broken):
    folder = runs[0].folder / ATLAS
    folder.mkdir()
    rows = runs[0].table().to_pandas()
    rows["probe"] = rows["probe"].replace({"convex": "another"})
    rows["strength"] = "far" if broken == "text" else np.nan
    try:
        if broken == "garbage":
            (folder / EVALUATION).write_bytes(b"PAR1 garbage")
        else:
            rows.to_parquet(folder / EVALUATION)
        assert set(Verdicts(runs[0]).probes) == {"convex", "context-length"}
    finally:
        (folder / EVALUATION).unlink()
        folder.rmdir()


def test_a_look_is_of_the_query_asked_for_and_its_read_out_comes_later(answerer):
    answerer.looks.fit(answerer.models[0]).result(120)
    state = dataclasses.replace(answerer.drawn(State(length=6)), shown=("model", ATTENTION), query=1.0, layer=1, head=2)
    look = answerer.answer(state).look
    x, y = arrays(state)
    inside = Inside(answerer.models[0]).attention(x, y, 1.0)
    np.testing.assert_allclose(look.attention, inside.pairs[0, 1], rtol=1e-6)
    assert look.own == pytest.approx(float(inside.own[0, 1]), abs=1e-6)
    assert look.attention.sum() + look.own == pytest.approx(1, abs=1e-5)
    assert look.families.shape == (2, 2) and "layer 1" in reading(answerer.answer(state))
    early = answerer.answer(dataclasses.replace(state, step=answerer.film.steps[0])).look
    assert early.families is None and "last weights only" in early.note
    assert answerer.answer(dataclasses.replace(state, shown=("model",))).look is None


def test_a_read_out_that_fails_is_told_and_the_answer_stands(runs, monkeypatch):
    def fails(*_):
        raise ValueError("out of luck")

    monkeypatch.setattr(FamilyReadOut, "fitted", fails)
    looks = Answerer(runs[0]).looks
    model, told = runs[0].models()[0], threading.Event()
    looks.when_fitted(model, told.set)
    assert told.wait(60)
    found = looks.look(model, np.zeros(5), np.zeros(5), 0.0)
    assert found.families is None and "could not be fitted: out of luck" in found.note and not found.waits


def test_who_waits_for_a_read_out_is_told(runs):
    looks = Answerer(runs[0]).looks
    model, told = runs[0].models()[0], threading.Event()
    found = looks.look(model, np.zeros(5), np.zeros(5), 0.0)
    assert found.families is None and "being fitted" in found.note and found.waits
    looks.when_fitted(model, told.set)
    assert told.wait(120)
    assert looks.look(model, np.zeros(5), np.zeros(5), 0.0).families is not None
    again = threading.Event()
    looks.when_fitted(model, again.set)
    assert again.is_set(), "it is there already"
    looks.close()


def test_a_second_run_answers_with_its_own_model_and_prior(answerer, runs):
    assert {"model of two", "B of two"} <= set(answerer.labels)
    state = dataclasses.replace(answerer.drawn(State(length=6)), shown=("model of two", "B of two"))
    found = answerer.answer(state)
    x, y = arrays(state)
    model = Run(runs[1].folder).models()[0].predict(x[:, None], y, answerer.places[:, None])
    np.testing.assert_allclose(found.curves["model of two"], model.mean, rtol=1e-4, atol=1e-4)
    assert np.abs(found.curves["B of two"] - found.curves["B"]).max() > 1e-3 and "B of two" in found.errors
    alike = Answerer(runs[0], runs[0])
    assert "B of one (2)" not in alike.labels and "model of one (2)" in alike.labels, "its B is B"


def test_a_page_without_a_server_has_one_run(runs, tmp_path, capsys):
    target = tmp_path / "page.html"
    assert main(["explore", *(str(run.folder) for run in runs), "--static", str(target)]) == 2
    assert "shows only one run; leave out the second" in capsys.readouterr().err and not target.exists()
