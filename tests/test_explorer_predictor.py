"""The explorer's page of a predictor that is no model of a run: by its name, and with the verdicts of its atlas."""

import dataclasses
import shutil

import numpy as np
import pytest
from explored import CHROMIUM, Opened, plain_run, served

from offprior.adapters.declared import Declared
from offprior.cli import main
from offprior.commands.atlas import atlas
from offprior.commands.stored_run import Run
from offprior.errors import OffpriorError
from offprior.explorer.answers import Answerer
from offprior.explorer.judged_predictor import JudgedPredictor, is_predictor
from offprior.explorer.reading import reading
from offprior.explorer.share import as_python
from offprior.explorer.state import CELL, State
from offprior.recipe.recipe import read
from offprior.table import Table

NEIGHBOURS = "sklearn:KNeighborsRegressor"
NAME = "KNeighborsRegressor"
FAILS = """
import numpy as np
def mean(x, y, queries):
    if len(y) > 6:
        raise ValueError("more than six pairs")
    return np.full(len(queries), y.mean())
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    settings = ["evaluation.lengths=[4, 16]"]
    (folder / "small.yaml").write_text(read("mueller-2023", settings).to_yaml())
    (folder / "other.yaml").write_text(read("mueller-2023", [*settings, "mixture.noise=0.3"]).to_yaml())
    (folder / "mine.py").write_text(FAILS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        atlas(NEIGHBOURS, recipe="small.yaml", probes=["convex"], tasks=8, progress=False)
        yield folder


@pytest.fixture(scope="module")
def answerer(home):
    return Answerer(JudgedPredictor(NEIGHBOURS, "small.yaml"))


def test_what_names_a_predictor(home):
    assert is_predictor(NEIGHBOURS) and is_predictor("ridge")
    assert not is_predictor("runs/demo") and not is_predictor(home)


def test_it_answers_under_its_own_name(answerer):
    state = answerer.drawn(State(length=9))
    found = answerer.answer(state)
    x, y = np.asarray(state.points).T
    wanted = answerer.models[0].predict(x[:, None], y, answerer.places[:, None])
    np.testing.assert_allclose(found.curves["model"], wanted.mean)
    assert {"B", "S", "truth"} <= set(found.curves) and "model" not in found.bands, "it has no variance"
    assert answerer.titles == {"model": NAME}
    said = reading(found, titles=answerer.titles)
    assert f"<td>{NAME}</td>" in said and "<td>model</td>" not in said


def test_its_verdicts_are_those_of_its_atlas(answerer):
    assert answerer.verdicts.probes == ("convex",)
    table = Table.load(answerer.run.folder / "evaluation.parquet")
    wanted = table.verdicts(NAME, prior_known=False)
    wanted = wanted[wanted["probe"] == "convex"].reset_index(drop=True)
    shown = answerer.verdicts.cells
    assert shown["strength"].tolist() == wanted["strength"].tolist() and len(shown) >= 4
    assert shown["verdict"].tolist() == wanted["verdict"].tolist(), "its prior is unknown"
    assert answerer.verdicts.placements == ("all",), "single placements have no verdict without a prior"
    state = dataclasses.replace(State(preset=CELL), probe="convex", strength=0.5, length=16)
    assert "convex, " in answerer.answer(answerer.drawn(state)).verdict


def test_an_atlas_of_another_mixture_is_not_shown(home):
    other = JudgedPredictor(NEIGHBOURS, "other.yaml")
    with pytest.raises(OffpriorError, match="holds no atlas of"):
        other.table()
    assert Answerer(other).verdicts.probes == ()


def test_a_prompt_that_it_does_not_answer_is_told(home):
    failing = Answerer(JudgedPredictor("python:mine:mean", "small.yaml"))
    state = failing.drawn(State(length=9))
    found = failing.answer(state)
    assert "model" not in found.curves and "B" in found.curves
    assert "more than six pairs" in found.failure
    assert "more than six pairs" in reading(found, titles=failing.titles)
    few = failing.answer(dataclasses.replace(state, points=state.points[:5]))
    assert not few.failure and np.ptp(few.curves["model"]) == 0


def test_its_python_makes_the_same(answerer):
    state = answerer.drawn(State(length=6))
    names = {}
    exec(as_python([answerer.run], state), names)
    np.testing.assert_allclose(names["model"], answerer.answer(state).curves["model"], atol=1e-4)


def test_beside_a_run_it_answers_the_runs_prompts(home):
    (home / "run").mkdir()
    run = plain_run(home / "run")
    both = Answerer(Run(run.folder), JudgedPredictor(NEIGHBOURS, str(run.folder)))
    label = f"model of {NAME}"
    assert both.titles == {label: NAME}
    state = dataclasses.replace(both.drawn(State(length=6)), shown=("model", label))
    x, y = np.asarray(state.points).T
    wanted = both.beside.models[0].predict(x[:, None], y, both.places[:, None])
    np.testing.assert_allclose(both.answer(state).curves[label], wanted.mean)
    names = {}
    exec(as_python([both.run, both.beside.run], state), names)
    assert label in names["answers"].curves


def test_a_failure_beside_a_run_is_told(home):
    both = Answerer(JudgedPredictor(NEIGHBOURS, "small.yaml"), JudgedPredictor("python:mine:mean", "small.yaml"))
    label = "model of mean"
    state = dataclasses.replace(both.drawn(State(length=9)), shown=("model", label))
    found = both.answer(state)
    assert "model" in found.curves and label not in found.curves
    assert found.failure.startswith("mean: ") and "more than six pairs" in found.failure


def test_its_atlas_is_found_with_another_training_of_the_same_mixture(home):
    (home / "longer.yaml").write_text(read("small.yaml", ["training.steps=7"]).to_yaml())
    assert len(JudgedPredictor(NEIGHBOURS, "longer.yaml").table().to_pandas())


def test_trust_is_in_the_python(home):
    trusted = JudgedPredictor(NEIGHBOURS, "small.yaml", Declared(trust=True))
    code = as_python([trusted], State(points=tuple((float(k), 1.0) for k in range(6)), preset="own points"))
    assert "declared=Declared(trust=True)" in code
    exec(code, names := {})
    assert names["answerer"].titles == {"model": NAME}


def test_a_name_among_the_curves_is_marked(home):
    assert Answerer(JudgedPredictor("ridge", "small.yaml")).titles == {"model": "ridge"}, "the panel leaves it out"
    assert Answerer(JudgedPredictor("bayes", "small.yaml")).titles == {"model": "B (judged)"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([NEIGHBOURS, "--static", "page.html"], "--static: a page without a server holds the network of a run"),
        (["RUN", "--recipe", "small.yaml"], "--recipe: a run has its own recipe"),
        (["sklearn:KNeighborRegressor"], "KNeighborsRegressor"),
        (["forecast:fracast"], "it takes only even steps in order"),
    ],
)
def test_what_cannot_be_shown_is_told(home, tmp_path, given, told, capsys):
    if given[0].startswith("forecast:"):
        pytest.importorskip("fracast")
    run = home / "run" if (home / "run").is_dir() else plain_run(tmp_path).folder
    assert main(["explore", *(str(run) if each == "RUN" else each for each in given), "--no-browser"]) == 2
    said = capsys.readouterr().err
    assert told in said and len(said.splitlines()) == 1


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_its_page_says_its_name(home, browser):
    with served(NEIGHBOURS, "--recipe", "small.yaml") as address:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        opened = Opened(page, address, NAME)
        before = opened.curve(NAME)
        opened.slide("length")
        opened.until_changed(before, NAME)
        page.get_by_role("checkbox", name=NAME).wait_for()
        page.get_by_text(f"verdicts of {NAME}").first.wait_for()
        assert opened.complaints == []
        page.close()
    shutil.rmtree(home / "runs")
