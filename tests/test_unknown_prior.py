"""Predictors whose prior nobody wrote down: planted answers, what is not claimed of them, and their atlas."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import small_runs
from scipy.optimize import nnls

import offprior as op
from offprior.adapters.declared import Declared
from offprior.analysis.class_hull import nearest_blend
from offprior.analysis.unknown_prior import NOT_WITHOUT_PRIOR, verdict_without_prior
from offprior.analysis.verdict import LIKE_BLEND, LIKE_CLASS, NEITHER, UNDECIDED, is_judged
from offprior.commands.atlas import atlas
from offprior.console.progress import Silence
from offprior.errors import SettingError
from offprior.evaluation import atlas as probing
from offprior.predictors.predictor import BatchPrediction
from offprior.probes.convex import Convex

MIXTURE = op.Mixture(families=[op.Linear(), op.Sinusoid()], weights=[0.5, 0.5])
TASKS = 96
MIDDLE = "probe == 'convex' and strength == 0.5"


class Planted(op.Bayes):
    """Answers as a weighted sum of the class posterior means; if `chooses`, as the class of the larger posterior."""

    def __init__(self, label, weights=(1.0, 0.0), chooses=False):
        super().__init__(MIXTURE, label=label)
        self.weights_of_classes, self.chooses = weights, chooses

    def predict_batch(self, x, y, queries, lengths):
        found = self.classes(x, y, queries, lengths)
        weights = np.broadcast_to(self.weights_of_classes, found.log_evidence.shape)
        if self.chooses:
            weights = np.eye(2)[found.log_evidence.argmax(-1)]
        mean = np.einsum("blf,blfm->blm", weights, found.mean)
        return BatchPrediction(mean, np.full_like(mean, np.nan))


@pytest.fixture(scope="module")
def table():
    planted = [
        Planted("one"),
        Planted("true weight", (0.5, 0.5)),
        Planted("choice", chooses=True),
        Planted("sum", (1.0, 1.0)),
        *(op.NearestNeighbours(label="neighbours"), op.Mean(label="constant"), op.LeastSquares(label="line")),
    ]
    probe = op.probes.Convex(count=3)
    return op.evaluate(planted, probe, [20], mixture=MIXTURE, queries=32, tasks=TASKS, progress=Silence())


@pytest.mark.parametrize(
    ("predictor", "verdict"),
    [
        ("one", LIKE_CLASS),
        ("choice", LIKE_CLASS),
        ("true weight", LIKE_BLEND),
        *(("sum", NEITHER), ("neighbours", NEITHER), ("constant", NEITHER)),
    ],
)
def test_planted_answers_in_the_middle_are_told_apart(table, predictor, verdict):
    found = table.verdicts(predictor, prior_known=False).query(MIDDLE).iloc[0]
    assert found["verdict"] == found["verdict_fdr"] == verdict
    assert found["class_distance"] >= found["blend_distance"] >= 0
    if predictor == "one":
        assert (found["nearest_class"], found["nearest_class_share"]) == ("linear", 1.0)


def test_the_distances_are_those_of_the_predictions(table):
    """Against least squares with weights that sum to one, prompt by prompt, from the predictors' own answers."""
    from offprior.compute.randomness import key_for
    from offprior.mixture import draw_prompts

    probe = op.probes.Convex(count=3)
    place = probe.distribution(0.5, MIXTURE)
    drawn = draw_prompts(place, key_for(0, "evaluation", probe.label, 1, 0), TASKS, 20, 32)
    x, y, queries, truth = (np.asarray(part, np.float64) for part in drawn[:4])
    own = op.NearestNeighbours().predict_batch(x, y, queries, [20]).mean[:, 0]
    classes = op.Bayes(MIXTURE).classes(x, y, queries, [20]).mean[:, 0]
    of_blends = []
    for p, means in zip(own, classes, strict=True):
        heavy = 1e6
        weights, _ = nnls(np.vstack([means.T, np.full((1, 2), heavy)]), np.append(p, heavy))
        of_blends.append(np.square(weights @ means - p).mean())
    of_classes = np.square(classes - own[:, None]).mean(-1).min(-1)
    found = table.verdicts("neighbours", prior_known=False).query(MIDDLE).iloc[0]
    assert found["class_distance"] == pytest.approx(of_classes.mean() / truth.var(), rel=1e-6)
    assert found["blend_distance"] == pytest.approx(np.mean(of_blends) / truth.var(), rel=1e-4)


def test_the_nearest_of_all_blends_of_four_classes():
    draw = np.random.default_rng(0)
    means, p = draw.normal(size=(40, 4, 16)), draw.normal(size=(40, 16)) + 0.5
    gram, moment = np.einsum("bim,bjm->bij", means, means) / 16, np.einsum("bim,bm->bi", means, p) / 16
    found = nearest_blend(gram, moment, np.square(p).mean(1))
    for at in range(40):
        weights, _ = nnls(np.vstack([means[at].T, np.full((1, 4), 1e5)]), np.append(p[at], 1e5))
        assert found[at] == pytest.approx(np.square(weights @ means[at] - p[at]).mean(), rel=1e-4)
    inside = np.einsum("bi,bij,bj->b", *(np.full((40, 4), 0.25), gram, np.full((40, 4), 0.25)))
    assert np.all(nearest_blend(gram, gram.mean(-1), inside) < 1e-12)


