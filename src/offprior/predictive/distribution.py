"""What a predictive distribution of a new output can say."""

import abc

import numpy as np
from jaxtyping import Float


class Distribution(abc.ABC):
    """Distributions of new outputs, noise included, one per row; rows may have any shape.

    Quantiles at uniform random levels are independent draws of new outputs.
    """

    @property
    @abc.abstractmethod
    def mean(self) -> Float[np.ndarray, "*rows"]:
        """The mean of each row."""

    @property
    @abc.abstractmethod
    def variance(self) -> Float[np.ndarray, "*rows"]:
        """The variance of each row."""

    @abc.abstractmethod
    def log_density(self, y: Float[np.ndarray, "*rows r"]) -> Float[np.ndarray, "*rows r"]:
        """Returns the log-density of each row at its own r outputs, in nats."""

    @abc.abstractmethod
    def quantiles(self, levels: Float[np.ndarray, "*rows r"]) -> Float[np.ndarray, "*rows r"]:
        """Returns the outputs below which each row has the probabilities `levels`, above 0 and below 1."""
