"""The atlas: every probe of the catalogue that applies to a mixture, on any predictors."""

from collections.abc import Sequence
from typing import NamedTuple

from offprior import catalog
from offprior.errors import OffpriorError
from offprior.evaluation.evaluate import evaluate
from offprior.mixture import Mixture
from offprior.predictors.predictor import Predictor
from offprior.probes.in_distribution import InDistribution
from offprior.probes.probe import Probe
from offprior.progress import ProgressReport
from offprior.table import Table

TASKS, QUERIES = 64, 32
"""Test prompts a cell and queries a prompt: fewer than a run's own, for there are many cells."""
LENGTHS = (5, 10, 20, 40)


class Applicable(NamedTuple):
    """The probes of the catalogue, by whether they have something to change in a mixture."""

    probes: list[Probe]
    left_out: dict[str, str]
    """By name, why."""


def applicable(mixture: Mixture) -> Applicable:
    """Every probe of the catalogue with its defaults, as far as it applies to `mixture`."""
    probes, left_out = [], {}
    for name in catalog.names("probes"):
        try:
            probe = catalog.find("probes", name)()
            for strength in probe.strengths(mixture):
                probe.distribution(strength, mixture)
        except OffpriorError as error:
            left_out[name] = str(error).removeprefix("name: ")
            continue
        if not isinstance(probe, InDistribution):
            probes.append(probe)
    return Applicable(probes, left_out)


def atlas(
    predictors: Sequence[Predictor],
    mixture: Mixture,
    lengths: Sequence[int] = LENGTHS,
    *,
    tasks: int = TASKS,
    queries: int = QUERIES,
    seed: int = 0,
    progress: ProgressReport | None = None,
) -> Table:
    """Errors of `predictors` on every probe that applies to `mixture` (`evaluate`)."""
    probes = applicable(mixture).probes
    return evaluate(
        predictors, probes, lengths, mixture=mixture, tasks=tasks, queries=queries, seed=seed, progress=progress
    )
