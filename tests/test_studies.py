"""Studies carried out: places are plain runs, a killed one goes on, bisection brackets, and the rest is left alone."""

import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from small_runs import BASE, MIDDLE, WEIGHTS, carried_out, weights, write

from offprior.analysis.measure import estimate
from offprior.analysis.study import PLACE
from offprior.commands.pretrain import pretrain_run
from offprior.commands.probe import probe_run
from offprior.commands.report import report_run
from offprior.commands.run import run as run_recipe
from offprior.errors import OffpriorError, SettingError
from offprior.recipe.recipe import read as read_recipe
from offprior.recipe.study import Measure


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two seeds at two places, every place tested on the other's prompts, and lines alone beside."""
    return carried_out(
        tmp_path_factory.mktemp("study"),
        seeds=2,
        report=True,
        study={
            "coordinate": "w", "places": WEIGHTS, "cross": True, "measure": {"name": "M4", **MIDDLE}, "threshold": 0.0,
            "others": {"lines": {"families": ["linear"], "weights": [1]}},
        },
    )  # fmt: skip


def test_a_place_is_the_plain_run_bit_for_bit(study, tmp_path):
    chosen = ["mixture.weights=[0.1, 0.9]"]
    plain = run_recipe(write(tmp_path), overrides=chosen, out=tmp_path / "plain", seeds=2, report=False, progress=False)
    place = study.places()[1]
    assert place.recipe.fingerprint() == plain.recipe.fingerprint()
    assert [weights(place, seed) for seed in (0, 1)] == [weights(plain, seed) for seed in (0, 1)]
    rows = place.evaluation(probe=["in-distribution", "convex"], predictor=["model", "B", "C", "class: linear"])
    own = plain.evaluation(predictor=["model", "B", "C", "class: linear"])
    pd.testing.assert_frame_equal(rows[own.columns], own)


def test_its_table_has_the_rows_of_all_places(study):
    rows = study.evaluation()
    assert list(rows.columns[:3]) == PLACE
    assert rows.groupby("place")["at"].unique().map(list).to_dict() == {0: [0.5], 1: [0.1]}
    for number, place in enumerate(study.places()):
        own = place.evaluation()
        pd.testing.assert_frame_equal(study.table(number).to_pandas()[own.columns], own)
    with pytest.raises(OffpriorError, match="no place was given; a study has one table per place"):
        study.table()


def test_its_curve_is_what_the_places_tables_say(study):
    result = study.study()
    for number, place in enumerate(study.places()):
        cell = place.table().metrics().query("probe == 'convex' and strength == 0.5 and length == 8").iloc[0]
        row = result.at_length.query(f"place == {number}").iloc[0]
        assert (row["value"], row["low"], row["high"]) == pytest.approx((cell["M4"], cell["M4_low"], cell["M4_high"]))
        seeds = result.seeds.query(f"place == {number}")
        assert seeds["value"].mean() == pytest.approx(cell["M4"]) and list(seeds["seed"]) == [0, 1]
    assert set(result.curve["length"]) == {4, 8}
    assert result.at_length["at"].is_monotonic_increasing


def test_every_place_is_tested_on_the_prompts_of_every_other(study):
    matrix = study.study().matrix
    assert list(zip(matrix["trained"], matrix["tested"], strict=True)) == [
        ("0.1", "0.5"), ("0.1", "0.1"), ("0.5", "0.5"), ("0.5", "0.1"),
    ]  # fmt: skip
    truths = [
        study.table(number).to_pandas().query("probe == 'mixture: 0.1' and predictor == 'B'")["truth_mean"].to_numpy()
        for number in (0, 1)
    ]
    np.testing.assert_array_equal(*truths)
    inside = study.evaluation(probe=["mixture: 0.1"]).groupby("place")["inside"].all()
    assert inside.to_dict() == {0: False, 1: True}


