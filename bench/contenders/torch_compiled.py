"""(b) The same model made fast: prompts drawn on the device, the loss compiled, nothing fetched."""

# pyright: reportMissingImports=false
# PyTorch is no dependency; whoever measures installs it.

import math

import torch

from contenders.contender import Job
from contenders.torch_decoder import Torch


class TorchCompiled(Torch):
    """`torch.compile` and a fused Adam."""

    def begin(self, job: Job) -> int:
        self.prepare(job)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=job.rate, fused=True)
        self.compiled = torch.compile(self._loss)
        self.steps(1)
        return self.model.count()

    def _loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (self.model(x, y).float() - y).square().mean()

    def drawn(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Prompts as in `drawn_on_the_host`."""
        b, n, device = self.job.batch, self.job.pairs, self.device
        low, high = self.job.frequency
        x = 10 * torch.rand(b, n, device=device) - 5
        lines = torch.randn(b, 1, device=device) * x
        frequency = low + (high - low) * torch.rand(b, 1, device=device)
        amplitude = torch.sqrt(-2 * torch.log1p(-torch.rand(b, 1, device=device)))
        waves = amplitude * torch.sin(frequency * x + 2 * math.pi * torch.rand(b, 1, device=device))
        y = torch.where(torch.rand(b, 1, device=device) < 0.5, lines, waves)
        return x, y + self.job.noise * torch.randn(b, n, device=device)

    def steps(self, count: int) -> int:
        for _ in range(count):
            x, y = self.drawn()
            self.optimiser.zero_grad()
            with self.autocast():
                loss = self.compiled(x, y)
            loss.backward()
            self.optimiser.step()
        self.wait()
        return count


contender = TorchCompiled
