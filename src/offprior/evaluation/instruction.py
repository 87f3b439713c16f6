"""The family that an instruction token names at test time: the right one, or a wrong one."""

import numpy as np
from jaxtyping import Int

from offprior.columns import INSTRUCTED, MODEL
from offprior.mixture import Mixture
from offprior.predictors.predictor import Predictor


def instructions(
    predictor: Predictor, mixture: Mixture, tested: Mixture, family: Int[np.ndarray, " b"]
) -> dict[str, Int[np.ndarray, " b"]]:
    """Returns the instructions for prompts with the families of `tested`, keyed by the answers' labels.

    The result is empty if the predictor takes no instruction, is a specialist, or a family of the prompts is not in the
    mixture. The wrong family is the next one of the mixture.
    """
    network = getattr(predictor, "network", None) if predictor.label == MODEL else None
    named = getattr(network, "named_families", 0)
    own, names = mixture.family_names, [tested.family_names[place] for place in family]
    if not named or len(own) < 2 or not set(names) <= set(own):
        return {}
    right = np.asarray([own.index(name) for name in names], np.int32)
    return {f"{INSTRUCTED}right": right, f"{INSTRUCTED}wrong": (right + 1) % len(own)}