def test_other_mixtures_answer_and_test(study):
    """B of lines alone is the best there is on lines, and the distance from it is the one that M11 names."""
    rows = study.table(0).to_pandas()
    errors = rows.query("probe == 'mixture: lines' and length == 8").groupby("predictor")["squared_error"].mean()
    assert errors["lines"] <= errors["B"] + 1e-9 and errors["lines"] < errors["class: fourier"]
    named = study.table(0).algorithms().query("probe == 'convex' and strength == 0.5 and length == 8").iloc[0]
    for name in ("lines", "B"):
        found = estimate(rows, Measure(name=f"distance: {name}", **MIDDLE), 8)
        assert found is not None and found.value == pytest.approx(named[f"distance: {name}"])
    difference = estimate(rows, Measure(name="distance: B", minus="distance: lines", **MIDDLE), 8)
    assert difference.value == pytest.approx(named["distance: B"] - named["distance: lines"])
    own = study.table(0).metrics().query("probe == 'convex' and strength == 0.5 and length == 8").iloc[0]
    assert estimate(rows, Measure(name="nmse: B", **MIDDLE), 8).value == pytest.approx(own["bayes_nmse"])
    with pytest.raises(OffpriorError, match="no rows of 'ridge' at convex"):
        estimate(rows, Measure(name="nmse: ridge", **MIDDLE), 8)


def test_its_report_says_where_it_crosses(study):
    page = (study.folder / "report" / "index.html").read_text(encoding="utf-8")
    assert study.study().crossing_in_words in page.replace("&#39;", "'")
    figures = {path.name for path in (study.folder / "report" / "figures").glob("*.svg")}
    assert figures == {"study-curve.svg", "study-distances.svg", "study-map.svg", "train-test-matrix.svg"}
    assert "Not shown" not in page and 'id="verdicts"' not in page
    assert (study.folder / "report" / "tables" / "train-test.csv").is_file()
    # A place is a run like any other.
    assert report_run(study.places()[0].folder, progress=False).is_file()


def test_a_finished_study_is_not_run_again(study):
    files = [*study.folder.rglob("*.safetensors"), *study.folder.rglob("evaluation.parquet")]
    before = {path: path.stat().st_mtime_ns for path in files}
    run_recipe(study.folder.parents[1] / "small.yaml", out=study.folder, seeds=2, report=False, progress=False)
    assert {path: path.stat().st_mtime_ns for path in files} == before


def test_probing_again_keeps_the_rows_of_other_probes(tmp_path):
    run = carried_out(tmp_path, study={"places": WEIGHTS})
    before = run.evaluation()
    probe_run(run.folder, ["mixture-weight"], report=False, progress=False)
    after = run.evaluation()
    assert set(after["probe"]) == {*before["probe"], "mixture-weight"}
    kept = after[after["probe"] == "convex"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before[before["probe"] == "convex"].reset_index(drop=True))


def test_bisection_halves_what_holds_the_crossing(tmp_path):
    """The threshold lies between the errors of the listed places; each further place lies inside the bracket."""
    rates = [1e-5, 1e-1]
    settings = {"vary": "training.learning_rate", "values": rates, "measure": {"name": "M2", "length": 8}}
    listed = carried_out(tmp_path, "listed", study={**settings, "scale": "log"}).study().at_length["value"]
    threshold, direction = float(listed.mean()), "falling" if listed[0] > listed[1] else "rising"
    sought = {"scale": "log", "threshold": threshold, "direction": direction, "bisect": 2}
    run = carried_out(tmp_path, "halved", study={**settings, **sought})
    result, places = run.study(), run.manifest["bisected"]
    assert places[0] == pytest.approx(1e-3) and len(places) == 2
    assert list(result.at_length["at"]) == sorted([*rates, *places])
    assert [float(place.recipe.training.learning_rate) for place in run.places()] == pytest.approx([*rates, *places])
    low, high = result.crossing.bracket
    assert low < result.crossing.at < high and {low, high} & set(places)
    assert result.crossing.interval_over == "tasks"
    values = result.at_length.set_index("at")["value"]
    assert min(values[low], values[high]) <= threshold <= max(values[low], values[high])


