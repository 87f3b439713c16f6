"""Every probe of the catalogue, those to come included."""

import jax
import numpy as np
import pytest

from offprior import catalog
from offprior.evaluation.evaluate import evaluate
from offprior.mixture import Mixture
from offprior.predictors.least_squares import LeastSquares
from offprior.probes.probe import Probe
from offprior.recipe_parts import part_from, plain

NAMES = catalog.names("probes")
MIXTURE = Mixture()
KEY = jax.random.key(4)


@pytest.mark.parametrize("name", NAMES)
def test_a_probe(name):
    """Built with no arguments, captioned, the same after a recipe, and a repeatable path of prompts."""
    probe = catalog.find("probes", name)()
    assert isinstance(probe, Probe) and catalog.caption("probes", name).endswith(".")
    assert plain(part_from("probes", plain(probe))) == plain(probe)
    assert probe.label.startswith(name)
    strengths = probe.strengths(MIXTURE)
    assert len(strengths) >= 1 and list(strengths) == sorted(set(strengths))
    for strength in strengths[:2]:
        one, same = (probe.distribution(strength, MIXTURE).prompts(KEY, 3, 4, 5) for _ in range(2))
        np.testing.assert_array_equal(one.y, same.y)
        assert np.isfinite(one.truth).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_probe_changes_its_prompts_outside(name):
    """With the very same random numbers, prompts outside differ from those of every other place."""
    probe = catalog.find("probes", name)()
    outside = [strength for strength in probe.strengths(MIXTURE) if not probe.inside(strength, MIXTURE)]
    drawn = [np.asarray(probe.distribution(strength, MIXTURE).prompts(KEY, 200, 2, 4).truth) for strength in outside]
    drawn.append(np.asarray(MIXTURE.prompts(KEY, 200, 2, 4).truth))
    for number, one in enumerate(drawn):
        assert not any(np.array_equal(one, other) for other in drawn[number + 1 :])


@pytest.mark.parametrize("name", NAMES)
def test_inside_is_inside(name):
    """Where a probe says that the prior lies, knowing the probe helps nobody: the prior gap is nil."""
    probe = catalog.find("probes", name)()
    table = evaluate([LeastSquares(label="model")], probe, [8], mixture=MIXTURE, tasks=40, queries=16)
    cells = table.metrics().query("inside and length >= 8")
    assert len(cells) >= 1 and (cells["M3"] <= 0.02).all()
    assert (cells["M4_low"] <= 0.02).all(), "B is not beaten where the prior lies"
