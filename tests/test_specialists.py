"""Specialists: the same budget, one family each, told apart in every table."""

import numpy as np
import pandas as pd
import pytest
from small_runs import carried_out, weights

from offprior.commands.probe import probe_run
from offprior.commands.recipe_run import family_mixtures
from offprior.console.progress import Silence
from offprior.errors import OffpriorError
from offprior.pretraining.pretrain import pretrain


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return carried_out(tmp_path_factory.mktemp("specialists"), seeds=2, specialists=True)


def test_they_share_the_budget_and_see_their_family_alone(run, tmp_path):
    for name in ("linear", "fourier"):
        folder = run.folder / "specialists" / name
        rows = pd.read_parquet(folder / "training.parquet")
        assert {column for column in rows if column.startswith("share: ")} == {f"share: {name}"}
        assert rows.groupby("seed")["step"].max().to_dict() == {0: 12, 1: 12}
        # Of the mixture's own inputs, noise and budget, and of its own seed: what one would train by hand.
        alone = family_mixtures(run.recipe.mixture)[name]
        by_hand = pretrain(
            run.recipe.model, alone, run.recipe.training, seed=1, folder=tmp_path / name, progress=Silence()
        )
        assert (tmp_path / name / "seed-1" / "model.safetensors").read_bytes() == (
            folder / "seed-1" / "model.safetensors"
        ).read_bytes()
        assert by_hand.mixture.family_names == [name]


def test_the_model_is_the_one_without_them(run, tmp_path):
    plain = carried_out(tmp_path, seeds=2)
    assert [weights(run, seed) for seed in (0, 1)] == [weights(plain, seed) for seed in (0, 1)]
    own = plain.table().metrics()
    np.testing.assert_array_equal(run.table().metrics()["M2"], own["M2"])


def test_m10_is_the_model_against_them_on_their_own_prompts(run):
    """By hand, from the rows: errors on the family's prompts, over the variance of the same."""
    row = run.table().metrics().query("probe == 'in-distribution' and length == 8").iloc[0]
    rows = run.table().to_pandas().query("probe == 'in-distribution' and length == 8")
    for name in ("linear", "fourier"):
        of = rows[rows["family"] == name]
        errors = of.groupby("predictor")["squared_error"].mean()
        truth = of[of["predictor"] == "B"]
        variance = truth["truth_square"].mean() - truth["truth_mean"].mean() ** 2
        expected = (errors["model"] - errors[f"specialist: {name}"]) / variance
        assert row[f"M10: {name}"] == pytest.approx(expected)


def test_they_are_read_back_and_probed_again(run):
    found = run.specialists()
    assert [(model.label, model.seed) for model in found] == [
        ("specialist: linear", 0), ("specialist: linear", 1), ("specialist: fourier", 0), ("specialist: fourier", 1),
    ]  # fmt: skip
    assert [model.label for model in run.models()] == ["model", "model"]
    probe_run(run.folder, ["mixture-weight"], report=False, progress=False)
    probed = run.table().to_pandas().query("probe == 'mixture-weight'")["predictor"]
    assert {"model", "specialist: linear", "specialist: fourier"} <= set(probed)


def test_a_mixture_of_one_family_has_none(tmp_path):
    with pytest.raises(OffpriorError, match="specialists: the mixture has one family; a specialist would be the model"):
        carried_out(tmp_path, specialists=True, mixture={"families": ["linear"]}, probes=[])
