"""A model in a file of its own; what predictors, mixtures, tables and runs say of themselves."""

import numpy as np
import pytest
from fixture_table import report_data

import offprior as op
from offprior.errors import OffpriorError
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.mixture import Mixture
from offprior.models.transformer import Transformer
from offprior.predictors.bayes import Bayes
from offprior.predictors.pretrained import Pretrained
from offprior.pretraining.pretrain import pretrain
from offprior.table import Table

MIXTURE = Mixture([Linear(), Sinusoid(frequency=(0.5, 1.5))], weights=[0.25, 0.75], noise=0.2)
MODEL = Transformer(layers=1, heads=2, width=16, head="buckets", buckets=8)


@pytest.fixture(scope="module")
def model():
    return pretrain(MODEL, MIXTURE, steps=3, batch=4, points=8, seed=5)


def test_a_saved_model_answers_as_before(model, tmp_path):
    model.save(tmp_path / "mine.safetensors")
    again = Pretrained.load(tmp_path / "mine.safetensors")
    x, y, queries = np.linspace(-1, 1, 6)[:, None], np.arange(6.0), np.asarray([[0.3], [2.0]])
    for one, other in zip(model.predict(x, y, queries), again.predict(x, y, queries), strict=True):
        np.testing.assert_array_equal(one, other)
    kept = ("seed", "label", "longest", "trained_to")
    assert [getattr(again, name) for name in kept] == [getattr(model, name) for name in kept]
    assert again.mixture.summary == model.mixture.summary and again.network.made_by() == MODEL
    assert [path.name for path in tmp_path.iterdir()] == ["mine.safetensors"]


def test_what_is_no_saved_model_is_refused(model, tmp_path):
    torn = tmp_path / "torn.safetensors"
    model.save(torn)
    torn.write_bytes(torn.read_bytes()[:-9])
    with pytest.raises(OffpriorError, match="torn"):
        Pretrained.load(torn)
    with pytest.raises(OffpriorError, match="no such checkpoint"):
        Pretrained.load(tmp_path / "nowhere.safetensors")
    pretrain(MODEL, MIXTURE, steps=3, batch=4, points=8, folder=tmp_path)
    with pytest.raises(OffpriorError, match=r"checkpoint of a run; open its folder with offprior\.Run"):
        Pretrained.load(tmp_path / "seed-0" / "model.safetensors")


def test_reprs_say_what_is_held(model):
    said = "0.25 linear + 0.75 sinusoid; inputs uniform -5 to 5; noise 0.2"
    assert MIXTURE.summary == said and said in repr(Bayes(MIXTURE))
    for part in ("'model'", "seed 5", "parameters", "up to 8 pairs", said):
        assert part in repr(model)
    table = Table(report_data(seeds=2).evaluation)
    for part in (
        f"{len(table)} rows",
        "convex",
        "C, S",
        "context lengths: 1, 2, 5",
        "training seeds: 0, 1",
        "prompts per cell: 16",
    ):
        assert part in repr(table)
    assert "<td>convex" not in table._repr_html_() and "convex, frequency" in table._repr_html_()
    assert "<td>0.75</td><td>sinusoid</td>" in MIXTURE._repr_html_()


def test_a_traced_mixture_has_a_repr():
    import jax

    def seen(noise):
        assert "noise ?" in Mixture([Linear()], noise=noise).summary
        return noise

    jax.jit(seen)(0.3)
    assert op.Mixture is Mixture
