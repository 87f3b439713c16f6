"""Trains a GPT-2 on linear functions by the scheme of Garg et al., and writes their kind of checkpoint.

    python bench/train_garg.py runs/garg --steps 6000

This is Hugging Face's `GPT2Model` trained by PyTorch, not offprior's own decoder, so that `garg:FOLDER` has a real
checkpoint to read. The scheme (arXiv 2208.01066, section 2, and the code dtsip/in-context-learning): x ~ N(0, I) and
w ~ N(0, I) in 5 dimensions, y = w·x without noise, x and a zero-padded y in turn, squared error at every x; dimensions
and pairs grow during the first part of the training. At the end it prints the squared error beside least squares.
"""

# pyright: reportMissingImports=false

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from transformers import GPT2Config, GPT2Model

SIZES = {"n_dims": 5, "n_positions": 21, "n_embd": 64, "n_layer": 3, "n_head": 2}


class GargModel(torch.nn.Module):
    """Garg et al.'s model: a read-in, the backbone of GPT-2 and a read-out, under the names of their checkpoints."""

    def __init__(self, n_dims: int, n_positions: int, n_embd: int, n_layer: int, n_head: int, vocab_size: int = 50257):
        super().__init__()
        sizes: dict[str, Any] = {"n_embd": n_embd, "n_layer": n_layer, "n_head": n_head, "vocab_size": vocab_size}
        none: dict[str, Any] = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "use_cache": False}
        self._read_in = torch.nn.Linear(n_dims, n_embd)
        self._backbone = GPT2Model(GPT2Config(n_positions=2 * n_positions, **sizes, **none))
        self._read_out = torch.nn.Linear(n_embd, 1)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Returns the prediction [b, n] of every y [b, n] from its x [b, n, d] and the pairs before it."""
        wide = torch.nn.functional.pad(y[..., None], (0, x.shape[2] - 1))
        tokens = torch.stack([x, wide], dim=2).flatten(1, 2)
        features = self._backbone(inputs_embeds=self._read_in(tokens)).last_hidden_state
        return self._read_out(features)[:, ::2, 0]


def linear_functions(
    batch: int, pairs: int, dimension: int, used: int, draw: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draws x [batch, pairs, dimension] and y [batch, pairs]; coordinates beyond the first `used` are 0."""
    x = torch.randn(batch, pairs, dimension, generator=draw)
    x[..., used:] = 0
    return x, torch.einsum("bnd,bd->bn", x, torch.randn(batch, dimension, generator=draw))


def train(model: GargModel, sizes: dict[str, int], steps: int, rate: float, batch: int, seed: int) -> None:
    """Trains; the rate rises, and falls to 0, and the prompts grow in the first third."""
    draw = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    for step in range(steps):
        spent = step / steps
        grown = min(1.0, 0.2 + 2.4 * spent)
        dimension, pairs = sizes["n_dims"], sizes["n_positions"]
        x, y = linear_functions(batch, max(2, round(grown * pairs)), dimension, max(1, round(grown * dimension)), draw)
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, 20 * spent + 0.01) * min(1.0, 2 * (1 - spent))
        optimiser.zero_grad()
        (model(x, y) - y).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()


def write(folder: Path, model: GargModel, sizes: dict[str, int], steps: int) -> None:
    """Writes `config.yaml` and `state.pt` as their `train.py` does; the optimiser's state is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {"model": {"family": "gpt2", **sizes}, "training": {"task": "linear_regression", "data": "gaussian"}}
    (folder / "config.yaml").write_text(yaml.safe_dump(about))
    torch.save({"model_state_dict": model.state_dict(), "train_step": steps}, folder / "state.pt")


def main() -> None:
    """Trains, writes and prints errors by the number of pairs before the query."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    model = GargModel(**SIZES)
    train(model, SIZES, given.steps, given.rate, given.batch, given.seed)
    write(given.folder, model, SIZES, given.steps)
    count = sum(value.numel() for name, value in model.named_parameters() if "wte" not in name)
    print(f"{given.steps:,} steps, {count:,} parameters in use, written to {given.folder}")
    dimension, pairs = SIZES["n_dims"], SIZES["n_positions"]
    x, y = linear_functions(2048, pairs, dimension, dimension, torch.Generator().manual_seed(given.seed + 1))
    with torch.inference_mode():
        error = (model.eval()(x, y) - y).square().mean(0) / dimension
    print("pairs  model  least squares (squared error over the dimension)")
    prompts = list(zip(x.numpy(), y.numpy(), strict=True))
    for known in (0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20):
        fitted = [np.linalg.lstsq(a[:known], b[:known], rcond=None)[0] for a, b in prompts]
        left = [(a[known] @ w - b[known]) ** 2 for (a, b), w in zip(prompts, fitted, strict=True)]
        least = np.mean(left) / dimension
        print(f"{known:5d}  {error[known]:.4f}  {least:.4f}")


if __name__ == "__main__":
    main()
