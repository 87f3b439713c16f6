"""The prior that a predictor behaves as if it had: planted priors are found, and what has none is told."""

import numpy as np
import pytest

import offprior as op
from offprior.errors import OffpriorError, SettingError
from offprior.evaluation import implied_prior as searched

MIXTURE = op.Mixture(families=[op.Linear(), op.Sinusoid(frequency=(0.5, 1.5))], weights=[0.5, 0.5])


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(searched, "RESAMPLES", 20)


def bayes(weight, frequency):
    families = [op.Linear(), op.Sinusoid(frequency=frequency)]
    return op.Bayes(op.Mixture(families=families, weights=[weight, 1 - weight]))


@pytest.mark.parametrize(("weight", "frequency"), [(0.3, (0.6, 1.4)), (0.85, (0.4, 0.9))])
def test_a_planted_prior_is_found(weight, frequency):
    found = op.implied_prior(bayes(weight, frequency), MIXTURE, tasks=128)
    assert found.weights["linear"] == pytest.approx(weight, abs=0.05)
    assert sum(found.weights.values()) == pytest.approx(1)
    assert found.frequency == pytest.approx(frequency, rel=0.05)
    assert found.distance < 1e-3 < found.reference_distance
    low, high = found.weight_intervals["linear"]
    assert low - 0.01 <= found.weights["linear"] <= high + 0.01 and high - low < 0.1
    assert found.frequency is not None and found.frequency_intervals is not None
    for end, (below, above) in zip(found.frequency, found.frequency_intervals, strict=True):
        assert below / 1.02 <= end <= 1.02 * above
    # B under what was found answers as the planted one does, on other prompts too.
    x, y = np.linspace(-4, 4, 6)[:, None], np.sin(np.linspace(-4, 4, 6))
    queries = np.linspace(-5, 5, 9)[:, None]
    ours, theirs = (one.predict(x, y, queries).mean for one in (op.Bayes(found.mixture), bayes(weight, frequency)))
    np.testing.assert_allclose(ours, theirs, atol=0.05)


def test_weights_of_three_families_without_frequencies():
    families = [op.Linear(), op.families.Fourier(harmonics=1), op.families.Polynomial(degree=2)]
    mixture = op.Mixture(families=families)
    planted = op.Bayes(op.Mixture(families=families, weights=[0.2, 0.7, 0.1]))
    found = op.implied_prior(planted, mixture, [1, 3], tasks=96)
    assert list(found.weights.values()) == pytest.approx([0.2, 0.7, 0.1], abs=0.05)
    assert found.frequency is None and found.frequency_intervals is None
    assert found.distance < 1e-4 and "Implied prior: linear 0.2" in repr(found)


def test_what_is_no_bayes_predictor_is_far_from_all_of_them():
    found = op.implied_prior(op.NearestNeighbours(), MIXTURE, [8], tasks=64)
    assert 0.05 < found.distance < found.reference_distance + 1e-12


def test_prompts_that_are_not_answered_are_left_out():
    planted = bayes(0.3, (0.6, 1.4))

    def sometimes(x, y, queries):
        if x[0, 0] > 0:
            raise ValueError("no")
        return planted.predict(x, y, queries).mean

    found = op.implied_prior(op.wrap(sometimes), MIXTURE, [4], tasks=64, inside=True)
    assert 16 < found.prompts < 48 and found.weights["linear"] == pytest.approx(0.3, abs=0.05)
    with pytest.raises(OffpriorError, match="never: it answers 0 of 8 prompts"):
        op.implied_prior(op.wrap(lambda x, y, queries: None, "never"), MIXTURE, [4], tasks=8)


def test_mistakes_are_one_line():
    with pytest.raises(SettingError, match="frequency: got 2 to 1"):
        op.implied_prior(op.Mean(), MIXTURE, frequency=(2.0, 1.0))
    with pytest.raises(SettingError, match="mixture: it has neither several families nor sinusoids"):
        op.implied_prior(op.Mean(), op.Mixture(families=[op.Linear()]))
    with pytest.raises(SettingError, match="mixture: it is of tokens"):
        op.implied_prior(op.Mean(), op.Mixture(families=[op.families.MarkovChain()]))
