"""The atlas: every probe that applies, and where a run's model or a predictor breaks first."""

import pandas as pd
import pytest
import small_runs

from offprior import catalog, cli
from offprior.atlas import atlas
from offprior.errors import SettingError
from offprior.evaluation import atlas as probing
from offprior.families.linear import Linear
from offprior.mixture import Mixture
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
    few = probing.Applicable([Convex(count=3), InputScale()], {"frequency": "there is no family of sinusoids"})
    monkeypatch.setattr(probing, "applicable", lambda mixture: few)


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


def test_what_is_neither_a_run_nor_a_predictor_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["atlas", "leest-squares"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "did you mean least-squares?" in said[0] and not list(tmp_path.iterdir())
    run = small_runs.carried_out(tmp_path)
    with pytest.raises(SettingError, match=r"--recipe: a run has a recipe of its own"):
        atlas(run.folder, recipe="mueller-2023")
