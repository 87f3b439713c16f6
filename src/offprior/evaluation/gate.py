"""The prompts on which a place's M1 is measured: the mixture's functions with that place's inputs and noise."""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import numpy as np

from offprior.mixture import Mixture
from offprior.probes.in_distribution import InDistribution
from offprior.probes.probe import Probe


class Asked(NamedTuple):
    """A probe and the context lengths at which to test it."""

    probe: Probe
    lengths: tuple[int, ...]


def gate(probe: Probe, strength: float, mixture: Mixture) -> InDistribution | None:
    """Returns the probe with the mixture's own functions under a place's conditions; None if the place has those."""
    if probe.keeps_functions(strength, mixture):
        return None
    found = probe.distribution(strength, mixture)
    own, given = np.float32(mixture.noise), np.float32(found.noise)
    # Numbers are compared in single precision, in which prompts are drawn.
    inputs = probe.gated_inputs(strength, mixture)
    alike = bool(eqx.tree_equal(inputs, mixture.inputs)) or inputs.words == mixture.inputs.words
    return InDistribution(
        inputs=None if alike else inputs,
        noise=None if own == given else float(given),
    )


def with_gates(asked: Sequence[Asked], mixture: Mixture) -> list[Asked]:
    """Returns the given probes and the gates that they need, each once and at every length needed."""
    found = {probe.label: (probe, set(lengths)) for probe, lengths in asked}
    for probe, lengths in asked:
        for strength in probe.strengths(mixture):
            needed = gate(probe, strength, mixture)
            if needed is not None:
                found.setdefault(needed.label, (needed, set()))[1].update(lengths)
    return [Asked(probe, tuple(sorted(lengths))) for probe, lengths in found.values()]
