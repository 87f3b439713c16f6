"""Writes the checkpoints of this folder with the package pfns 0.4.2 itself, and its answers to one prompt each.

    python tests/pfns_0_4_2/write.py        # in an environment with pfns==0.4.2, PyTorch, einops and tensorboard

The weights are random and large, so that every part of the architecture matters: a fresh PFN is the identity in all its
layers.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from pfns.batch_shape_sampler import BatchShapeSamplerConfig
from pfns.model.bar_distribution import BarDistributionConfig
from pfns.model.encoders import EncoderConfig
from pfns.model.transformer_config import TransformerConfig
from pfns.optimizer import OptimizerConfig
from pfns.priors.prior import AdhocPriorConfig
from pfns.train import MainConfig, save_checkpoint

HERE = Path(__file__).parent
MODELS: dict[str, dict[str, Any]] = {
    # The defaults: a token per feature and one for y.
    "by_feature": {},
    # The PFN of 2022: one token per pair, the sum of the embeddings of x and y.
    "one_token": {
        "features_per_group": 2,
        "attention_between_features": False,
        "encoder": EncoderConfig(constant_normalization_mean=0.5, constant_normalization_std=2.0),
        "y_encoder": EncoderConfig(nan_handling=True),
    },
    # Inputs and outputs standardised in the context, outliers drawn in, groups of two features.
    "normalised": {
        "features_per_group": 2,
        "encoder": EncoderConfig(variable_num_features_normalization=True, train_normalization=True),
        "y_encoder": EncoderConfig(nan_handling=True, train_normalization=True),
        "model_extra_args": {"activation": "relu", "layer_norm_with_elementwise_affine": True},
    },
}


def main() -> None:
    """Writes the files."""
    torch.manual_seed(0)
    answers: dict[str, np.ndarray] = {}
    for name, settings in MODELS.items():
        criterion = BarDistributionConfig([-3.0, -1.0, 0.0, 0.5, 2.0, 4.0], full_support=name != "one_token")
        config = MainConfig(
            priors=[AdhocPriorConfig(prior_names=["gp"], prior_kwargs={})],
            optimizer=OptimizerConfig("adamw", lr=1e-3),
            model=TransformerConfig(criterion=criterion, emsize=8, nhid=16, nlayers=2, nhead=2, **settings),
            batch_shape_sampler=BatchShapeSamplerConfig(batch_size=2, max_seq_len=10),
        )
        model = config.model.create_model().eval()
        with torch.no_grad():
            for value in model.parameters():
                value += 0.8 * torch.randn_like(value)
        optimiser = config.optimizer.create_optimizer(model.parameters())
        save_checkpoint(model, optimiser, str(HERE / f"{name}.pt"), epoch=1, config=config)
        x, y, queries = 2 * torch.randn(1, 9, 2), torch.randn(1, 9), 2 * torch.randn(1, 4, 2)
        y[0, 0] = 6.0
        with torch.no_grad():
            found = model(x=x, y=y, test_x=queries)[0]
        arrays = {"x": x[0], "y": y[0], "queries": queries[0], "logits": found, "mean": model.criterion.mean(found)}
        arrays["variance"] = model.criterion.variance(found)
        answers |= {f"{name}.{key}": value.numpy() for key, value in arrays.items()}
    np.savez(HERE / "answers.npz", **answers)


if __name__ == "__main__":
    main()
