"""Loss and gradient of a batch, shared between devices and computed a few prompts at a time on each device.

A processor is fastest when a few prompts' activations stay in its cache and every core has its own prompts: twice as
fast, on two cores, as one program that splits each operation in two. On other devices, a device takes all its prompts
at once, unless `Training.prompts_at_once` says otherwise.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float, Int, Key

from offprior.errors import Problem, SettingError
from offprior.models.model import Network
from offprior.pretraining import processes
from offprior.pretraining.training import Training

AXIS = "prompts"
TOKENS_AT_ONCE = {"cpu": 400}
"""Tokens whose activations fit a core's cache."""
COMPUTE = {"cpu": "float32"}
"""Default number type for each kind of device; bfloat16 for kinds not listed."""


class BatchGradient(NamedTuple):
    """The loss and gradient of a batch."""

    loss: Float[Array, ""]
    of_prompts: Float[Array, " b"]
    """Mean loss of each prompt's predictions."""
    gradient: Any


class Sharing(NamedTuple):
    """How a batch is split."""

    mesh: Mesh | None
    """The devices that share a batch; None for a single device."""
    at_once: int
    """Prompts whose gradient a device computes at once."""
    points: int
    """The longest context of the prompts, in pairs."""
    compute: str
    """The number type of the large products."""

    def replicated(self, tree: Any) -> Any:
        """Places the arrays of `tree` on every device."""
        if self.mesh is None:
            return tree
        if jax.process_count() > 1:
            tree = processes.everywhere(tree, NamedSharding(self.mesh, P()))
        return eqx.filter_shard(tree, NamedSharding(self.mesh, P()))

    def shard(self, array: Array) -> Array:
        """Splits the leading axis of `array` among the devices, if it divides evenly."""
        if self.mesh is None or array.shape[0] % self.mesh.size:
            return array
        return eqx.filter_shard(array, NamedSharding(self.mesh, P(AXIS)))


def sharing(training: Training, network: Network, points: int | None = None) -> Sharing:
    """Splits a batch between as many devices as divide it; a small batch stays on one device.

    `points` is the longest context of the prompts, if it is not yet the training's.

    Raises:
        SettingError: there are several processes, and their devices cannot have equal parts of a batch.
    """
    points = training.points if points is None else points
    batch, tokens, devices = training.batch, network.tokens(points), jax.devices()
    full = batch * network.tokens(training.points)
    if jax.process_count() == 1:
        # A batch that one core computes at once would only make it wait for others.
        worth = len(devices) if full > TOKENS_AT_ONCE.get(devices[0].platform, 0) else 1
        devices = devices[: largest_divisor(batch, worth)]
    elif batch % len(devices):
        least = len(devices) * max(1, batch // len(devices))
        message = (
            f"{batch} prompts cannot be shared equally by the {len(devices)} devices of all processes; {least} can"
        )
        raise SettingError(Problem("training.batch", message))
    each = batch // len(devices)
    wanted = training.prompts_at_once or max(1, TOKENS_AT_ONCE.get(devices[0].platform, each * tokens) // tokens)
    mesh = jax.make_mesh((len(devices),), (AXIS,), (AxisType.Auto,), devices=devices) if len(devices) > 1 else None
    compute = {"auto": COMPUTE.get(devices[0].platform, "bfloat16")}.get(training.precision, training.precision)
    return Sharing(mesh, largest_divisor(each, wanted), points, compute)


def largest_divisor(number: int, limit: int) -> int:
    """Returns the largest divisor of `number` that is at most `limit`."""
    return next(divisor for divisor in range(min(number, max(limit, 1)), 0, -1) if number % divisor == 0)


def batch_gradient(
    network: Network,
    x: Float[Array, "b n d"],
    y: Float[Array, "b n"],
    keys: Key[Array, " b"],
    shared: Sharing,
    instruction: Int[Array, " b"] | None = None,
) -> BatchGradient:
    """Computes the mean loss over all predictions of a batch, and its gradient with respect to the weights.

    The result is the same, up to rounding, however the batch is split. `instruction` is for networks that take one.
    """
    prompts = (x, y, keys) if instruction is None else (x, y, keys, instruction)
    arrays, static = eqx.partition(network, eqx.is_array)

    def of_a_device(arrays: Any, *prompts: Any) -> tuple[Array, Array, Any, Array]:
        sums, of_prompts = _over_few_at_once(arrays, static, prompts, shared)
        if shared.mesh is not None:
            sums = jax.lax.psum(sums, AXIS)
        return *sums, of_prompts

    if shared.mesh is not None:
        of_a_device = jax.shard_map(
            of_a_device,
            mesh=shared.mesh,
            in_specs=(P(), *(P(AXIS) for _ in prompts)),
            out_specs=(P(), P(), P(), P(AXIS)),
            check_vma=False,  # so that gradients are summed once per batch, in the sum above, not for each few prompts
        )
    total, count, gradient, of_prompts = of_a_device(arrays, *prompts)
    count = jnp.maximum(count, 1)
    return BatchGradient(total / count, of_prompts, jax.tree.map(lambda array: array / count, gradient))


def _over_few_at_once(arrays: Any, static: Any, prompts: tuple[Any, ...], shared: Sharing) -> tuple[Any, Array]:
    """Returns sums of losses, of their number and of gradients, and the mean loss of each prompt."""

    def objective(arrays: Any, x: Any, y: Any, keys: Any, instruction: Any = None) -> tuple[Array, tuple[Array, Array]]:
        losses, wanted = eqx.combine(arrays, static).training_loss(x, y, keys, shared.compute, instruction)
        counts = wanted.astype(losses.dtype)
        of_prompts = jnp.where(wanted, losses, 0).sum(1)
        return of_prompts.sum(), (counts.sum(), of_prompts / jnp.maximum(counts.sum(1), 1))

    def few(prompts: tuple[Any, ...]) -> tuple[Any, Array]:
        (total, (count, of_prompts)), gradient = jax.value_and_grad(objective, has_aux=True)(arrays, *prompts)
        return (total, count, gradient), of_prompts

    batch, at_once = prompts[0].shape[0], shared.at_once
    if at_once == batch:
        return few(prompts)
    cut = tuple(array.reshape(batch // at_once, at_once, *array.shape[1:]) for array in prompts)

    def body(sums: Any, prompts: tuple[Any, ...]) -> tuple[Any, Array]:
        more, of_prompts = few(prompts)
        return jax.tree.map(jnp.add, sums, more), of_prompts

    nothing = jax.tree.map(
        lambda sort: jnp.zeros(sort.shape, sort.dtype),
        jax.eval_shape(few, tuple(array[0] for array in cut))[0],
    )
    sums, of_prompts = jax.lax.scan(body, nothing, cut)
    return sums, of_prompts.reshape(batch)
