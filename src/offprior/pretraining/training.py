"""How a model is pretrained: the settings of a recipe's `training` section."""

from typing import ClassVar, Literal

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from offprior.errors import Problem, SettingError
from offprior.parameter import Part, Scalar, parameter
from offprior.recipe.study import MOST_PLACES

RATES = {"adam": 1e-3, "adamw": 1e-3, "schedule-free": 3e-3, "muon": 2e-3}
"""Each optimiser's default learning rate; docs/training.md has measurements at these rates and at others."""


class Training(Part):
    """Steps, batch, optimiser and schedule of a pretraining run.

    How to choose, from the measurements in docs/training.md (one training seed, steps until M1 ≤ .01 at 40 pairs):

    - `optimiser`: Muon. On the demo it needs half of AdamW's steps; on `deepmind-2023-small` AdamW at 1e-3 does not get
      there within 10,000. Schedule-free AdamW comes close on the demo and needs no schedule.
    - `learning_rate`: the default is the optimiser's own, but try a higher one with Muon. The demo needs 400 steps at
      8e-3 and 650 at the default of 2e-3; `deepmind-2023-small` needs 4,200 at 4e-3, the highest rate tried, and 6,000
      at 2e-3.
    - `steps`: enough for the slowest family. The demo is within .01 after 400 of its 1,200 steps, but its sinusoids
      alone only at the end. The schedule falls over all steps, so fewer steps are also another schedule.
    - `batch`: 32 suits the demo. Batch 16 needs 650 steps in about the same time; batch 64 needs 300, and longer.
    - `curriculum`: 0. Three stages save nothing on the demo and harm `deepmind-2023-small`.
    """

    rates: ClassVar[dict[str, float]] = RATES

    steps: int = parameter(2000, "optimiser steps", minimum=1)
    batch: int = parameter(32, "prompts per step, all of them fresh", minimum=1)
    points: int = parameter(40, "the longest context, in pairs", minimum=1)
    optimiser: Literal["adam", "adamw", "schedule-free", "muon"] = parameter(
        "muon", "optimiser of the blocks' matrices; with muon, Adam trains everything else"
    )
    learning_rate: Scalar | None = parameter(
        None,
        f"peak, after the warm-up; null is the optimiser's own: {', '.join(f'{n} {r:g}' for n, r in RATES.items())}",
        above=0,
        static=False,
        converter=lambda rate: float(rate) if isinstance(rate, int) else rate,
    )
    schedule: Literal["cosine", "linear", "constant"] = parameter("cosine", "decay to 0 after the warm-up; or constant")
    warmup: Scalar = parameter(0.05, "share of the steps in which the learning rate rises", minimum=0, maximum=1)
    weight_decay: Scalar = parameter(0.0, "decoupled, learning rate times this per step; not for adam", minimum=0)
    clip: Scalar = parameter(1.0, "largest norm of the gradient", above=0)
    steps_per_dispatch: int = parameter(25, "steps per compiled program; losses are checked in between", minimum=1)
    checkpoint_every: int = parameter(500, "steps between two checkpoints", minimum=1)
    trajectory: int = parameter(
        0,
        "number of steps, spaced logarithmically, at which weights are kept; 0 keeps none",
        minimum=0,
        maximum=MOST_PLACES,
    )
    curriculum: int = parameter(
        0,
        "stages in which contexts grow to their full length, over the first half; 0 starts at full length",
        minimum=0,
        maximum=MOST_PLACES,
    )
    precision: Literal["auto", "float32", "bfloat16"] = parameter(
        "auto",
        "for products in the blocks; auto is float32 on a CPU, bfloat16 elsewhere; weights are always float32",
    )
    instruction_share: Scalar = parameter(
        0.5,
        "share of the prompts whose family is named, for a model with an instruction token",
        minimum=0,
        maximum=1,
        added=True,
    )
    prompts_at_once: int = parameter(0, "prompts per gradient pass on a device; 0 chooses by device", minimum=0)

    def __post_init__(self):
        if self.learning_rate is None:
            self.learning_rate = RATES.get(self.optimiser)  # which is checked afterwards

    def __check_init__(self):
        if self.optimiser == "adam" and isinstance(self.weight_decay, int | float) and self.weight_decay > 0:
            message = f"adam has no weight decay, got {self.weight_decay:g}; choose adamw, or write 0"
            raise SettingError([Problem("weight_decay", message, about=("optimiser",))])

    def trajectory_steps(self) -> list[int]:
        """Returns the steps after which the weights are kept, the last step included."""
        return sorted({round(self.steps ** (k / max(self.trajectory - 1, 1))) for k in range(self.trajectory)})

    def stages(self) -> list[tuple[int, int]]:
        """Returns one (step, points) per stage: the longest context before that step; the last has full length."""
        count = self.curriculum
        growing = [
            (self.steps * (k + 1) // (2 * count), max(1, self.points * (k + 1) // (count + 1))) for k in range(count)
        ]
        return [*growing, (self.steps, self.points)]

    def points_at(self, step: int) -> int:
        """Returns the longest context of a step's prompts, in pairs."""
        return next((points for until, points in self.stages() if step < until), self.points)

    def learning_rate_at(self, step: Int[Array, ""] | int, share: Float[Array, ""] | None = None) -> Float[Array, ""]:
        """Returns the learning rate of a step: a linear warm-up, then the schedule.

        Args:
            step: the step, counted from 0.
            share: one step as a share of all steps, if the number of steps is traced; None uses `steps`.
        """
        done = jnp.asarray(step, jnp.float32) + 1
        done = done / self.steps if share is None else done * share
        rising = jnp.minimum(1.0, done / jnp.maximum(self.warmup, 1e-9))
        after = jnp.clip((done - self.warmup) / jnp.maximum(1 - self.warmup, 1e-9), 0.0, 1.0)
        falling = {
            "cosine": 0.5 * (1 + jnp.cos(jnp.pi * after)),
            "linear": 1 - after,
            "constant": jnp.ones_like(after),
        }[self.schedule]
        assert self.learning_rate is not None  # set by __post_init__
        return self.learning_rate * rising * falling
