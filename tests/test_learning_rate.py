"""Each optimiser has a learning rate of its own, and a loss that does not fall is reported."""

import numpy as np
import pytest
from small_runs import write

from offprior.console.progress import Silence
from offprior.errors import SettingError
from offprior.families.linear import Linear
from offprior.mixture import Mixture
from offprior.models.transformer import Transformer
from offprior.pretraining.member_run import MemberRun, unfallen
from offprior.pretraining.population import Member
from offprior.pretraining.pretrain import pretrain
from offprior.pretraining.training import RATES, Training
from offprior.recipe.parts import plain, settings_from
from offprior.recipe.recipe import rate_in_words, read


@pytest.mark.parametrize("optimiser", RATES)
def test_a_rate_that_is_not_given_is_the_optimisers_own(optimiser):
    for found in (
        Training(optimiser=optimiser),
        settings_from(Training, {"optimiser": optimiser, "learning_rate": None}),
    ):
        assert found.learning_rate == plain(found)["learning_rate"] == RATES[optimiser]
    assert Training(optimiser=optimiser, learning_rate=5).learning_rate == 5.0
    with pytest.raises(SettingError, match=r"learning_rate: -1.* above 0"):
        Training(optimiser=optimiser, learning_rate=-1.0)


@pytest.mark.parametrize("given", [None, "muon", "adam", "adamw", "schedule-free"])
@pytest.mark.parametrize("rate", [None, 0.02])
@pytest.mark.parametrize("changed", RATES)
def test_a_recipes_rate_stays_with_the_optimiser_it_was_for(tmp_path, given, rate, changed):
    """Of every pair: the recipe's rate where both are of one kind or the rate is given too, else the new one's own."""
    training = {"steps": 12} | ({"optimiser": given} if given else {}) | ({"learning_rate": rate} if rate else {})
    path = write(tmp_path, training=training)
    before = given or "muon"
    same = before == changed or {before, changed} == {"adam", "adamw"}
    kept = rate if rate is not None and same else RATES[changed]
    recipe = read(path, [f"training.optimiser={changed}"])
    assert recipe.training.learning_rate == kept
    said = rate_in_words(path, recipe)
    assert said.startswith(f"small: trained by {changed} at a learning rate of {kept:g}")
    assert (f"the recipe's 0.02 was for {before}" in said) == (rate is not None and not same)
    for chosen in (0.02, 0.5):
        both = [f"training.optimiser={changed}", f"training.learning_rate={chosen}"]
        assert read(path, both).training.learning_rate == chosen
        assert "was for" not in rate_in_words(path, read(path, both))
    assert read(path).training.learning_rate == rate or rate is None


def test_a_places_optimiser_has_its_own_rate_too_and_reads_back(tmp_path):
    sets = [{}, {"training.optimiser": "muon"}, {"training.optimiser": "muon", "training.learning_rate": 0.02}]
    places = [{"at": at, "set": {"training.steps": 5 + at, **settings}} for at, settings in enumerate(sets)]
    study = {"places": places, "measure": {"probe": "convex", "strength": 0.5}}
    training = {"optimiser": "adam", "learning_rate": 0.02}
    recipe = read(write(tmp_path, training=training, study=study))
    again = tmp_path / "again.yaml"
    again.write_text(recipe.to_yaml())
    for found in (recipe, read(again)):
        rates = [
            found.at_place(place, number).training.learning_rate for number, place in enumerate(found.study.places)
        ]
        assert rates == [0.02, RATES["muon"], 0.02]


def test_what_is_written_keeps_its_rate_whatever_the_defaults_become(tmp_path, monkeypatch):
    recipe = read(write(tmp_path, training={"optimiser": "adam"}))
    (tmp_path / "stored.yaml").write_text(recipe.to_yaml())
    monkeypatch.setitem(RATES, "adam", 0.7)
    stored = read(tmp_path / "stored.yaml")
    assert stored.training.learning_rate == 1e-3 and stored.fingerprint() == recipe.fingerprint()


@pytest.mark.parametrize("level", [2.0, -3.0])
@pytest.mark.parametrize("noise", [1e-3, 0.03])
def test_flat_is_what_does_not_fall_by_more_than_its_noise(level, noise):
    drawn = level + noise * np.random.default_rng(0).normal(size=(200, 12))
    steps = np.arange(12)
    assert np.mean([unfallen(losses.tolist()) is not None for losses in drawn]) > 0.9
    assert not any(unfallen((losses - 3 * noise * steps).tolist()) is not None for losses in drawn)
    assert all(unfallen((losses + noise * steps).tolist()) is not None for losses in drawn)


def test_noise_that_would_hide_a_fall_is_no_flat_loss():
    drawn = 2 + np.random.default_rng(0).normal(size=(200, 12))
    assert not any(unfallen(losses.tolist()) for losses in drawn)
    assert unfallen([0.1, -0.1] * 6) is None  # nor is a loss around 0, of which a tenth is nothing


@pytest.mark.parametrize("rate", [1e-9, 2e-4])
def test_a_flat_loss_is_one_line_while_training(rate):
    lines: list[str] = []
    pretrain(
        Transformer(layers=1, heads=1, width=8, positions="none"), Mixture([Linear(scale=0.01)], noise=0.1),
        steps=260, batch=16, points=4, optimiser="adam", learning_rate=rate, steps_per_dispatch=20, progress=Silence(),
        warn=lines.append,
    )  # fmt: skip
    if rate < 1e-6:
        (line,) = lines
        assert line.startswith("seed 0: the loss has not fallen since the warm-up: ")
        assert line.endswith("unless this is its floor, another training.learning_rate than 1e-09 (adam) may help")
    else:
        assert not lines


def test_a_course_waits_for_enough_rows_and_for_the_curriculum():
    course = MemberRun(Transformer(layers=1, heads=1, width=8), Member(Mixture([Linear()]), Training(curriculum=2)))
    course.history._rows = [{"step": step, "loss": 2.0} for step in range(25, 1801, 25)]
    assert course.flat(1000) == "" and course.flat(1299) == ""  # contexts grow until step 1000
    assert "soon after step 1000, 2 at step 1300" in course.flat(1300)
    assert course.flat(1325) == ""  # once
    few = MemberRun(course.model, Member(Mixture([Linear()]), Training()))
    few.history._rows = [{"step": step, "loss": 2.0} for step in (500, 1000, 1500)]
    assert few.flat(1500) == ""
