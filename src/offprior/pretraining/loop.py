"""The pretraining loop: fresh prompts drawn on the device, many steps a dispatch, nothing synchronised inside."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.errors import OffpriorError
from offprior.mixture import Mixture
from offprior.models.model import Model, Network
from offprior.predictors.pretrained import Pretrained
from offprior.pretraining import checkpoint
from offprior.pretraining.checkpoint import State
from offprior.pretraining.history import History
from offprior.pretraining.interruption import Interrupted, listening
from offprior.pretraining.optimiser import direction
from offprior.pretraining.training import Training
from offprior.progress import ProgressReport, progress_report
from offprior.randomness import fold, key_for

TARGETS = 100_000
"""Values of y drawn to fit a head to the prior."""


class StepReport(NamedTuple):
    """What one step tells; in a dispatch, with the steps as leading axis."""

    loss: Float[Array, "*steps"]
    family_loss: Float[Array, "*steps families"]
    """Mean loss of each family's prompts; not-a-number where a batch held none."""
    gradient_norm: Float[Array, "*steps"]


def pretrain(
    model: Model,
    mixture: Mixture,
    training: Training | None = None,
    *,
    seed: int = 0,
    folder: Path | str | None = None,
    resume: bool = False,
    progress: ProgressReport | None = None,
    warn: Callable[[str], None] = print,
    **settings: Any,
) -> Pretrained:
    """Pretrain `model` on prompts of `mixture`, and return it as a predictor.

    `settings` are those of `Training` (``steps=2000``), when `training` is not given. With a `folder`, checkpoints and
    `training.parquet` are kept there, and `resume` goes on from the last of them, bit for bit on the same machine,
    thread count and XLA. Every batch is a pure function of (seed, step). Progress is shown on standard error, unless
    `progress` is another report (`offprior.progress.Silence()`).

    Raises:
        OffpriorError: the loss is no longer finite; the folder's checkpoint is of other settings.
        Interrupted: Ctrl-C or SIGTERM; what was trained so far is in the folder.
    """
    training = training if training is not None else Training(**settings)
    progress = progress if progress is not None else progress_report()
    folder = None if folder is None else Path(folder)
    mark = checkpoint.fingerprint(model, mixture, training)
    history = History(folder, seed, mixture.family_names)

    root = key_for(seed, "training")
    if resume and folder is not None and (checkpoint.seed_folder(folder, seed) / checkpoint.STATE).exists():
        like = eqx.filter_eval_shape(initial_state, model, mixture, training, seed)
        state, remark = checkpoint.load(folder, seed, like, mark)
        if remark:
            warn(remark)
        history.keep_until(int(state.step))
    else:
        state = eqx.filter_jit(initial_state)(model, mixture, training, seed)

    step = int(state.step)
    saved = step
    progress.start(f"pretraining, seed {seed}", training.steps, step)
    begun = time.monotonic() - history.seconds
    try:
        with listening() as interruption:
            while step < training.steps:
                state, report = advance(state, mixture, training, root)
                step = min(step + training.steps_per_dispatch, training.steps)
                report = jax.device_get(report)
                _check_finite(report, step, training, kept=saved > 0 and folder is not None)
                history.add(step, report, state.drawn, training, time.monotonic() - begun)
                progress.advance(step, history.latest())
                due = step == training.steps or step - saved >= training.checkpoint_every or interruption.asked
                if due and folder is not None:
                    history.write()
                    checkpoint.save(folder, seed, state, mark)
                    saved = step
                if interruption.asked and step < training.steps:
                    raise Interrupted(_stopped_at(step, training, folder))
    finally:
        progress.finish()
    return Pretrained(
        network=state.network,
        mixture=mixture,
        limit=model.longest(training.points),
        trained_to=training.points,
        seed=seed,
        history=history.table(),
    )


