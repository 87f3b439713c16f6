"""One step of pretraining, and many steps in one program: prompts are drawn on the device, without host access."""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from offprior.compute.precision import single
from offprior.compute.randomness import fold, key_for
from offprior.mixture import Mixture
from offprior.models.model import Model, Network
from offprior.pretraining.gradient import Sharing, batch_gradient
from offprior.pretraining.optimiser import optimiser
from offprior.pretraining.training import Training

TARGETS = 100_000
"""Values of y drawn to fit a head to the prior."""


class State(NamedTuple):
    """Everything that training changes."""

    network: Network
    optimiser: Any
    step: Int[Array, ""]
    drawn: Int[Array, "*members families"]
    """Training prompts drawn of each family so far."""


class Setting(NamedTuple):
    """Everything that training does not change; its numbers are leaves."""

    mixture: Mixture
    training: Training
    """The settings without those that no program depends on: how often weights are kept, and the count of steps."""
    share: Float[Array, ""]
    """One step as a share of all steps."""
    key: PRNGKeyArray
    """The key of the seed."""


class StepReport(NamedTuple):
    """The report of one step; in a dispatch, the steps are the leading axis."""

    loss: Float[Array, "*steps"]
    family_loss: Float[Array, "*steps families"]
    """Mean loss of each family's prompts; not-a-number if a batch held none."""
    gradient_norm: Float[Array, "*steps"]
    learning_rate: Float[Array, "*steps"]
    drawn: Int[Array, "*steps families"]
    """Prompts drawn of each family so far."""


@single()
def setting(mixture: Mixture, training: Training, seed: int) -> Setting:
    """Returns the setting of a training seed; numbers become arrays, so that other numbers need no other program."""

    def is_numbers(node: Any) -> bool:
        """Whether `node` is a number, or a list of rows of numbers, which becomes one array."""
        if eqx.is_array(node):
            return node.dtype.kind == "f"
        return isinstance(node, float) or (isinstance(node, tuple) and bool(node) and all(map(is_row, node)))

    def is_row(node: Any) -> bool:
        return type(node) is tuple and all(isinstance(number, float) for number in node)

    steps = training.steps
    mixture, training = jax.tree.map(
        lambda node: jnp.asarray(node, jnp.float32) if is_numbers(node) else node,
        (mixture, training),
        is_leaf=is_numbers,
    )
    compiled = dataclasses.replace(training, steps=1, checkpoint_every=1, trajectory=0, curriculum=0)
    # A reciprocal, because XLA multiplies by it if it knows the count: recorded runs were trained so, bit for bit.
    return Setting(mixture, compiled, jnp.asarray(np.float32(1) / np.float32(steps)), key_for(seed))


@single()
def initial_state(model: Model, settings: Setting) -> State:
    """Creates fresh weights and optimiser state of a seed."""
    return _initial_state(model, settings)


