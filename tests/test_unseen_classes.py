"""Handwritten digits as functions: label maps, images of two halves, and classes that pretraining never showed."""

import jax
import numpy as np
import pytest
from sklearn.datasets import load_digits

from offprior.errors import SettingError
from offprior.evaluation.evaluate import evaluate
from offprior.families.labelled_digits import LabelledDigits
from offprior.input_laws._digits import digits, images_of
from offprior.input_laws.digit_images import DigitImages
from offprior.mixture import Mixture
from offprior.predictors.bayes import Bayes
from offprior.predictors.nearest_prototype import NearestPrototype
from offprior.probes.unseen_classes import UnseenClasses

KEY = jax.random.key(3)
MIXTURE = Mixture([LabelledDigits(classes=(0, 1, 2))], inputs=DigitImages(classes=(0, 1, 2)), noise=0.3)


def test_components_are_an_orthogonal_basis_of_the_images():
    """Distances between images are those of pixels, up to one factor; the components come largest first."""
    images, classes = digits()
    pixels = np.asarray(load_digits().data, float)
    apart, own = (np.linalg.norm(each[:50, None] - each[None, 50:80], axis=-1) for each in (pixels, images))
    np.testing.assert_allclose(apart / own, (apart / own)[0, 0], rtol=1e-9)
    assert (np.diff(images.std(0)) < 1e-9).all() and len(classes) == 1797
    assert np.square(images[:, :16]).mean() == pytest.approx(1)


def test_the_halves_share_no_image_and_are_all_of_them():
    first, second, both = (images_of((4,), half, 16) for half in ("first", "second", "all"))
    assert len(first) + len(second) == len(both) and abs(len(first) - len(second)) <= 1
    assert not {row.tobytes() for row in first} & {row.tobytes() for row in second}


def test_an_image_has_the_label_of_its_class():
    """The nearest known image is the image itself, for every image of both halves."""
    family = LabelledDigits(classes=(7, 2, 5))
    images = images_of((7, 2, 5), "all", 16)
    counts = [len(images_of((one,), "all", 16)) for one in (7, 2, 5)]
    found = np.asarray(jax.vmap(family.nearest_class)(images))
    np.testing.assert_array_equal(found, np.repeat(np.arange(3), counts))


def test_every_class_is_as_likely_and_every_label():
    drawn = MIXTURE.prompts(KEY, 400, 6, 4)
    family = LabelledDigits(classes=(0, 1, 2))
    of_class = np.asarray(jax.vmap(jax.vmap(family.nearest_class))(drawn.x))
    share = np.bincount(of_class.ravel(), minlength=3) / of_class.size
    assert np.abs(share - 1 / 3).max() < 4 * (2 / 9 / of_class.size) ** 0.5
    assert set(np.unique(drawn.truth)) == {-1.0, 1.0} and abs(float(np.mean(drawn.truth))) < 0.15


def test_b_is_the_average_over_all_label_maps():
    """Against weights computed by hand, from the squares of all residuals."""
    drawn = MIXTURE.prompts(KEY, 5, 7, 4)
    x, y, queries = (np.asarray(part, float) for part in drawn[:3])
    family = LabelledDigits(classes=(0, 1, 2))
    maps = np.asarray([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)], float)
    of_context, of_queries = (
        np.asarray(jax.vmap(jax.vmap(family.nearest_class))(part)) for part in (drawn.x, drawn.queries)
    )
    weight = np.exp(-np.square(y[:, None] - maps[:, of_context].swapaxes(0, 1)).sum(-1) / (2 * 0.3**2))
    weight /= weight.sum(1, keepdims=True)
    expected = (weight[..., None] * maps[:, of_queries].swapaxes(0, 1)).sum(1)
    np.testing.assert_allclose(Bayes(MIXTURE).predict_batch(x, y, queries, [7]).mean[:, 0], expected, atol=1e-6)


def test_new_classes_leave_the_prior_and_new_images_do_not():
    """B is the optimum on new images of known classes; with new classes C gains, and a prototype beats B."""
    probe = UnseenClasses(unseen=(8, 9), counts=(0, 1, 2))
    table = evaluate([NearestPrototype(label="model")], probe, [20], mixture=MIXTURE, tasks=200, queries=16)
    cells = table.metrics().query("probe.str.startswith('unseen-classes')").set_index("strength")
    assert cells.loc[0, "verdict"] == "no prior gap" and cells.loc[0, "M4_low"] < 0.02
    assert cells.loc[0, "bayes_nmse"] < 0.05 and cells.loc[2, "M3_low"] > 0.1 and cells.loc[2, "M4_low"] > 0
    drawn = probe.distribution(2, MIXTURE)
    assert drawn.inputs.half == "second" and drawn.families[0].classes == (0, 8, 9)


def test_what_does_not_fit_is_refused():
    with pytest.raises(SettingError, match="unseen: the mixture has shown 2; choose from 3, 4"):
        UnseenClasses(unseen=(2,)).strengths(MIXTURE)
    with pytest.raises(SettingError, match="counts: got 3; a prompt has 3 classes and 2 are new: at most 2"):
        UnseenClasses(unseen=(8, 9), counts=(3,)).strengths(MIXTURE)
    with pytest.raises(SettingError, match=r"classes: got .*; give one or more digits, each once"):
        LabelledDigits(classes=(1, 1))
    with pytest.raises(SettingError, match=r"images have 64 components, but inputs have 65"):
        DigitImages().sample(KEY, (2, 65))
