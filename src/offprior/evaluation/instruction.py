"""The family that a model with an instruction token is told at test: the right one, or a wrong one."""

import numpy as np
from jaxtyping import Int

from offprior.mixture import Mixture
from offprior.predictors.predictor import Predictor
from offprior.table import INSTRUCTED, MODEL


def instructions(
    predictor: Predictor, mixture: Mixture, tested: Mixture, family: Int[np.ndarray, " b"]
) -> dict[str, Int[np.ndarray, " b"]]:
    """What a predictor may be told of prompts whose families are those of `tested`, by what tables call the answers.

    Nothing where it takes no instruction, or where a family of the prompts is none of the mixture's. The wrong family
    is the next one of the mixture. Specialists are told nothing.
    """
    network = getattr(predictor, "network", None) if predictor.label == MODEL else None
    named = getattr(network, "named_families", 0)
    own, names = mixture.family_names, [tested.family_names[place] for place in family]
    if not named or len(own) < 2 or not set(names) <= set(own):
        return {}
    right = np.asarray([own.index(name) for name in names], np.int32)
    return {f"{INSTRUCTED}right": right, f"{INSTRUCTED}wrong": (right + 1) % len(own)}