@eqx.filter_jit
def _initial_state(model: Model, settings: Setting) -> State:
    mixture, training, key = settings.mixture, settings.training, settings.key
    # Heads are fitted to the prior's y, not to one seed's.
    targets = mixture.sequences(key_for(0, "targets"), TARGETS // training.points + 1, training.points).y.ravel()
    network = model.initialise(
        fold(key, "initialisation"), dimension=mixture.dimension, points=training.points, targets=targets
    )
    trained = eqx.filter(network, eqx.is_array)
    return State(
        network=network,
        optimiser=optimiser(training, network, jnp.zeros(())).init(trained),
        step=jnp.zeros((), jnp.int32),
        drawn=jnp.zeros(len(mixture.families), jnp.int32),
    )


@eqx.filter_jit(donate="all-except-first")
def advance(
    fixed: tuple[Setting, Int[np.ndarray | Array, ""], Sharing, bool], state: State
) -> tuple[State, StepReport]:
    """Runs `steps_per_dispatch` steps in one program; steps from `until` on are skipped and report zeros.

    `fixed` holds the setting, `until`, how a batch is split, and whether the leading axis of all arrays counts members
    of a population (except for the step count, which is common). The buffers of `state` are reused, so it cannot be
    used afterwards.
    """
    settings, until, shared, stacked = fixed
    if not stacked:
        return _dispatch(settings, until, shared, state)
    # One program for all members; what they share (shapes, the count of steps) has no axis.
    each: Any = eqx.if_array(0)
    common: Any = None
    axes = State(network=each, optimiser=each, step=common, drawn=each)
    members = eqx.filter_vmap(
        lambda settings, state: _dispatch(settings, until, shared, state),
        in_axes=(each, axes),
        out_axes=(axes, each),
    )
    return members(settings, state)


def _dispatch(
    settings: Setting, until: Int[np.ndarray | Array, ""], shared: Sharing, state: State
) -> tuple[State, StepReport]:
    arrays, static = eqx.partition(state, eqx.is_array)
    families = len(settings.mixture.families)

    def go(arrays: Any) -> tuple[Any, StepReport]:
        after, report = train_step(eqx.combine(arrays, static), settings, shared)
        return eqx.filter(after, eqx.is_array), report

    def skip(arrays: Any) -> tuple[Any, StepReport]:
        return arrays, StepReport(jnp.zeros(()), jnp.zeros(families), jnp.zeros(()), jnp.zeros(()), arrays.drawn)

    def body(arrays: Any, _: None) -> tuple[Any, StepReport]:
        return jax.lax.cond(arrays.step < until, go, skip, arrays)

    arrays, report = jax.lax.scan(body, arrays, None, length=settings.training.steps_per_dispatch)
    return shared.replicated((eqx.combine(arrays, static), report))


def train_step(state: State, settings: Setting, shared: Sharing) -> tuple[State, StepReport]:
    """Runs one optimiser step on a batch that is a pure function of (seed, step)."""
    mixture, training, key = settings.mixture, settings.training, settings.key
    draw, split = jax.random.split(fold(key, "training", state.step))
    batch = mixture.sequences(draw, training.batch, state.network.sequence_length(shared.points))
    keys = jax.random.split(split, training.batch)
    told = _told(split, batch.family, state.network.named_families, training)
    found = batch_gradient(state.network, batch.x, batch.y, keys, shared, told)
    arrays, static = eqx.partition(state.network, eqx.is_array)
    rate = training.learning_rate_at(state.step, settings.share)
    with jax.numpy_dtype_promotion("standard"):  # optax counts in whole numbers
        change, moments = optimiser(training, state.network, rate, shared).update(
            found.gradient, state.optimiser, arrays
        )
    arrays = jax.tree.map(jnp.add, arrays, change)
    member = jax.nn.one_hot(batch.family, len(mixture.families), dtype=jnp.float32)
    counts = member.sum(0)
    drawn = state.drawn + counts.astype(state.drawn.dtype)
    report = StepReport(
        loss=found.loss,
        family_loss=jnp.where(counts > 0, found.of_prompts @ member / jnp.maximum(counts, 1), jnp.nan),
        gradient_norm=jnp.sqrt(sum(jnp.square(leaf).sum() for leaf in jax.tree.leaves(found.gradient))),
        learning_rate=jnp.asarray(rate, jnp.float32),
        drawn=drawn,
    )
    return State(eqx.combine(arrays, static), moments, state.step + 1, drawn), report


def _told(key: PRNGKeyArray, family: Int[Array, " b"], named: int, training: Training) -> Int[Array, " b"] | None:
    """Returns the family named in each prompt's instruction: its own for a share of the prompts, else none.

    The result is None for networks without an instruction.
    """
    if not named:
        return None
    is_told = jax.random.bernoulli(fold(key, "instruction"), training.instruction_share, family.shape)
    return jnp.where(is_told, family, named)
