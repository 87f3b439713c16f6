"""A mixture without an exact posterior is run to its report: a line says what it lacks, errors stand for verdicts."""

import pytest
from small_runs import carried_out, write

from offprior.commands import recipe_run
from offprior.commands.report import report_run
from offprior.commands.run import run as run_recipe

MIXTURE = {"families": [{"name": "relu-network", "dimension": 1, "hidden": 4}, "linear"]}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return carried_out(tmp_path_factory.mktemp("without"), mixture=MIXTURE, specialists=True, report=True)


def test_it_is_told_before_the_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(recipe_run, "pretrain", lambda *_: pytest.fail("it has been told by now"))
    with pytest.raises(pytest.fail.Exception):
        run_recipe(write(tmp_path, mixture=MIXTURE), out=tmp_path / "run")
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith("warning: small: mixture.families.0: ")
    assert "there will be no B, no C and no verdict, only errors beside other predictors" in said


def test_its_report_has_errors_in_place_of_verdicts(run):
    page = (run.folder / "report" / "index.html").read_text(encoding="utf-8")
    assert "no exact posterior" in page and "<h2>Errors</h2>" in page and 'class="tag' not in page
    assert "specialist: linear" in page and "verdict-map" not in page
    table = run.table()
    assert table.metrics()["M2"].notna().all() and table.metrics()["M4"].isna().all()


def test_errors_are_printed_beside_those_of_others(run, capsys):
    report_run(run.folder)
    out = capsys.readouterr().out
    assert "specialist: relu-network" in out and "undecided" not in out
    error = run.table().metrics().query("probe == 'convex' and strength == 0.5 and length == 8")["M2"].iloc[0]
    assert f"{error:.4g}" in out
