"""The atlas: every probe that applies, and where a run's model or a predictor breaks first."""

import pandas as pd
import pytest
import small_runs

from offprior import catalog, cli
from offprior.commands.atlas import atlas
from offprior.errors import SettingError
from offprior.evaluation import atlas as probing
from offprior.evaluation.evaluate import evaluate
from offprior.families.linear import Linear
from offprior.mixture import Mixture
from offprior.predictors.least_squares import LeastSquares
from offprior.probes.convex import Convex
from offprior.probes.input_scale import InputScale
from offprior.table import Table


def test_every_probe_applies_or_says_why_not():
    found = probing.applicable(Mixture(families=[Linear(dimension=3)]))
    applied = {catalog.name_of(type(probe)) for probe in found.probes}
    assert applied | set(found.left_out) == set(catalog.names("probes")) - {"in-distribution"}
    assert not applied & set(found.left_out)
    assert {"input-scale", "quadrants", "skewed-inputs"} <= applied
    assert "sinusoid" in found.left_out["frequency"] and "two families" in found.left_out["convex"]


@pytest.fixture
def two_probes(monkeypatch):
    """Two of them are enough to see what becomes of a table."""
    monkeypatch.setattr(probing, "GATE_TASKS", 48)
    few = probing.Applicable([Convex(count=3), InputScale()], {"frequency": "there is no family of sinusoids"})
    monkeypatch.setattr(probing, "applicable", lambda mixture, names=(): few)


def test_a_predictor_breaks_where_it_does_not_know_the_functions(two_probes, tmp_path, capsys):
    folder = atlas("least-squares", out=tmp_path / "found", tasks=24)
    breaks = pd.read_csv(folder / "breaks.csv")
    assert set(breaks["probe"]) == {"convex", "input-scale"}
    assert breaks["rank"].tolist() == [1, 2], "least squares on lines knows no sinusoid, wherever it is asked"
    assert set(Table.load(folder / "evaluation.parquet").to_pandas()["predictor"]) >= {
        "least squares",
        "B",
        "C",
        "mean",
    }
    page = (folder / "report" / "index.html").read_text()
    assert "Where it breaks first" in page and "there is no family of sinusoids" in page
    assert "Where least squares breaks first" in capsys.readouterr().out


def test_a_run_is_probed_outside_of_its_own_mixture(two_probes, tmp_path):
    run = small_runs.carried_out(tmp_path)
    folder = atlas(run.folder, tasks=16, progress=False)
    assert folder == run.folder / "atlas"
    breaks = pd.read_csv(folder / "breaks.csv")
    # Twelve steps teach nothing.
    assert (breaks["fault"] == "under-trained").all()
    rows, own = (Table.load(path / "evaluation.parquet").to_pandas() for path in (folder, run.folder))
    columns = ["length", "task", "seed", "squared_error", "bayes_gap"]
    gates = [each.query("probe == 'in-distribution' and predictor == 'model'")[columns] for each in (rows, own)]
    pd.testing.assert_frame_equal(*(gate.reset_index(drop=True) for gate in gates))
    assert set(rows.query("probe == 'input-scale'")["strength"]) == set(InputScale().factors) - {1.0}


def test_probes_are_chosen_by_name(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = {}
    monkeypatch.setattr("offprior.commands.atlas.atlas", lambda what, **settings: asked.update(settings))
    assert cli.main(["atlas", "mean", "--probes", "shift", "convex"]) == 0
    assert asked["probes"] == ["shift", "convex"]
    assert [type(p).__name__ for p in probing.applicable(Mixture(), ["shift", "convex", "shift"]).probes] == [
        "Shift",
        "Convex",
    ]
    with pytest.raises(SettingError, match=r"--probes: unknown probe 'shfit'; did you mean shift"):
        atlas("mean", probes=["convex", "shfit"])
    with pytest.raises(SettingError, match=r"--probes: none of the named probes applies .*half-subspace"):
        atlas("mean", probes=["half-subspace"])


def test_what_a_run_lacks_in_distribution_is_evaluated(monkeypatch):
    """Rows of another model, another seed or fewer lengths are no gate of this one."""
    mixture = Mixture()
    known = evaluate([LeastSquares(label="model")], [], [3, 5], mixture=mixture, tasks=4, queries=4)
    rows = known.to_pandas()
    rows.loc[rows["predictor"] == "model", "seed"] = 0
    known = Table(rows)

    class Trained(LeastSquares):
        trained, seed = True, 0

    model = Trained(label="model")
    assert len(probing.in_distribution(known, [model], [5])) == (rows["length"] == 5).sum()
    assert probing.in_distribution(known, [model], [5, 9]) is None
    assert probing.in_distribution(known, [LeastSquares(label="model")], [5]) is None
    Trained.seed = 1
    assert probing.in_distribution(known, [model], [5]) is None


def test_what_is_neither_a_run_nor_a_predictor_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["atlas", "leest-squares"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "did you mean least-squares?" in said[0] and not list(tmp_path.iterdir())
    run = small_runs.carried_out(tmp_path)
    with pytest.raises(SettingError, match=r"--recipe: a run has its own recipe"):
        atlas(run.folder, recipe="mueller-2023")