def initial_state(model: Model, mixture: Mixture, training: Training, seed: int) -> State:
    """Fresh weights and optimiser of a seed."""
    root = key_for(seed, "initialisation")
    # Heads are fitted to the prior's y, not to a seed's.
    targets = mixture.sequences(key_for(0, "targets"), TARGETS // training.points + 1, training.points).y.ravel()
    network = model.initialise(root, dimension=mixture.dimension, points=training.points, targets=targets)
    trained = eqx.filter(network, eqx.is_array)
    return State(
        network=network,
        optimiser=direction(training, network).init(trained),
        step=jnp.zeros((), jnp.int32),
        drawn=jnp.zeros(len(mixture.families), jnp.int32),
    )


def advance(state: State, mixture: Mixture, training: Training, root: PRNGKeyArray) -> tuple[State, StepReport]:
    """`steps_per_dispatch` steps in one program; steps past the last are skipped and report zeros.

    The buffers of `state` are reused: it is gone afterwards.
    """
    return _advance((mixture, training, root), state)


@eqx.filter_jit(donate="all-except-first")
def _advance(setting: tuple[Mixture, Training, PRNGKeyArray], state: State) -> tuple[State, StepReport]:
    mixture, training, root = setting
    arrays, static = eqx.partition(state, eqx.is_array)
    families = len(mixture.families)

    def go(arrays: Any) -> tuple[Any, StepReport]:
        after, report = train_step(eqx.combine(arrays, static), mixture, training, root)
        return eqx.filter(after, eqx.is_array), report

    def skip(arrays: Any) -> tuple[Any, StepReport]:
        return arrays, StepReport(jnp.zeros(()), jnp.zeros(families), jnp.zeros(()))

    def body(arrays: Any, _: None) -> tuple[Any, StepReport]:
        return jax.lax.cond(arrays.step < training.steps, go, skip, arrays)

    arrays, report = jax.lax.scan(body, arrays, None, length=training.steps_per_dispatch)
    return eqx.combine(arrays, static), report


def train_step(state: State, mixture: Mixture, training: Training, root: PRNGKeyArray) -> tuple[State, StepReport]:
    """One optimiser step on a batch that is a pure function of (seed, step)."""
    draw, split = jax.random.split(fold(root, state.step))
    points = state.network.sequence_length()
    batch = mixture.sequences(draw, training.batch, points)

    def objective(arrays: Network, static: Network) -> tuple[Float[Array, ""], Float[Array, " b"]]:
        network: Network = eqx.combine(arrays, static)
        losses, wanted = network.training_loss(batch.x, batch.y, split)
        counts = wanted.astype(losses.dtype)
        of_prompts = jnp.where(wanted, losses, 0).sum(1)
        return of_prompts.sum() / jnp.maximum(counts.sum(), 1), of_prompts / jnp.maximum(counts.sum(1), 1)

    arrays, static = eqx.partition(state.network, eqx.is_array)
    (loss, of_prompt), gradient = jax.value_and_grad(objective, has_aux=True)(arrays, static)
    with jax.numpy_dtype_promotion("standard"):  # optax counts in whole numbers
        towards, optimiser = direction(training, state.network).update(gradient, state.optimiser, arrays)
    rate = training.learning_rate_at(state.step)
    arrays = jax.tree.map(lambda weight, change: weight - (rate * change).astype(weight.dtype), arrays, towards)
    member = jax.nn.one_hot(batch.family, len(mixture.families), dtype=jnp.float32)
    counts = member.sum(0)
    report = StepReport(
        loss=loss,
        family_loss=jnp.where(counts > 0, of_prompt @ member / jnp.maximum(counts, 1), jnp.nan),
        gradient_norm=jnp.sqrt(sum(jnp.square(leaf).sum() for leaf in jax.tree.leaves(gradient))),
    )
    drawn = state.drawn + counts.astype(state.drawn.dtype)
    return State(eqx.combine(arrays, static), optimiser, state.step + 1, drawn), report


def _stopped_at(step: int, training: Training, folder: Path | None) -> str:
    where = f"; its checkpoint is in {folder}, go on with --resume" if folder is not None else ", and nothing was kept"
    return f"at step {step} of {training.steps}{where}"


def _check_finite(report: StepReport, step: int, training: Training, kept: bool) -> None:
    broken = np.flatnonzero(~np.isfinite(report.loss) | ~np.isfinite(report.gradient_norm))
    if broken.size == 0:
        return
    first = (step - 1) // training.steps_per_dispatch * training.steps_per_dispatch + int(broken[0]) + 1
    rate = float(np.asarray(training.learning_rate))
    keeping = "the last good checkpoint is kept; " if kept else ""
    raise OffpriorError(
        f"training.learning_rate: the loss is no longer finite at step {first}; {keeping}"
        f"try a rate below {rate:g}, say {rate / 3:.2g}, or a smaller training.clip"
    )
