"""A transformer's weights and switches for a page without Python; models that the page cannot evaluate are refused."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from offprior.errors import Problem, SettingError, choose_from
from offprior.explorer.static_arrays import packed
from offprior.models.transformer import Transformer, TransformerNetwork
from offprior.networks.decoder import Affine, Normalisation
from offprior.networks.heads import BucketHead, Head
from offprior.predictors.pretrained import Pretrained

MOST_PARAMETERS = 1_500_000
"""The largest model for a page, where one curve of it takes a fifth of a second."""
CHOICES = {
    "tokens": ("alternating", "paired"),
    "attention": ("causal", "context"),
    "positions": ("learned", "none"),
    "norm": ("pre", "post"),
    "head": ("value", "gaussian", "buckets"),
    "activation": ("gelu", "relu", "squared-relu"),
}
"""The switches that the page's forward pass supports, and their values."""
SIZES = ("layers", "heads", "width", "hidden", "buckets", "head_hidden", "instruction", "preset")
"""Settings that the page supports with any value."""
ONE_BUCKET = 1e9
"""A logit next to which all others are negligible."""


def network_of(model: Pretrained, file: str) -> dict[str, Any]:
    """Returns the switches and weights of a pretrained model.

    Args:
        model: the model.
        file: the run that error messages name.

    Raises:
        SettingError: the page has no forward pass for the model, or the model is too large; the message names the
            setting.
    """
    network = model.network
    if not isinstance(network, TransformerNetwork):
        message = f"a page without a server can only run a transformer, not a {type(network).__name__}"
        raise SettingError(Problem("model", f"{message}; leave out --static", file))
    check(network.settings, file)
    count = parameters(network)
    if count > MOST_PARAMETERS:
        message = f"it has {count:,} parameters; a page without a server takes at most {MOST_PARAMETERS:,}"
        raise SettingError(Problem("model", f"{message}; leave out --static", file))
    settings = network.settings
    return {
        **{name: getattr(settings, name) for name in CHOICES},
        "width": settings.width,
        "heads": settings.heads,
        "hidden": settings.feedforward,
        "noise": float(np.asarray(model.mixture.noise)),
        "read_in": _affine(network.read_in),
        "y_in": None if network.y_in is None else _affine(network.y_in),
        "position_vectors": None if network.positions is None else packed(network.positions, "f4"),
        # The last instruction names no family.
        "instruction": None if network.instructions is None else packed(network.instructions[-1], "f4"),
        "blocks": [
            {
                "attention_norm": _normalisation(block.attention_norm),
                "projections": [_affine(block.projections[place]) for place in range(3)],
                "output": _affine(block.output),
                "feedforward_norm": block.feedforward_norm and _normalisation(block.feedforward_norm),
                "up": block.up and _affine(block.up),
                "down": block.down and _affine(block.down),
            }
            for block in network.blocks
        ],
        "final_norm": None if network.final_norm is None else _normalisation(network.final_norm),
        **_head(network.head),
    }


def check(settings: Transformer, file: str) -> None:
    """Checks that the page supports every switch of these settings.

    Raises:
        SettingError: it does not; the message names every unsupported setting.
    """
    problems = []
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.name in CHOICES and value not in CHOICES[field.name]:
            message = f"a page without a server does not support {value!r}; {choose_from(value, CHOICES[field.name])}"
            problems.append(Problem(f"model.{field.name}", message, file))
        elif field.name not in CHOICES and field.name not in SIZES and value != field.default:
            message = f"a page without a server does not support the value {value!r}; leave out --static"
            problems.append(Problem(f"model.{field.name}", message, file))
    if problems:
        raise SettingError(problems)


def parameters(network: TransformerNetwork) -> int:
    """Returns the number of parameters that training changes."""
    arrays = zip(jax.tree.leaves(eqx.filter(network, eqx.is_array)), jax.tree.leaves(network.frozen()), strict=True)
    return sum(array.size for array, is_frozen in arrays if not is_frozen)


def _head(head: Head) -> dict[str, Any]:
    found: dict[str, Any] = {"read_out": _affine(head.read_out)}  # pyright: ignore[reportAttributeAccessIssue]
    if isinstance(head, BucketHead):
        # A density that lies wholly in one bucket has the mean and variance of that bucket.
        inside = head.moments(ONE_BUCKET * jnp.eye(head.read_out.bias.shape[-1]))
        found |= {
            "head_hidden": _affine(head.hidden),
            "centres": packed(inside.mean),
            "spreads": packed(inside.variance),
        }
    return found


def _affine(affine: Affine) -> dict[str, Any]:
    return {"weight": packed(affine.weight, "f4"), "bias": packed(affine.bias, "f4")}


def _normalisation(norm: Normalisation) -> dict[str, Any]:
    return {"scale": packed(norm.scale, "f4"), "bias": packed(norm.bias, "f4")}
