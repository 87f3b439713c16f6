"""The base class of predictors that know tokens alone."""

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from offprior.errors import OffpriorError
from offprior.families.markov_chain import MarkovChain
from offprior.mixture import Mixture
from offprior.parameter import Part
from offprior.predictors.predictor import BatchPrediction, Predictor


class TokenPredictor(Part, Predictor):
    """A predictor of the next token of a sequence, with settings declared by `offprior.parameter.parameter`.

    It knows the vocabulary of `mixture`, which an evaluation gives it; without one there are two tokens.
    """

    mixture: Mixture | None = None

    @property
    def known(self) -> Mixture:
        """The mixture that the predictor knows."""
        return Mixture([MarkovChain()]) if self.mixture is None else self.mixture

    @property
    def vocabulary(self) -> int:
        """The number of tokens."""
        return self.known.vocabulary

    @property
    def predicts_values(self) -> bool:
        return False

    @property
    def input_dimension(self) -> int | None:
        return None if self.mixture is None else self.mixture.dimension

    def for_mixture(self, mixture: Mixture) -> Predictor:
        return (
            self if self.mixture is not None or not mixture.vocabulary else dataclasses.replace(self, mixture=mixture)
        )

    @abc.abstractmethod
    def next_tokens(self, tokens: Int[Any, "B n"], lengths: Sequence[int]) -> Float[np.ndarray, "B L vocabulary"]:
        """Returns the probability of each token after the first k tokens of every sequence, for k in `lengths`."""

    def predict_batch(self, x: Any, y: Any, queries: Any, lengths: Sequence[int]) -> BatchPrediction:
        """Raises an error: this predictor is for tokens.

        Raises:
            OffpriorError: always.
        """
        raise OffpriorError(f"{self.label} predicts tokens, not real values; call `next_tokens`")
