"""The distance from Bayes on a predictor's own prior: planted distances, the command, what it refuses."""

import numpy as np
import pandas as pd
import pytest
import small_runs

import offprior as op
from offprior import cli
from offprior.errors import OffpriorError, SettingError
from offprior.predictors.bayes import Bayes
from offprior.predictors.predictor import BatchPrediction

MIXTURE = op.Mixture(families=[op.Linear(), op.Sinusoid()], weights=[0.5, 0.5])
LENGTHS = [3, 10]


class Displaced(Bayes):
    """B, away from it by the same amount at every query, to either side."""

    def __init__(self, by, label="displaced", seed=-1):
        super().__init__(MIXTURE, label=label)
        self.by, self.seed, self.trained = by, seed, seed >= 0

    def predict_batch(self, x, y, queries, lengths):
        found = super().predict_batch(x, y, queries, lengths)
        sides = np.where(np.arange(found.mean.shape[-1]) % 2, 1.0, -1.0)
        return BatchPrediction(found.mean + self.by * sides, found.variance)


def measured(*predictors, **settings):
    from offprior.console.progress import Silence

    return op.gap(predictors, MIXTURE, LENGTHS, **{"tasks": 48, "queries": 16, "progress": Silence(), **settings})


def test_bayes_has_no_gap():
    found = measured(Bayes(MIXTURE), Bayes(MIXTURE, label="another"))
    assert found["predictor"].tolist() == ["B"] * 4 + ["another"] * 4
    assert found["length"].tolist() == [3, 3, 10, 10] * 2 and found["family"].tolist() == ["linear", "sinusoid"] * 4
    np.testing.assert_allclose(found[["M1", "M1_low", "M1_high"]], 0, atol=1e-20)
    assert found["passes"].all() and (found["error"] == found["bayes_error"]).all() and (found["error"] > 0).all()


def test_a_planted_distance_is_found_over_each_family_s_own_variance():
    found = measured(Displaced(0.2)).set_index(["length", "family"])
    rows = op.evaluate([Displaced(0.2)], [], LENGTHS, mixture=MIXTURE, tasks=48, queries=16, progress=None).to_pandas()
    own = rows[(rows["predictor"] == "B") & (rows["length"] == 10)]
    for family, of_family in own.groupby("family"):
        variance = of_family["truth_square"].mean() - of_family["truth_mean"].mean() ** 2
        here = found.loc[(10, family)]
        assert here["M1"] == pytest.approx(0.04 / variance) and here["tasks"] == len(of_family)
        assert here["M1_low"] < here["M1"] < here["M1_high"]
        assert here["passes"] == (0.04 / variance <= 0.01)
    # Lines have the larger variance, so that the same distance is a smaller gap.
    assert found.loc[(10, "linear"), "M1"] < found.loc[(10, "sinusoid"), "M1"]
    assert (found["seeds"] == 0).all() and (found["interval_over"] == "tasks").all()


def test_training_seeds_are_one_predictor_and_widen_its_interval():
    alike = measured(*(Displaced(0.2, "model", seed) for seed in range(3)))
    apart = measured(*(Displaced(by, "model", seed) for seed, by in enumerate((0.1, 0.2, 0.26))))
    assert len(alike) == 4 and (alike["seeds"] == 3).all() and (apart["provisional"] == "3 seeds: provisional").all()
    assert (apart["interval_over"] == "training seeds and tasks").all()
    np.testing.assert_allclose(alike["M1"], measured(Displaced(0.2))["M1"])
    width = apart["M1_high"] - apart["M1_low"]
    assert (width > 2 * (alike["M1_high"] - alike["M1_low"])).all()


def test_a_mixture_without_a_posterior_has_no_gap():
    mixture = op.Mixture(families=[op.families.ReluNetwork(dimension=1, hidden=4)])
    with pytest.warns(Warning, match="no B"), pytest.raises(OffpriorError, match="mixture: it has no exact posterior"):
        op.gap(op.LeastSquares(), mixture, [4], tasks=4, queries=4)


def test_the_command_measures_a_run_on_its_own_prior(tmp_path, capsys):
    run = small_runs.carried_out(tmp_path)
    assert cli.main(["gap", str(run.folder), "--tasks", "8"]) == 0
    found = pd.read_csv(run.folder / "gap.csv")
    assert found["family"].tolist() == ["fourier", "linear"] * 2 and found["length"].tolist() == [4, 4, 8, 8]
    same = run.table().metrics().query("probe == 'in-distribution'").set_index("length")
    for row in found.to_dict("records"):
        assert row["M1"] == pytest.approx(same.loc[row["length"], f"M1: {row['family']}"], rel=1e-4)
    out = capsys.readouterr().out
    assert "small: distance from Bayes on its own prior, small" in out and "1 seed: provisional" in out
    with pytest.raises(SettingError, match="--recipe: a run has its own recipe"):
        from offprior.commands.gap import gap

        gap(run.folder, recipe="mueller-2023")


def test_the_command_asks_for_the_prior_of_a_predictor(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["gap", "least-squares"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "--recipe: it says what the predictor was pretrained on" in said[0]
    assert not list(tmp_path.iterdir())
    recipe = small_runs.write(tmp_path)
    assert cli.main(["gap", "sklearn:KNeighborsRegressor", "--recipe", str(recipe), "--lengths", "8"]) == 0
    found = pd.read_csv(tmp_path / "runs" / "gap-sklearn-KNeighborsRegressor" / "gap.csv")
    assert set(found["predictor"]) == {"KNeighborsRegressor"} and not found["passes"].any()
    assert "KNeighborsRegressor: distance from Bayes on its own prior, small" in capsys.readouterr().out
