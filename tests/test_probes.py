"""Every probe changes its prompts where it leaves the prior, and says rightly where that is."""

import itertools

import jax
import numpy as np
import pytest

from offprior.errors import SettingError
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.input_laws.evenly import Evenly
from offprior.laws.normal import Normal
from offprior.mixture import Mixture
from offprior.predictors._references import References
from offprior.probes.context_length import ContextLength
from offprior.probes.convex import Convex
from offprior.probes.frequency import Frequency
from offprior.probes.in_distribution import InDistribution
from offprior.probes.mixture_weight import MixtureWeight

MIXTURE = Mixture(families=[Linear(), Sinusoid(frequency=(0.5, 1.5))], weights=[0.3, 0.7])
KEY = jax.random.key(3)
# A path that leaves the mixture, or its shares.
LEAVING = [Convex(), Convex(scaled=False), Frequency(), MixtureWeight(), MixtureWeight(sums=True)]


def truth(probe, strength, mixture=MIXTURE):
    """Values of 400 prompts with the very same random numbers at every strength."""
    return np.asarray(probe.distribution(strength, mixture).prompts(KEY, 400, 3, 20).truth)


@pytest.mark.parametrize("probe", LEAVING, ids=lambda probe: probe.label)
def test_prompts_change_along_the_path(probe):
    strengths = probe.strengths(MIXTURE)
    drawn = [truth(probe, strength) for strength in strengths]
    for one, other in itertools.pairwise(drawn):
        assert not np.array_equal(one, other), "a probe that changes nothing, bit for bit"


@pytest.mark.parametrize("probe", [Convex(), Frequency()], ids=lambda probe: probe.label)
def test_outside_no_function_is_of_the_mixture(probe):
    """The nearest function of any family misses the truth outside, and meets it inside."""
    references = References(MIXTURE)
    for strength in probe.strengths(MIXTURE):
        prompts = probe.distribution(strength, MIXTURE).prompts(KEY, 60, 3, 40)
        value = np.asarray(prompts.truth, np.float64)
        fits = references.best_fits(np.asarray(prompts.queries, np.float64), value)
        missed = np.square(fits - value[:, None]).mean(2).min(1).mean() / value.var()
        if probe.inside(strength, MIXTURE):
            assert missed < 1e-4, strength
        else:
            assert missed > 1e-4, strength


def test_convex_is_a_times_f_plus_the_rest_times_g():
    line, wave, half = truth(Convex(), 1.0), truth(Convex(), 0.0), truth(Convex(), 0.5)
    np.testing.assert_allclose(half, 0.5 * line + 0.5 * wave, atol=1e-5)
    np.testing.assert_allclose(truth(Convex(), 0.2), 0.2 * line + 0.8 * wave, atol=1e-5)
    np.testing.assert_allclose(truth(Convex(scaled=False), 0.5), line + wave, atol=1e-5)
    np.testing.assert_allclose(truth(Convex(scaled=False), 0.2), 0.25 * line + wave, atol=1e-5)


def test_convex_strengths_are_free_of_rounding_noise():
    assert Convex().strengths(MIXTURE) == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    assert Convex(0, 1, count=3).strengths(MIXTURE) == (0.0, 0.5, 1.0)
    with pytest.raises(SettingError, match=r"stop.*1\.2"):
        Convex(0, 1.2)


def test_frequency_lies_below_inside_and_above_the_range():
    places = Frequency().strengths(MIXTURE)
    assert min(places) < 0.5 and max(places) > 1.5 and any(0.5 <= place <= 1.5 for place in places)
    assert [Frequency().inside(place, MIXTURE) for place in (0.49, 0.5, 1.5, 1.51)] == [False, True, True, False]
    prompts = Frequency().distribution(2.5, MIXTURE).prompts(KEY, 10, 3, 4)
    np.testing.assert_allclose(prompts.frequency, 2.5)
    with pytest.raises(SettingError, match="no family of sinusoids"):
        Frequency().strengths(Mixture(families=[Linear()]))


def test_mixture_weight_is_the_realised_share():
    probe = MixtureWeight()
    assert 0.3 in [pytest.approx(place) for place in probe.strengths(MIXTURE)], "the share at training is on the path"
    for share in (0.0, 0.25, 1.0):
        family = np.asarray(probe.distribution(share, MIXTURE).prompts(KEY, 4000, 1, 4).family)
        assert (family == 0).mean() == pytest.approx(share, abs=4 * (0.25 / 4000) ** 0.5 if 0 < share < 1 else 0)


def test_mixture_weight_with_sums_ends_in_sums_alone():
    distribution = MixtureWeight(sums=True).distribution(0.0, MIXTURE)
    family = np.asarray(distribution.prompts(KEY, 50, 1, 4).family)
    assert set(np.asarray(distribution.family_names)[family]) == {"combination"}


def test_context_length_and_in_distribution_are_the_mixture_itself():
    for probe in (ContextLength(), InDistribution()):
        np.testing.assert_array_equal(truth(probe, 0.0), np.asarray(MIXTURE.prompts(KEY, 400, 3, 20).truth))
    assert ContextLength(ks=(80, 5)).lengths([1, 2], MIXTURE) == (5, 80)
    with pytest.raises(SettingError, match="ks: got -1"):
        ContextLength(ks=(-1, 5))


def test_own_inputs_and_noise_replace_the_mixtures():
    probe = Convex(inputs=Evenly(-1, 1), noise=0.0)
    assert probe.label == "convex, even contexts, noise-free"
    prompts = probe.distribution(0.5, MIXTURE).prompts(KEY, 2, 5, 3)
    np.testing.assert_allclose(np.sort(np.asarray(prompts.x)[0, :, 0]), np.linspace(-1, 1, 5), atol=1e-6)
    again = probe.distribution(0.5, MIXTURE)
    np.testing.assert_array_equal(prompts.y, again.sequences(KEY, 2, 5).values)


def test_frequencies_of_a_law_without_ends_are_given():
    mixture = Mixture(families=[Sinusoid(frequency=Normal(2.0, 0.3))])
    with pytest.raises(SettingError, match=r"start: .* is unbounded; give start and stop"):
        Frequency().strengths(mixture)
    assert Frequency(start=1.0, stop=3.0, count=3).strengths(mixture) == (1.0, 2.0, 3.0)
    assert not Frequency(start=1.0, stop=3.0).inside(2.0, mixture)
