"""Trains a PFN with automl/PFNs' own code on the demo's mixture, and writes the checkpoint that `pfn:` reads.

    pip install --no-deps pfns==0.4.2 && pip install einops tensorboard     # in an environment with PyTorch
    python bench/train_pfn.py runs/pfn/checkpoint.pt --epochs 20

The mixture is that of the recipe `mueller-2023`: lines k·x and sinusoids, inputs U(-5, 5), noise of standard deviation
0.1. The prior is a class of this file with plain settings. With a function among the settings, as in
`AdhocPriorConfig`, `torch.save` would write a pickle that names the function, which is refused without `--trust`.
"""

# pyright: reportMissingImports=false

import argparse
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pfns.batch_shape_sampler import BatchShapeSamplerConfig
from pfns.model.bar_distribution import BarDistributionConfig, get_bucket_borders
from pfns.model.encoders import EncoderConfig
from pfns.model.transformer_config import TransformerConfig
from pfns.optimizer import OptimizerConfig
from pfns.priors.prior import Batch, PriorConfig
from pfns.train import MainConfig, train


@dataclass(frozen=True)
class LinesAndSinusoids(PriorConfig):
    """The demo's mixture, as a prior of automl/PFNs."""

    low: float = 0.5
    high: float = 1.5
    reach: float = 5.0
    noise: float = 0.1

    def create_get_batch_method(self) -> Callable[..., Batch]:
        """Returns the function that draws a batch."""
        return self.draw

    def draw(
        self, batch_size: int, seq_len: int, num_features: int = 1, single_eval_pos: int | None = None, **_: Any
    ) -> Batch:
        """Draws x [b, n, 1], and y [b, n] with noise; every prompt has a function of its own."""
        x = self.reach * (2 * torch.rand(batch_size, seq_len, 1) - 1)
        slope, first, second = torch.randn(3, batch_size, 1)
        frequency = self.low + (self.high - self.low) * torch.rand(batch_size, 1)
        angle = frequency * x[..., 0]
        sinusoid = first * torch.sin(angle) + second * torch.cos(angle)
        value = torch.where(torch.rand(batch_size, 1) < 0.5, slope * x[..., 0], sinusoid)
        y = value + self.noise * torch.randn(batch_size, seq_len)
        return Batch(x=x, y=y, target_y=y, single_eval_pos=single_eval_pos)


def configuration(path: Path, epochs: int, steps: int, rate: float, width: int, bars: int) -> MainConfig:
    """Returns the settings of the training."""
    prior = LinesAndSinusoids()
    borders = get_bucket_borders(bars, ys=prior.draw(1000, 100).y)
    return MainConfig(
        priors=[prior],
        optimizer=OptimizerConfig("adamw", lr=rate),
        model=TransformerConfig(
            criterion=BarDistributionConfig(borders.tolist(), full_support=True),
            encoder=EncoderConfig(constant_normalization_std=5 / math.sqrt(3)),
            y_encoder=EncoderConfig(nan_handling=True, constant_normalization_std=2.0),
            emsize=width,
            nhid=2 * width,
            nlayers=4,
            nhead=4,
            features_per_group=1,
            attention_between_features=False,
        ),
        batch_shape_sampler=BatchShapeSamplerConfig(batch_size=32, max_seq_len=64, max_num_features=1),
        epochs=epochs,
        steps_per_epoch=steps,
        warmup_epochs=max(1, epochs // 10),
        train_mixed_precision=False,
        train_state_dict_save_path=str(path),
        num_workers=0,
    )


def main() -> None:
    """Trains and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=100, help="steps of an epoch")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--bars", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    given.path.parent.mkdir(parents=True, exist_ok=True)
    train(configuration(given.path, given.epochs, given.steps, given.rate, given.width, given.bars), device="cpu")


if __name__ == "__main__":
    sys.modules["train_pfn"] = sys.modules["__main__"]  # so that the configuration can be read back, as training tries
    LinesAndSinusoids.__module__ = "train_pfn"
    main()