def test_pretraining_then_probing_is_the_study(tmp_path):
    """The two halves, bisection included, are the whole; places are not trained again."""
    study = {
        "vary": "training.learning_rate", "values": [1e-5, 1e-1], "scale": "log", "bisect": 1,
        "measure": {"name": "distance: B", **MIDDLE}, "others": {"lines": {"families": ["linear"], "weights": [1]}},
    }  # fmt: skip
    listed = carried_out(tmp_path, "listed", study={**study, "bisect": 0}).study().at_length["value"]
    ways = {"threshold": float(listed.mean()), "direction": "falling" if listed[0] > listed[1] else "rising"}
    path = write(tmp_path, "halves", study={**study, **ways})
    pretrain_run(path, out=tmp_path / "halves", progress=False)
    halves = probe_run(tmp_path / "halves", report=False, progress=False)
    whole = carried_out(tmp_path, "whole", study={**study, **ways})
    assert len(halves.places()) == 3 and halves.manifest["bisected"] == whole.manifest["bisected"]
    pd.testing.assert_frame_equal(halves.evaluation(), whole.evaluation())


def test_a_study_along_training_reads_the_kept_weights(tmp_path):
    changes = {"training.trajectory": 3}
    study = {"along": "training", "coordinate": "step"}
    run = carried_out(tmp_path, "along", changes=changes, study=study, report=True)
    plain = carried_out(tmp_path, "plain", changes=changes)
    assert weights(run) == weights(plain)
    assert list(run.study().at_length["at"]) == [1, 3, 12] == run.recipe.training.trajectory_steps()
    own = plain.evaluation()
    pd.testing.assert_frame_equal(run.table(2).to_pandas()[own.columns], own)
    errors = [run.table(number).metrics().query("probe == 'convex'")["M2"].sum() for number in range(3)]
    assert len(set(errors)) == 3
    page = (run.folder / "report" / "index.html").read_text(encoding="utf-8")
    assert 'id="verdicts"' in page and 'id="study"' in page


def test_every_place_of_a_study_is_read_along_its_training(tmp_path):
    changes = {"training.trajectory": 3}
    study = {
        "along": "both", "vary": "mixture.noise", "values": [0.1, 0.5], "coordinate": "s",
        "measure": {"name": "distance: ridge", **MIDDLE}, "also": [{"name": "distance: ridge", "length": 4}],
    }  # fmt: skip
    run = carried_out(tmp_path, "both", changes=changes, study=study, predictors=["ridge", "mean"], report=True)
    found = run.trajectory()
    assert sorted(found["step"].unique()) == [1, 3, 12] and sorted(found["at"].unique()) == [0.1, 0.5]
    assert set(found["probe"]) == {"convex", "in-distribution"} and {"ridge", "mean"} <= set(found["algorithm"])
    last = found[(found["step"] == 12) & (found["probe"] == "convex")].set_index(["at", "algorithm"])
    whole = run.study().distances.set_index(["at", "algorithm"])
    for at in (0.1, 0.5):
        for name in ("ridge", "mean"):
            want = whole.loc[(at, name), ["value", "low", "high"]].to_numpy(float)
            got = last.loc[(at, name), ["value", "low", "high"]].to_numpy(float)
            np.testing.assert_allclose(got, want, rtol=1e-6, err_msg="the last step is the model itself")
    first = found[(found["step"] == 1) & (found["probe"] == "convex")].set_index(["at", "algorithm"])
    assert (first.loc[(0.1, "ridge"), "value"] != last.loc[(0.1, "ridge"), "value"]).all()
    assert (run.folder / "report" / "figures" / "training-map.svg").is_file()
    assert (run.folder / "report" / "tables" / "training-map.csv").is_file()
    with pytest.raises(SettingError, match=r"training.trajectory: got 0, but a study along training"):
        read_recipe(write(tmp_path, "none", study=study, predictors=["ridge", "mean"]))


