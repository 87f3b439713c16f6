"""(a) What the field forks: an eager PyTorch loop, prompts drawn on the host, the loss fetched at every step."""

# pyright: reportMissingImports=false
# PyTorch is no dependency; whoever measures installs it.

import numpy as np
import torch

from contenders.contender import Job, drawn_on_the_host
from contenders.torch_decoder import Torch


class TorchEager(Torch):
    """Garg et al.'s loop (arXiv 2208.01066, appendix A.2): Adam, no clipping, float32 always."""

    def begin(self, job: Job) -> int:
        self.prepare(job)
        self.generator = np.random.default_rng(job.seed)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=job.rate)
        self.steps(1)
        return self.model.count()

    def steps(self, count: int) -> int:
        for _ in range(count):
            x, y = (torch.from_numpy(a).to(self.device) for a in drawn_on_the_host(self.generator, self.job))
            self.optimiser.zero_grad()
            loss = (self.model(x, y) - y).square().mean()
            loss.backward()
            self.optimiser.step()
            self.loss = loss.item()
        return count


contender = TorchEager
