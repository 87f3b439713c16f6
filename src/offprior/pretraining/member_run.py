"""One member during training: its start, its files and its result."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import numpy as np

from offprior.models.model import Model
from offprior.predictors.pretrained import Pretrained
from offprior.pretraining import checkpoint, processes
from offprior.pretraining.history import History
from offprior.pretraining.optimiser import predicting
from offprior.pretraining.population import Member
from offprior.pretraining.step import State, initial_state, setting

FLAT_STEPS, FLAT_SHARE = 200, 0.15
"""Steps after the warm-up, and share of all steps, by which the loss must have fallen."""

FLAT_ROWS = 6
"""How many dispatches' losses are needed to call a loss flat."""
VISIBLE = 0.1
"""A fall by this share of the loss must be visible in its noise before a loss is called flat."""


def unfallen(losses: Sequence[float]) -> tuple[float, float] | None:
    """Returns the means of the first and last third of losses if the last is not lower by more than noise, else None.

    The noise is estimated from differences of neighbours. None is also returned if the noise would hide a fall by a
    tenth.
    """
    third = len(losses) // 3
    noise = float(np.diff(losses).std()) / 2**0.5
    before, now = float(np.mean(losses[:third])), float(np.mean(losses[-third:]))
    seen = 2 * noise * (2 / third) ** 0.5
    return (before, now) if before - now <= seen <= VISIBLE * abs(before) else None


class MemberRun:
    """One member during training."""

    def __init__(self, model: Model, member: Member):
        self.model, self.member = model, member
        self.mark = checkpoint.fingerprint(model, member.mixture, member.training)
        self.settings = setting(member.mixture, member.training, member.seed)
        self.history = History(member.folder, member.seed, member.mixture.family_names)
        self.diverged = ""
        self.kept = 0
        """The step of the last checkpoint."""
        self.network: Any = None
        self._is_watched = True
        """Whether it still has to be checked that the loss falls after the warm-up."""

    def begin(self, resume: bool, warn: Callable[[str], None]) -> State:
        """Returns the state to start from: the folder's last good checkpoint or a fresh one.

        Raises:
            OffpriorError: the folder's checkpoint is of other settings; there is one, and `resume` is False.
        """
        state = processes.by_the_first(lambda: self._kept(warn) if resume else self._nothing_kept())
        if state is None:
            state = initial_state(self.model, self.settings)
        state = processes.as_the_first_has_it(state)
        self.kept = int(state.step)
        self.history.keep_until(self.kept, warn)
        return state

    def _kept(self, warn: Callable[[str], None]) -> State | None:
        """Returns the last good checkpoint; weights for predictions are rewritten if a kill came in between."""
        _, training, seed, folder = self.member
        if folder is None:
            return None
        like = eqx.filter_eval_shape(initial_state, self.model, self.settings)
        state = checkpoint.load(folder, seed, like, self.mark, warn)
        if state is not None:
            network = predicting(training, state.network, state.optimiser)
            checkpoint.mend(folder, seed, state, network, self.mark)
        return state

    def _nothing_kept(self) -> None:
        if self.member.folder is not None:
            checkpoint.check_unused(self.member.folder, self.member.seed)

    def flat(self, step: int) -> str:
        """Returns a warning, once, some time after the warm-up, if the loss has not fallen since; else ""."""
        training = self.member.training
        warm = max(float(np.asarray(training.warmup)) * training.steps, *[0, *(s for s, _ in training.stages()[:-1])])
        if not self._is_watched or step < warm + max(FLAT_STEPS, FLAT_SHARE * training.steps):
            return ""
        losses = self.history.losses_since(warm)
        if len(losses) < FLAT_ROWS:
            return ""
        self._is_watched = False
        found = unfallen(losses)
        if found is None:
            return ""
        rate = float(np.asarray(training.learning_rate))
        return (
            f"seed {self.member.seed}: the loss has not fallen since the warm-up: {found[0]:.4g} soon after step "
            f"{warm:.0f}, {found[1]:.4g} at step {step}; unless this is its floor, another training.learning_rate than "
            f"{rate:g} ({training.optimiser}) may help"
        )

    def write(self, state: State, weights_alone: bool) -> None:
        """Writes a checkpoint, or only the weights of a trajectory, if there is a folder."""
        member = self.member
        if member.folder is None or not processes.is_first():
            return
        network = predicting(member.training, state.network, state.optimiser)
        if weights_alone:
            checkpoint.save_weights(member.folder, member.seed, state, network, self.mark)
        else:
            self.history.write()
            checkpoint.save(member.folder, member.seed, state, network, self.mark)

    def pretrained(self) -> Pretrained:
        """Returns the trained member as a predictor."""
        return Pretrained(
            network=self.network,
            mixture=self.member.mixture,
            limit=self.model.longest(self.member.training.points),
            trained_to=self.member.training.points,
            seed=self.member.seed,
            history=self.history.table(),
        )
