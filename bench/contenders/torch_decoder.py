"""The decoder of both PyTorch contenders: Hugging Face's GPT-2 between a read-in and a read-out."""

# pyright: reportMissingImports=false
# PyTorch is no dependency; whoever measures installs it.

import numpy as np
import torch
import transformers
from torch import nn
from transformers import GPT2Config, GPT2Model

from contenders.contender import Contender, Job


class Decoder(nn.Module):
    """x₁ y₁ x₂ y₂ … in, a prediction of y at every x out (Garg et al. 2022, section 2 and appendix A.1)."""

    def __init__(self, job: Job):
        super().__init__()
        self.read_in = nn.Linear(1, job.width)
        self.backbone = GPT2Model(
            GPT2Config(
                vocab_size=1,
                n_positions=2 * job.pairs,
                n_embd=job.width,
                n_layer=job.layers,
                n_head=job.heads,
                resid_pdrop=0.0,
                embd_pdrop=0.0,
                attn_pdrop=0.0,
                use_cache=False,
                bos_token_id=None,
                eos_token_id=None,
            )
        )
        self.read_out = nn.Linear(job.width, 1)
        self._initialise(job)

    def _initialise(self, job: Job) -> None:
        """As offprior's: 1/√inputs, over √(2·layers) where residual; with GPT-2's .02 narrow models hardly learn."""
        for name, weight in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(weight)
            elif name.startswith("read") or "attn" in name or "mlp" in name:
                inputs = weight.shape[1] if name.startswith("read") else weight.shape[0]  # GPT-2's are transposed
                residual = (2 * job.layers) ** -0.5 if "c_proj" in name else 1.0
                nn.init.normal_(weight, std=residual * inputs**-0.5)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Predictions [b, n]."""
        tokens = torch.stack([x, y], dim=2).reshape(x.shape[0], -1, 1)
        features = self.backbone(inputs_embeds=self.read_in(tokens)).last_hidden_state
        return self.read_out(features)[:, ::2, 0]

    def count(self) -> int:
        """Parameters in use: GPT-2's embedding of words is not."""
        return sum(p.numel() for p in self.parameters()) - self.backbone.wte.weight.numel()


class Torch(Contender):
    """What eager and compiled have in common."""

    def prepare(self, job: Job) -> None:
        """Model and device."""
        torch.manual_seed(job.seed)
        self.job = job
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self.device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = True
        self.model = Decoder(job).to(self.device)

    def autocast(self) -> torch.autocast:
        """Coarse products where they were asked for."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.job.precision == "bfloat16")

    def wait(self) -> None:
        """Until the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    @torch.no_grad()
    def predict(self, x: np.ndarray, y: np.ndarray, length: int) -> np.ndarray:
        inputs, outputs = (torch.from_numpy(a[:, : length + 1]).float().to(self.device) for a in (x, y))
        return self.model(inputs, outputs)[:, length].cpu().numpy()

    def about(self) -> str:
        device = torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu"
        return f"torch {torch.__version__}, transformers {transformers.__version__}, {device}"
