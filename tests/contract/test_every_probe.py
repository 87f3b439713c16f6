"""Every probe of the catalogue, those to come included."""

import contextlib
import warnings

import equinox as eqx
import jax
import numpy as np
import pytest

from offprior import catalog
from offprior.errors import SettingError
from offprior.evaluation.evaluate import evaluate
from offprior.evaluation.gate import gate
from offprior.families.hidden_markov import HiddenMarkov
from offprior.families.scaled import Scaled
from offprior.input_laws.one_sided import OneSided
from offprior.laws.normal import Normal
from offprior.parameter import alike, fields_of
from offprior.predictors.induction_copy import InductionCopy
from offprior.predictors.least_squares import LeastSquares
from offprior.probes.probe import Probe
from offprior.recipe.parts import part_from, plain
from offprior.recipe.study import MOST_PLACES

NAMES = catalog.names("probes")
KEY = jax.random.key(4)


def build(name):
    """A probe with no arguments, and a mixture that it applies to."""
    probe = catalog.find("probes", name)()
    assert isinstance(probe, Probe)
    return probe, probe.example_mixture()


@pytest.mark.parametrize("name", NAMES)
def test_a_probe(name):
    """Built with no arguments, captioned, the same after a recipe, and a repeatable path of prompts."""
    probe, mixture = build(name)
    assert catalog.caption("probes", name).endswith(".")
    assert plain(part_from("probes", plain(probe))) == plain(probe)
    assert probe.label.startswith(name)
    strengths = probe.strengths(mixture)
    assert len(strengths) >= 1 and list(strengths) == sorted(set(strengths))
    for strength in strengths[:2]:
        one, same = (probe.distribution(strength, mixture).prompts(KEY, 3, 4, 5) for _ in range(2))
        np.testing.assert_array_equal(one.y, same.y)
        assert np.isfinite(one.truth).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_probe_changes_its_prompts_outside(name):
    """With the very same random numbers, prompts outside differ from those of every other place, bit for bit."""
    probe, mixture = build(name)
    outside = [strength for strength in probe.strengths(mixture) if not probe.inside(strength, mixture)]
    distributions = [*(probe.distribution(strength, mixture) for strength in outside), mixture]
    # Two pairs of context: what they and the queries hold is all that a predictor sees, and is measured by.
    drawn = [np.concatenate([np.ravel(part) for part in each.prompts(KEY, 200, 2, 4)[:4]]) for each in distributions]
    for number, one in enumerate(drawn):
        assert not any(np.array_equal(one, other) for other in drawn[number + 1 :])


@pytest.mark.parametrize("name", NAMES)
def test_a_place_says_what_it_is_made_of_and_where_it_is_gated(name):
    """Families that have a share; where a place gates itself its functions are the mixture's families', each named."""
    probe, mixture = build(name)
    for strength in probe.strengths(mixture):
        made_of, gated = probe.made_of(strength, mixture), gate(probe, strength, mixture)
        assert made_of and len(set(made_of)) == len(made_of)
        assert all(mixture.weights[number] > 0 for number in made_of)
        found = probe.distribution(strength, mixture)
        if gated is None:
            drawn = np.unique(np.asarray(found.prompts(KEY, 64, 1, 1).family))
            assert {found.family_names[number] for number in drawn} <= {mixture.family_names[n] for n in made_of}
        else:
            drawn = gated.distribution(0.0, mixture)
            assert (
                bool(eqx.tree_equal(drawn.inputs, probe.gated_inputs(strength, mixture)))
                and drawn.families == mixture.families
            )


@pytest.mark.parametrize("name", NAMES)
def test_own_conditions_are_those_of_the_gate(name):
    """Inputs and noise of the probe's own are what its functions are gated under."""
    _, mixture = build(name)
    kind = catalog.find("probes", name)
    if "inputs" not in {info.name for info in fields_of(kind)}:
        return
    settings = {"inputs": OneSided(base=mixture.inputs, share=0.6)}
    if "noise" in {info.name for info in fields_of(kind)}:
        settings["noise"] = 0.25
    probe = kind(**settings)
    for strength in probe.strengths(mixture):
        gated = gate(probe, strength, mixture)
        if gated is None:
            assert probe.keeps_functions(strength, mixture)
        else:
            assert gated.label == "in-distribution, one-sided 0.6, noise 0.25"


