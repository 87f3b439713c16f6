"""Prediction panels: what each predictor makes of one prompt, drawn as the mixture draws its contexts."""

import copy
from typing import ClassVar

import numpy as np
import pytest
from small_runs import BASE

from offprior.evaluation.prediction_panels import panels
from offprior.input_laws.affine import Affine
from offprior.input_laws.mixed import Mixed
from offprior.input_laws.one_sided import OneSided
from offprior.laws.normal import Normal
from offprior.laws.uniform import Uniform
from offprior.predictors.nearest_neighbours import NearestNeighbours
from offprior.predictors.smoother import Smoother
from offprior.recipe import file as recipe_file
from offprior.recipe.recipe import read


class Model:
    """Stands in for a pretrained one, which is slow to make."""

    seed: ClassVar[int] = 3
    predict_batch = staticmethod(NearestNeighbours().predict_batch)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    raw = copy.deepcopy(BASE)
    raw["mixture"]["inputs"] = {"name": "one-sided", "base": [-5.0, 5.0], "share": 0.6}
    path = tmp_path_factory.mktemp("recipes") / "one-sided.yaml"
    path.write_text(recipe_file.dump(raw))
    return read(path)


@pytest.fixture(scope="module")
def rows(recipe):
    return panels(Model(), recipe)


def test_a_context_is_of_the_mixture_s_law_and_curves_span_its_range(rows):
    contexts = rows[rows["series"] == "context"]
    assert contexts["x"].between(-5, 1).all() and contexts["x"].max() > -1
    for series in ("truth", "model", "B", "C", "S"):
        of = rows[rows["series"] == series]
        assert (of.groupby("panel")["x"].min() == -5).all() and (of.groupby("panel")["x"].max() == 5).all()
    assert set(rows.loc[rows["series"] == "model", "seed"]) == {3} and set(contexts["seed"]) == {-1}


def test_the_smoother_s_curve_is_its_answer(rows):
    for _, of_panel in rows.groupby("panel"):
        context, curve = (of_panel[of_panel["series"] == series] for series in ("context", "S"))
        answer = Smoother().predict(context[["x"]].to_numpy(), context["y"].to_numpy(), curve[["x"]].to_numpy())
        np.testing.assert_allclose(curve["y"], answer.mean, rtol=1e-5, atol=1e-6)
        half = 1.959964 * np.sqrt(answer.variance)
        np.testing.assert_allclose(curve["upper"] - curve["y"], half, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("law", "ends"),
    [
        (Uniform(-5.0, 5.0), (-5, 5)),
        (OneSided(base=Uniform(-5.0, 5.0), share=0.3), (-5, 5)),
        (Affine(base=OneSided(base=Uniform(-1.0, 1.0)), factor=2.0, shift=3.0), (1, 5)),
        (Mixed(base=Uniform(-1.0, 1.0), other=Uniform(0.0, 4.0)), (-1, 4)),
        (OneSided(base=Normal(0.0, 1.0)), (-2.576, 2.576)),
    ],
)
def test_the_span_of_a_law_is_that_of_all_its_inputs(law, ends):
    np.testing.assert_allclose(law.span(), ends, atol=1e-3)
