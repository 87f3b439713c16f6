"""The inside of the model: its attention at a query, and what each layer knows about the family."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from offprior.compute.randomness import key_for
from offprior.errors import OffpriorError
from offprior.evaluation.family_read_out import FamilyReadOut
from offprior.evaluation.inside_model import Inside
from offprior.mixture import Mixture
from offprior.predictors.predictor import Predictor

LEAST = 4
"""With fewer points, a read-out fitted to all lengths is unreliable."""


class Look(NamedTuple):
    """The model's attention and read-outs at one query of a prompt."""

    attention: Float[np.ndarray, " n"]
    """The attention to every pair, averaged over the requested heads and layers."""
    own: float
    """The attention to the query itself; with `attention` it sums to 1, less the share of an instruction token."""
    families: Float[np.ndarray, "s F"] | None
    """P(family) read from the embedded query, then from each layer; None until the read-out is fitted."""
    accuracy: Float[np.ndarray, " s"] | None
    """Accuracy of the read-out on held-out prompts."""
    exact_accuracy: float
    note: str
    """What to know about the read-out, in words."""
    waits: bool
    """Whether the read-out is still being fitted."""


class Looks:
    """The inside of the models of a run; read-outs are fitted when they are first requested, one at a time."""

    def __init__(self, mixture: Mixture, models: list[Predictor]):
        self.mixture = mixture
        self.layers = self.heads = 0
        """The numbers of layers and heads; 0 if the architecture does not expose its attention."""
        self._thread = ThreadPoolExecutor(1)
        self._lock = threading.Lock()
        self._fits: dict[int, Future[FamilyReadOut | None]] = {}
        try:
            pairs = Inside(models[0]).attention(np.zeros(1), np.zeros(1), 0.0).pairs
        except OffpriorError:
            return
        self.layers, self.heads = pairs.shape[:2]

    def look(
        self,
        model: Predictor,
        x: Float[np.ndarray, " n"],
        y: Float[np.ndarray, " n"],
        query: float,
        *,
        layer: int = 0,
        head: int = 0,
        is_last: bool = True,
    ) -> Look:
        """Returns attention and read-outs at one query of a prompt.

        Args:
            model: the model.
            x: the context's inputs.
            y: the context's outputs.
            query: the input at which to look.
            layer: the layer, counted from 1; 0 for all.
            head: the head, counted from 1; 0 for all.
            is_last: whether the model has the last weights; only these have read-outs.

        Raises:
            OffpriorError: the architecture does not expose its attention.
        """
        found = Inside(model).attention(x, y, query)
        chosen = tuple(slice(number - 1, number) if number else slice(None) for number in (layer, head))
        pairs, own = found.pairs[chosen].mean((0, 1)), float(found.own[chosen].mean())
        families = accuracy = None
        exact, waits = float("nan"), False
        if not is_last:
            note = "The read-out of the layers is available for the last weights only."
        elif len(self.mixture.families) < 2:
            note = "The mixture has one family: there is nothing to read out of the layers."
        elif not (fit := self.fit(model)).done():
            note = "The layers' read-out is being fitted on fresh prompts of the mixture; this takes a few seconds."
            waits = True
        elif (failed := fit.exception()) is not None:
            note = f"The layers' read-out could not be fitted: {failed}"
        else:
            read_out = fit.result()
            note = "It is fitted to all lengths at once, and says little about so few points." if len(x) < LEAST else ""
            if read_out is not None:
                families, accuracy = read_out.read(x, y, query), read_out.accuracy
                exact = read_out.exact_accuracy
        return Look(pairs, own, families, accuracy, exact, note, waits)

    def fit(self, model: Predictor) -> "Future[FamilyReadOut | None]":
        """Returns the read-out of a model; starts fitting it if necessary."""
        with self._lock:
            if model.seed not in self._fits:
                key = key_for(model.seed, "explorer", "read-out")
                self._fits[model.seed] = self._thread.submit(FamilyReadOut.fitted, model, self.mixture, key)
            return self._fits[model.seed]

    def when_fitted(self, model: Predictor, act: Callable[[], None]) -> None:
        """Calls `act` once the model's read-out is fitted: immediately, or in another thread."""
        self.fit(model).add_done_callback(lambda _: act())

    def close(self) -> None:
        """Starts no further fits."""
        self._thread.shutdown(wait=False, cancel_futures=True)
