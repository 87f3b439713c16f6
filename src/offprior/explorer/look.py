"""What goes on inside the model: whom a query looks at, and what each layer knows of the family."""

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
from offprior.predictors.pretrained import Pretrained

LEAST = 4
"""Points, below which one read-out for all lengths tells little."""


class Look(NamedTuple):
    """The model's attention and read-outs at one query of a prompt."""

    attention: Float[np.ndarray, " n"]
    """Its weight on every pair, a mean over the heads and layers that were asked for."""
    own: float
    """What falls on the query itself; with `attention` it sums to 1, but for an instruction token."""
    families: Float[np.ndarray, "s F"] | None
    """P(family) as it is read from the embedded query, then from each layer; None until the read-out is fitted."""
    accuracy: Float[np.ndarray, " s"] | None
    """Accuracy of that read-out on held-out prompts."""
    exact_accuracy: float
    note: str
    """What to know of it, in words."""
    waits: bool
    """For the read-out, which is being fitted?"""


class Looks:
    """The inside of the models of a run; read-outs are fitted when they are first wanted, one at a time."""

    def __init__(self, mixture: Mixture, models: list[Pretrained]):
        self.mixture = mixture
        self.layers = self.heads = 0
        """0 where the architecture does not tell."""
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
        model: Pretrained,
        x: Float[np.ndarray, " n"],
        y: Float[np.ndarray, " n"],
        query: float,
        *,
        layer: int = 0,
        head: int = 0,
        is_last: bool = True,
    ) -> Look:
        """A layer and a head by their numbers from 1, 0 for all; the read-out is that of the last weights alone.

        Raises:
            OffpriorError: the architecture does not tell.
        """
        found = Inside(model).attention(x, y, query)
        chosen = tuple(slice(number - 1, number) if number else slice(None) for number in (layer, head))
        pairs, own = found.pairs[chosen].mean((0, 1)), float(found.own[chosen].mean())
        families = accuracy = None
        exact, waits = float("nan"), False
        if not is_last:
            note = "Layers are read out of the last weights only."
        elif len(self.mixture.families) < 2:
            note = "The mixture has one family: there is nothing to read out of the layers."
        elif not (fit := self.fit(model)).done():
            note = "The layers' read-out is being fitted on fresh prompts of the mixture; this takes some seconds."
            waits = True
        elif (failed := fit.exception()) is not None:
            note = f"The layers' read-out could not be fitted: {failed}"
        else:
            read_out = fit.result()
            note = "It is fitted to all lengths at once, and tells little of so few points." if len(x) < LEAST else ""
            if read_out is not None:
                families, accuracy = read_out.read(x, y, query), read_out.accuracy
                exact = read_out.exact_accuracy
        return Look(pairs, own, families, accuracy, exact, note, waits)

    def fit(self, model: Pretrained) -> "Future[FamilyReadOut | None]":
        """The read-out of a model, begun where it is not there."""
        with self._lock:
            if model.seed not in self._fits:
                key = key_for(model.seed, "explorer", "read-out")
                self._fits[model.seed] = self._thread.submit(FamilyReadOut.fitted, model, self.mixture, key)
            return self._fits[model.seed]

    def when_fitted(self, model: Pretrained, act: Callable[[], None]) -> None:
        """Call `act` once the model's read-out is there: at once, or in another thread."""
        self.fit(model).add_done_callback(lambda _: act())

    def close(self) -> None:
        """Begin no further fit."""
        self._thread.shutdown(wait=False, cancel_futures=True)
