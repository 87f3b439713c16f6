"""B of every pair of families in the catalogue is unbeaten on its own prompts, by any other prior of them.

All priors are posteriors of one engine on the same prompts, so that one call per family serves every pair: the
posterior of a mixture is made of those of its families, by their evidence.
"""

import itertools
from typing import NamedTuple

import jax
import numpy as np
import pytest
from kinds import FUNCTION_FAMILIES

from offprior import catalog
from offprior.components import NoClosedForm
from offprior.errors import SettingError
from offprior.families.combination import Combination
from offprior.families.linear import Linear
from offprior.families.quadratic import Quadratic
from offprior.families.sinusoid import Sinusoid
from offprior.mixture import Mixture
from offprior.parameter import fields_of
from offprior.posterior import posterior
from offprior.predictors.bayes import Bayes

TASKS = 20
STANDARD_ERRORS = 4.0
"""Some thousand comparisons are made."""


class Setting(NamedTuple):
    """What prompts are like."""

    dimension: int
    noise: float
    lengths: tuple[int, ...]
    fewest: int
    """Families that there are at least."""


SETTINGS = {
    "one number": Setting(1, 0.1, (3, 12), 8),
    "three numbers": Setting(3, 0.1, (3, 12), 7),
    "little noise and many pairs": Setting(1, 0.03, (40,), 8),
}


def families(dimension):
    """Those of such inputs that have an exact posterior, by name, and one that no default makes."""
    if dimension == 1:
        found = {"sinusoid of one amplitude": Sinusoid(amplitude=1.0)}
    else:
        found = {"combination": Combination(Linear(dimension), Quadratic(dimension))}
    for name in FUNCTION_FAMILIES:
        part = catalog.find("families", name)
        has_setting = "dimension" in {each.name for each in fields_of(part)}
        try:
            family = part(dimension=dimension) if has_setting and dimension > 1 else part()
            family.components(8)
        except (NoClosedForm, SettingError):  # it has no posterior, or no inputs of so many numbers
            continue
        if family.dimension == dimension and name not in found:
            found[name] = family
    return found


@pytest.fixture(scope="module", params=SETTINGS.values(), ids=list(SETTINGS))
def answers(request):
    """Of each family's prompts under each family's prior: log evidence, means at the queries, and the truths there.

    Evidence is [prompts' family, prior, tasks, lengths], means have the queries as a last axis.
    """
    dimension, noise, lengths, fewest = request.param
    known = families(dimension)
    assert len(known) >= fewest
    drawn = [
        Mixture([family], noise=noise).prompts(jax.random.key(number), TASKS, max(lengths), 6)
        for number, family in enumerate(known.values())
    ]
    x, y, queries, truth = (
        np.concatenate([np.asarray(getattr(one, name), np.float64) for one in drawn])
        for name in ("x", "y", "queries", "truth")
    )
    evidence, means = [], []
    for family in known.values():
        groups = Bayes(Mixture([family], noise=noise)).groups
        found = posterior(groups, x, y, queries, lengths, noise, variance=False)
        evidence.append(found.log_evidence[:, :, 0])
        means.append(found.mean[:, :, 0])
    count = len(known)
    of_cells = [np.stack(parts).reshape(count, count, TASKS, len(lengths), -1) for parts in (evidence, means)]
    evidence, means = (part.swapaxes(0, 1) for part in of_cells)  # the prompts' family comes first
    return list(known), evidence[..., 0], means, truth.reshape(count, TASKS, -1)


def test_no_other_prior_beats_b_on_its_own_prompts(answers):
    names, evidence, means, truth = answers
    beaten = []
    for pair in itertools.combinations(range(len(names)), 2):
        own = list(pair)
        logs, at, target = evidence[own], means[own], truth[own][:, :, None]

        def errors(prior, weights, logs=logs, at=at, target=target):
            """[prompts of either family, lengths] of the mixture of some families."""
            mass = logs[:, prior] + np.log(weights)[None, :, None, None]
            share = np.exp(mass - np.logaddexp.reduce(mass, axis=1, keepdims=True))[..., None]
            mean = (share * at[:, prior]).sum(1)
            return np.square(mean - target).mean(-1).reshape(-1, evidence.shape[-1])

        ours = errors(own, [0.5, 0.5])
        others = {name: errors([number], [1.0]) for number, name in enumerate(names)}
        others |= {f"{pair} at {share:g}": errors(own, [share, 1 - share]) for share in (0.05, 0.95)}
        for name, theirs in others.items():
            excess = ours - theirs
            limit = STANDARD_ERRORS * excess.std(0) / len(excess) ** 0.5 + 1e-9
            if (excess.mean(0) > limit).any():
                beaten.append(f"B of {names[pair[0]]} and {names[pair[1]]}, by {name}: {excess.mean(0)}")
    assert not beaten, "\n".join(beaten)


def test_a_family_explains_its_own_prompts_best(answers):
    """Gibbs' inequality: no other family has more evidence on average, beyond noise."""
    names, evidence, _, _ = answers
    worse = []
    for own, other in itertools.permutations(range(len(names)), 2):
        gain = evidence[own, own] - evidence[own, other]
        if (gain.mean(0) < -STANDARD_ERRORS * gain.std(0) / TASKS**0.5 - 1e-9).any():
            worse.append(f"{names[own]}, by {names[other]}: {gain.mean(0)} nats")
    assert not worse, "\n".join(worse)
