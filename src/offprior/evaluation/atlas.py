"""The atlas: every probe of the catalogue that applies to a mixture, for any predictors."""

from collections.abc import Sequence
from typing import NamedTuple

from offprior import catalog
from offprior.columns import IN_DISTRIBUTION
from offprior.console.progress import ProgressReport
from offprior.errors import OffpriorError
from offprior.evaluation.evaluate import evaluate
from offprior.mixture import Mixture
from offprior.predictors.predictor import Predictor
from offprior.probes.in_distribution import InDistribution
from offprior.probes.probe import Probe
from offprior.table import Table

TASKS, QUERIES = 64, 32
"""Test prompts per cell and queries per prompt: fewer than in a run, because there are many cells."""
GATE_TASKS = 384
"""Test prompts in distribution, if no run was evaluated: every verdict depends on them. With 32 queries each, M1 of
four predictors had intervals of 0.83 times the width that a run's 256 with 64 give (geometric mean over four lengths
and four seeds of prompts), and no programs of other shapes are compiled.
"""
LENGTHS = (5, 10, 20, 40)


class Applicable(NamedTuple):
    """The probes of the catalogue, split by whether they have something to change in a mixture."""

    probes: list[Probe]
    left_out: dict[str, str]
    """For each probe that is left out, by name, the reason."""


def applicable(mixture: Mixture, names: Sequence[str] = ()) -> Applicable:
    """Returns every probe of the catalogue with its defaults, or those in `names`, that apply to `mixture`.

    Raises:
        OffpriorError: a name is not the name of a probe.
    """
    probes, left_out = [], {}
    kinds = {name: catalog.find("probes", name) for name in names} if names else catalog.working("probes")
    for name, kind in kinds.items():
        try:
            probe = kind()
            probe.check_applies(mixture)
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
    probes: Sequence[Probe] | None = None,
    known: Table | None = None,
    tasks: int = TASKS,
    queries: int = QUERIES,
    seed: int = 0,
    progress: ProgressReport | None = None,
) -> Table:
    """Evaluates `predictors` on `probes`, or on every probe that applies to `mixture` (`evaluate`).

    M1 comes from `known`, a run's own evaluation, if that has in-distribution rows of the same predictors, seeds and
    lengths; otherwise it is evaluated with as many prompts as in a run. Places whose prompts are the mixture's own are
    not evaluated again.
    """
    found = applicable(mixture).probes if probes is None else list(probes)
    gate = None if known is None else in_distribution(known, predictors, lengths)
    return evaluate(
        predictors,
        found,
        lengths,
        mixture=mixture,
        tasks=tasks,
        queries=queries,
        seed=seed,
        progress=progress,
        known=gate,
        plain=(max(tasks, GATE_TASKS), queries) if gate is None else None,
    )


def in_distribution(known: Table, predictors: Sequence[Predictor], lengths: Sequence[int]) -> Table | None:
    """Returns the in-distribution rows at `lengths`; None if one that a trained predictor can take is missing."""
    rows = known.to_pandas()
    rows = rows[(rows["probe"] == IN_DISTRIBUTION) & rows["length"].isin(list(lengths))]
    if "between" not in rows:  # an older version's table, without errors by placement
        return None
    there = set(zip(rows["predictor"], rows["seed"], rows["length"], strict=True))
    for predictor in predictors:
        possible = [length for length in lengths if predictor.longest is None or length <= predictor.longest]
        if predictor.trained and any((predictor.label, predictor.seed, length) not in there for length in possible):
            return None
    return Table(rows) if len(rows) and any(predictor.trained for predictor in predictors) else None
