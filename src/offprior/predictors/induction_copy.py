"""Copies what followed the latest token when it last occurred."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from offprior.parameter import Scalar, parameter
from offprior.predictors.predictor import LABEL
from offprior.predictors.token_predictor import TokenPredictor


class InductionCopy(TokenPredictor):
    """The token that followed the latest token at its last occurrence, as one induction head would copy it.

    The copied token has probability 1 − ε, and the rest is spread evenly. Without an earlier occurrence all tokens are
    equally likely (Olsson et al. 2022, arXiv 2209.11895).
    """

    doubt: Scalar = parameter(0.05, "ε, the probability spread over all tokens", above=0, maximum=1)
    label: str = parameter("induction copy", LABEL)

    def next_tokens(self, tokens: Int[Any, "B n"], lengths: Sequence[int]) -> Float[np.ndarray, "B L vocabulary"]:
        tokens, doubt = np.asarray(tokens, np.int64), float(self.doubt)
        row = np.arange(len(tokens))
        found = np.full((len(tokens), len(lengths), self.vocabulary), 1 / self.vocabulary)
        followed_by = np.full((len(tokens), self.vocabulary), -1)
        places = {int(length): number for number, length in enumerate(lengths)}
        for place in range(1, max(places) + 1):
            latest = tokens[:, place - 1]
            if place >= 2:
                followed_by[row, tokens[:, place - 2]] = latest
            if place in places:
                copied = followed_by[row, latest]
                seen = copied >= 0
                found[seen, places[place]] = doubt / self.vocabulary
                found[row[seen], places[place], copied[seen]] += 1 - doubt
        return found
