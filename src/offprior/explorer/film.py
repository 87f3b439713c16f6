"""The training film: a run's models at the training steps whose weights were kept."""

import threading
from pathlib import Path
from typing import Protocol, runtime_checkable

from offprior.predictors.predictor import Predictor
from offprior.predictors.pretrained import Pretrained
from offprior.pretraining.checkpoint import at_step, steps_kept

KEPT = 24
"""The most models kept in memory."""


@runtime_checkable
class Choice(Protocol):
    """What a page's state says of the model to show."""

    @property
    def model(self) -> int:
        """The number of the model among those of the run."""
        ...

    @property
    def step(self) -> int:
        """The training step whose weights are used; 0 for the last."""
        ...


class Film:
    """The models of a run, one per seed, at every step that can be shown; or one other predictor, without steps."""

    def __init__(self, folder: Path, models: list[Predictor]):
        self.folder, self.models = folder, models
        self.steps = steps_kept(folder, models[0].seed)
        self._known: dict[tuple[int, int], Pretrained] = {}
        self._lock = threading.Lock()

    def step_of(self, state: Choice) -> int:
        """Returns the kept step nearest to the one that a state names; 0 for the last."""
        if not state.step or not self.steps:
            return 0
        step = min(self.steps, key=lambda kept: abs(kept - state.step))
        return 0 if step == self.steps[-1] else step

    def model_of(self, state: Choice) -> Predictor:
        """Returns the model that a state selects, at the training step that it names.

        Raises:
            OffpriorError: the weights of that step are missing or corrupt.
        """
        model, step = self.models[min(state.model, len(self.models) - 1)], self.step_of(state)
        if not step or not isinstance(model, Pretrained):
            return model
        with self._lock:
            if (model.seed, step) not in self._known:
                while len(self._known) >= KEPT:
                    self._known.pop(next(iter(self._known)))
                self._known[model.seed, step] = at_step(self.folder, model, step, model.label)
            return self._known[model.seed, step]