def test_a_place_is_read_along_its_training_beside_other_mixtures_too(tmp_path):
    measure = {"name": "distance: lines", "probe": "mixture: lines", "length": 8}
    study = {"along": "both", "places": WEIGHTS, "others": {"lines": {"weights": [0.9, 0.1]}},
             "measure": measure}  # fmt: skip
    run = carried_out(tmp_path, "both", changes={"training.trajectory": 2}, study=study)
    found = run.trajectory()
    assert set(found["probe"]) == {"mixture: lines"} and "lines" in set(found["algorithm"])
    assert sorted(found["step"].unique()) == [1, 12]


def test_a_place_that_diverges_is_left_out_and_the_others_go_on(tmp_path, capsys):
    study = {"vary": "training.learning_rate", "values": [1e-2, 1e30]}
    changes = {"training.clip": 1e30, "training.optimiser": "adam", "training.schedule": "constant"}
    path = write(tmp_path, study=study, changes=changes)
    run = run_recipe(path, out=tmp_path / "run", report=False, progress=False)
    assert list(run.study().at_length["at"]) == [1e-2]
    assert "place-01, seed 0 is left out: training.learning_rate" in " ".join(capsys.readouterr().err.split())


def test_judged_by_the_recipes_own_mixture(tmp_path):
    """Coverage: places with combinations in their pretraining have the same B, C and prompts as the one without."""
    combination = {"name": "combination", "second": BASE["mixture"]["families"][1]}
    mixture = {"families": [*BASE["mixture"]["families"], combination], "weights": [0.5, 0.5, 0]}
    weights_of = {0: [0.5, 0.5, 0], 0.2: [0.4, 0.4, 0.2]}
    places = [{"at": share, "set": {"mixture.weights": weights}} for share, weights in weights_of.items()]
    study = {"places": places, "reference": "recipe", "measure": {"name": "M5", **MIDDLE}}
    run = carried_out(tmp_path, study=study, mixture=mixture)
    first, second = (run.table(number).to_pandas().query("predictor == 'B'").drop(columns=PLACE) for number in (0, 1))
    pd.testing.assert_frame_equal(first, second)
    shares = run.places()[1].training().filter(like="share: ").iloc[-1]
    assert shares["share: combination"] > 0
    assert run.places()[0].training()["share: combination"].max() == 0


PROGRAM = "import sys\nfrom offprior import cli\nsys.exit(cli.main(sys.argv[1:]))"


def test_a_study_killed_in_the_middle_ends_as_if_it_had_not_been(tmp_path):
    changes = {"training.steps": 400, "training.checkpoint_every": 100, "evaluation.lengths": [4]}
    path = write(tmp_path, changes=changes, probes=[], study={"places": WEIGHTS, "measure": {"name": "M2"}})
    command = [sys.executable, "-c", PROGRAM, "run", str(path), "--out", str(tmp_path / "killed")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and not list((tmp_path / "killed" / "place-01").glob("seed-0/state-*")):
            time.sleep(0.02)
        process.kill()
    assert process.returncode == -signal.SIGKILL, "it was still at work"
    with pytest.raises(OffpriorError, match="unfinished; continue with --resume"):
        run_recipe(path, out=tmp_path / "killed", report=False, progress=False)
    first = tmp_path / "killed" / "place-00" / "seed-0" / "model.safetensors"
    trained = first.stat().st_mtime_ns
    killed = run_recipe(path, out=tmp_path / "killed", resume=True, report=False, progress=False)
    whole = run_recipe(path, out=tmp_path / "whole", report=False, progress=False)
    assert first.stat().st_mtime_ns == trained, "what was trained is not trained again"
    for one, other in zip(killed.places(), whole.places(), strict=True):
        assert weights(one) == weights(other)
    pd.testing.assert_frame_equal(killed.evaluation(), whole.evaluation())