def test_the_rule():
    inside, across, outside = (0.001, 0.015), (0.01, 0.03), (0.03, 0.2)
    assert verdict_without_prior(inside, inside) == LIKE_CLASS
    assert verdict_without_prior(outside, inside) == LIKE_BLEND
    assert verdict_without_prior(outside, outside) == NEITHER
    for one, blend in ((across, inside), (across, across), (outside, across), (outside, (np.nan, np.nan))):
        assert verdict_without_prior(one, blend) == UNDECIDED


def test_nothing_is_said_that_needs_the_prior(table):
    found = table.metrics("neighbours", placement=None, prior_known=False)
    assert found[[name for name in NOT_WITHOUT_PRIOR if name in found]].isna().all(axis=None)
    assert not [name for name in found if name.startswith("M1: ")] and not found["off_bayes"].any()
    assert is_judged(found) and (found.loc[found["placement"] != "all", "verdict"] == "").all()
    known = table.metrics("neighbours")
    assert "class_distance" not in known and known["M4"].notna().all(), "with a known prior everything is as it was"
    both = found[found["placement"] == "all"].reset_index(drop=True)
    for name in ("M2", "M6", "M7", "M8", "M8_class_probability", "M19", "bayes_nmse"):
        pd.testing.assert_series_equal(both[name], known[name])


def test_the_panel_is_of_predictors_that_were_not_trained_on_anything(table):
    found = table.metrics("sum", prior_known=False).query(MIDDLE).iloc[0]
    # B, C, the classes and whatever is fitted to the truth are no part of it.
    rows = table.to_pandas().query(MIDDLE)
    panel = ("one", "true weight", "choice", "neighbours", "constant", "line", "S")
    errors = rows[rows["predictor"].isin(panel)].groupby("predictor")["squared_error"].mean() / found["variance"]
    assert found["panel_best"] == errors.idxmin() and 1 <= found["panel_count"] < len(panel)
    assert found["panel_nmse"] == pytest.approx(errors.min())
    assert found["panel_gap"] == pytest.approx(found["M2"] - errors.min())


def small_atlas(folder, patch, **options):
    """A probe of three places, one context length, few prompts."""
    few = probing.Applicable([Convex(count=3)], {})
    patch.setattr(probing, "applicable", lambda mixture, names=(): few)
    patch.setattr(probing, "GATE_TASKS", 24)
    return atlas("sklearn:KNeighborsRegressor", out=folder / "found", tasks=24, progress=False, **options)


def test_an_atlas_of_an_address_claims_no_prior(tmp_path, monkeypatch, capsys):
    recipe = small_runs.write(tmp_path, changes={"evaluation.lengths": [8]})
    folder = small_atlas(tmp_path, monkeypatch, recipe=str(recipe))
    about = json.loads((folder / "about.json").read_text())
    assert about["prior_known"] is False and about["predictor"] == "KNeighborsRegressor"
    breaks = pd.read_csv(folder / "breaks.csv")
    assert breaks["fault"].tolist() == ["behind the panel"] and breaks["panel_best"].notna().all()
    assert (breaks["shortfall"] - (breaks["M2"] - breaks["panel_nmse"])).abs().max() < 1e-12
    page = (folder / "report" / "index.html").read_text()
    assert "What KNeighborsRegressor was trained on is not known" in page and "neither" in page
    assert "Bayes under the reference mixture, not claimed to be its prior" in page
    page = re.sub(r"<figcaption.*?</figcaption>", "", page, flags=re.DOTALL)
    assert "In captions, “the model” is KNeighborsRegressor" in page
    for claim in (
        "The fault is",
        "whose fault",
        "pretraining prior",
        "model is under-trained",
        "gain over Bayes, NMSE",
    ):
        assert claim not in page, claim
    assert "What can be said without its prior" in page and "model,</" not in page


def test_an_atlas_whose_prior_is_declared_is_as_before(tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr("offprior.commands.atlas._write", lambda *given: seen.update(given[4]))
    monkeypatch.setattr(probing, "atlas", lambda *_, **__: None)
    for options, known in (((None, None), False), (("mueller-2023", None), False), ((None, "mueller-2023"), True)):
        recipe, prior = options
        out = tmp_path / "out"
        atlas("sklearn:DummyRegressor", recipe=recipe, pretrained_on=prior, out=out, probes=["shift"], progress=False)
        assert seen["prior_known"] is known and seen["trained"] is False
        atlas(
            "sklearn:DummyRegressor", recipe=recipe, pretrained_on=prior, out=out, probes=["shift"], progress=False,
            declared=Declared(trained=True),
        )  # fmt: skip
        assert seen["trained"] is known, "only what was trained on the mixture can be under-trained there"
    atlas("mean", out=tmp_path / "out", probes=["shift"], progress=False)
    assert seen["prior_known"] is True
    with pytest.raises(SettingError, match="--pretrained-on: it takes the place of --recipe"):
        atlas("sklearn:DummyRegressor", recipe="mueller-2023", pretrained_on="mueller-2023")