COUNTED = [name for name in NAMES if any(info.name == "count" for info in fields_of(catalog.find("probes", name)))]


@pytest.mark.parametrize("name", COUNTED)
def test_too_many_places_are_refused_before_they_are_made(name):
    """A probe that declares `count` by count_parameter keeps this; one that counts otherwise bounds it itself."""
    kind = catalog.find("probes", name)
    assert kind(count=MOST_PLACES).count == MOST_PLACES
    with pytest.raises(SettingError, match=f"count: 20000000 is out of bounds.* at most {MOST_PLACES}"):
        kind(count=20_000_000)


def foreign(mixture):
    """A family that no mixture has."""
    if mixture.vocabulary:
        return HiddenMarkov(vocabulary=mixture.vocabulary, states=7)
    return Scaled(family=mixture.families[0], factor=7.3, stretch=1.7)


def judged(mixture):
    return InductionCopy(label="model") if mixture.vocabulary else LeastSquares(label="model")


def places_to_tell_apart(probe, mixture):
    """All inside, and the first and the last outside, so that C knows more than B."""
    strengths = probe.strengths(mixture)
    outside = [strength for strength in strengths if not probe.inside(strength, mixture)]
    return [strength for strength in strengths if strength not in outside[1:-1]]


def at_places(probe, strengths):
    """The probe, of some of its places."""
    kind = type(probe)
    fewer = {"strengths": lambda self, mixture: list(strengths), "__module__": kind.__module__, "__doc__": kind.__doc__}
    return type(kind.__name__, (kind,), fewer)()


@pytest.mark.parametrize("name", NAMES)
def test_inside_is_inside(name):
    """Where a probe says that the prior lies, knowing the probe helps nobody: the prior gap is nil."""
    probe, mixture = build(name)
    probe = at_places(probe, places_to_tell_apart(probe, mixture))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of products and compositions that have no C
        table = evaluate([judged(mixture)], probe, [8], mixture=mixture, tasks=40, queries=16)
    least = min(8, *probe.lengths([8], mixture))
    cells = table.metrics().query(f"inside and length >= {least} and M3 == M3")
    assert len(cells) >= 1 and (cells["M3"] <= 0.02).all()
    assert (cells["M4_low"] <= 0.02).all(), "B is not beaten where the prior lies"


@pytest.mark.parametrize("name", NAMES)
def test_inside_follows_one_rule_over_mixtures(name):
    """Own inputs and noise make no difference; families without weight hold nothing; those with some hold their own."""
    probe, mixture = build(name)
    strengths = probe.strengths(mixture)
    inside = [probe.inside(strength, mixture) for strength in strengths]
    settings = {info.name for info in fields_of(type(probe))} & {"inputs", "noise"}
    own = type(probe)(**{key: {"inputs": Normal(1.0, 0.5), "noise": 0.37}[key] for key in settings})
    assert [own.inside(strength, mixture) for strength in strengths] == inside

    extra = foreign(mixture)
    count = len(mixture.families)
    emptied = mixture.changed(families=[*mixture.families, extra], weights=[0.0] * count + [1.0])
    for strength in strengths:
        if probe.inside(strength, emptied):
            drawn = probe.distribution(strength, emptied)
            shares = zip(drawn.families, np.asarray(drawn.weights), strict=True)
            assert all(extra.includes(family) for family, share in shares if share > 0)

    for strength in strengths:
        here = probe.distribution(strength, mixture)
        wider = mixture.changed(families=[*mixture.families, *here.families])
        with contextlib.suppress(SettingError):  # of a probe that does not apply to what has it all
            if alike(probe.distribution(strength, wider).families, here.families):
                assert probe.holds_functions(strength, wider)


@pytest.mark.parametrize("name", NAMES)
def test_a_coordinate_has_words(name):
    """What a figure writes at its axis, and tables as its symbol."""
    probe = catalog.find("probes", name)
    assert probe.axis and (probe.coordinate or name == "in-distribution")
