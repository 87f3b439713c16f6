"""The run folder: whole files, one recipe a folder, and lines that say what to do."""

import json
import os

import pandas as pd
import pytest

from offprior.errors import OffpriorError, SettingError
from offprior.storage import run_folder

ABOUT = {"recipe": "mine", "seeds": [0]}


@pytest.fixture
def run(tmp_path):
    return run_folder.create(tmp_path / "mine", "name: mine\n", "abc123def456", ABOUT)


def test_a_new_run_has_its_recipe_and_manifest(run):
    assert (run.folder / "recipe.yaml").read_text() == "name: mine\n"
    manifest = json.loads((run.folder / "manifest.json").read_text())
    assert manifest["fingerprint"] == "abc123def456" and manifest["recipe"] == "mine"
    assert not run.finished


def test_the_same_recipe_comes_back_to_its_run(run):
    run.update(finished=run_folder.now())
    again = run_folder.create(run.folder, "name: other text\n", "abc123def456", ABOUT)
    assert again.finished and (run.folder / "recipe.yaml").read_text() == "name: mine\n"


def test_another_recipe_is_refused_and_nothing_changes(run):
    before = {path: path.read_bytes() for path in run.folder.iterdir()}
    with pytest.raises(SettingError, match="holds a run of mine with other settings; choose another folder, say --out"):
        run_folder.create(run.folder, "name: mine\n", "000000000000", ABOUT)
    assert {path: path.read_bytes() for path in run.folder.iterdir()} == before


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(SettingError, match="the folder holds other files and no run"):
        run_folder.create(tmp_path, "", "abc", ABOUT)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(SettingError, match="expected a folder, got a file"):
        run_folder.create(tmp_path / "out", "", "abc", ABOUT)


def test_a_start_that_died_before_its_manifest_can_be_made_again(run):
    (run.folder / "manifest.json").unlink()
    assert run_folder.create(run.folder, "name: mine\n", "abc123def456", ABOUT).manifest["recipe"] == "mine"


def test_a_misspelt_run_gets_the_nearest(run):
    with pytest.raises(SettingError, match="did you mean mine"):
        run_folder.RunFolder(run.folder.parent / "mnie")


@pytest.mark.parametrize("text", ["", "{", "[1]", "{}", "\xff"])
def test_a_damaged_manifest_is_one_line(run, text):
    (run.folder / "manifest.json").write_text(text, encoding="latin-1")
    with pytest.raises(OffpriorError) as caught:
        run_folder.RunFolder(run.folder)
    assert "manifest.json: cannot be read" in str(caught.value) and "\n" not in str(caught.value)


def test_tables_come_back_as_they_went(run):
    rows = pd.DataFrame({"seed": [0, 1], "loss": [0.5, 0.25]})
    run.write(run_folder.TRAINING, rows)
    pd.testing.assert_frame_equal(run.training(), rows)


def test_a_missing_table_says_how_to_make_it(run):
    with pytest.raises(OffpriorError, match="the run has not been probed yet; use offprior probe"):
        run.evaluation()


def test_a_truncated_table_is_one_line(run):
    run.write(run_folder.EVALUATION, pd.DataFrame({"seed": [0]}))
    path = run.folder / run_folder.EVALUATION
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(OffpriorError, match=r"evaluation\.parquet: cannot be read") as caught:
        run.evaluation()
    assert "\n" not in str(caught.value)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(run, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OffpriorError, match=r"manifest\.json: cannot be written: No space left on device"):
        run.update(finished="now")
    assert json.loads((run.folder / "manifest.json").read_text())["finished"] is None
    assert sorted(path.name for path in run.folder.iterdir()) == ["manifest.json", "recipe.yaml"]


def test_runs_are_listed(run, tmp_path):
    (tmp_path / "not-a-run").mkdir()
    assert run_folder.all_runs(tmp_path) == [run.folder]
    assert run_folder.all_runs(tmp_path / "nowhere") == []


def test_versions_and_machine_are_recorded():
    assert {"python", "jax", "equinox", "optax"} <= set(run_folder.versions())
    assert run_folder.machine()["cores"] >= 1 and run_folder.machine()["processor"]
