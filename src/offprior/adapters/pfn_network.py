"""The forward pass of PFNs as automl/PFNs 0.4.2 writes them, from a state dict and a configuration, in PyTorch.

Written anew from the published architecture (`TableTransformer`; Müller et al. 2022, Hollmann et al. 2025), for
inference of one prompt: without caches, dropout or style vectors. Every pair is a row of tokens, one for each group of
features and one for y (or a single one, their sum); layers attend between the tokens of a row, then between rows, of
which only those of the context are seen; post-normalisation throughout.

Shapes in names: S rows (pairs, then queries), G tokens of a row, W width, H heads, D numbers of a head.
"""

# pyright: reportMissingImports=false

from collections.abc import Mapping
from typing import Any

Tensor = Any
"""A tensor of PyTorch, which is imported only where it is used."""
UNKNOWN_Y = -2.0
"""What marks the y of a query, which is replaced by the mean of the context's."""
SIGMAS = 4.0
"""Standard deviations beyond which a number is an outlier, where inputs are normalised."""
HARMLESS = frozenset({"zero_init", "recompute_layer", "recompute_sublayers", "attention_init_gain", "seed"})
"""Further settings of a model that change nothing once it is trained."""
PREFIX = "transformer_layers.layers"


def unread(model: Mapping[str, Any]) -> str | None:
    """Says which part of a model's configuration is not read here; None if it is read whole.

    Args:
        model: the dictionary of a `TransformerConfig`.
    """
    if (kind := str(model.get("__config_type__", ""))) != "pfns.model.transformer_config:TransformerConfig":
        return f"its model is a {kind or 'thing without a name'}, not a TransformerConfig"
    if not str(model["criterion"].get("__config_type__", "")).endswith(":BarDistributionConfig"):
        return "it predicts classes, not numbers"
    if model.get("style_encoder") or model.get("y_style_encoder"):
        return "it takes a style vector"
    decoders = model.get("decoder_dict")
    if decoders and (list(decoders) != ["standard"] or decoders["standard"][0] is not None):
        return "it has another decoder"
    y_encoder = model.get("y_encoder")
    if y_encoder and not y_encoder.get("nan_handling"):
        return "its y_encoder has no nan_handling, so that it cannot mark queries"
    further = set(model.get("model_extra_args") or {}) - HARMLESS - {"activation", "layer_norm_with_elementwise_affine"}
    return f"of model_extra_args, {min(further)} is not read" if further else None


def logits(state: Mapping[str, Tensor], model: Mapping[str, Any], x: Tensor, y: Tensor, queries: Tensor) -> Tensor:
    """Returns the logits [m, bars] of y at m queries.

    Args:
        state: the state dict of the network.
        model: the dictionary of its `TransformerConfig`, for which `unread` is None.
        x: the context's inputs [n, d].
        y: the context's outputs [n].
        queries: the inputs at which to predict [m, d].

    Raises:
        ValueError: without attention between features, inputs have to be of the size of the one group.
    """
    import torch
    from torch.nn import functional

    known, group = len(y), model["features_per_group"]
    rows = torch.cat([x, queries])
    rows = functional.pad(rows, (0, -rows.shape[1] % group))
    grouped = rows.reshape(len(rows), -1, group)
    if not model["attention_between_features"] and grouped.shape[1] != 1:
        raise ValueError(f"the model takes inputs of up to {group} numbers, got {x.shape[1]}")
    unknown = torch.full((len(queries),), torch.nan, dtype=y.dtype)
    of_x = _encoded(state, "encoder", model.get("encoder"), grouped, known)
    of_y = _encoded(state, "y_encoder", model.get("y_encoder"), torch.cat([y, unknown])[:, None, None], known)
    tokens = torch.cat([of_x, of_y], dim=1) if model["attention_between_features"] else of_x + of_y
    activation = (
        functional.relu if (model.get("model_extra_args") or {}).get("activation") == "relu" else functional.gelu
    )
    for place in range(model["nlayers"]):
        tokens = _layer(state, f"{PREFIX}.{place}", tokens, known, activation)
    hidden = functional.gelu(_affine(state, "decoder_dict.standard.0", tokens[known:, -1]))
    return _affine(state, "decoder_dict.standard.2", hidden)


def _layer(state: Mapping[str, Tensor], name: str, tokens_SxGxW: Tensor, known: int, activation: Any) -> Tensor:
    from torch.nn import functional

    place, tokens = 0, tokens_SxGxW
    if f"{name}.self_attn_between_features._w_qkv" in state:
        tokens = tokens + _attention(state, f"{name}.self_attn_between_features", tokens, tokens)
        tokens, place = _norm(state, f"{name}.layer_norms.{place}", tokens), place + 1
    by_token = tokens.transpose(0, 1)
    by_token = by_token + _attention(state, f"{name}.self_attn_between_items", by_token, by_token[:, :known])
    tokens = _norm(state, f"{name}.layer_norms.{place}", by_token.transpose(0, 1))
    hidden = activation(functional.linear(tokens, state[f"{name}.mlp.linear1.weight"]))
    tokens = tokens + functional.linear(hidden, state[f"{name}.mlp.linear2.weight"])
    return _norm(state, f"{name}.layer_norms.{place + 1}", tokens)


def _attention(state: Mapping[str, Tensor], name: str, asking: Tensor, seen: Tensor) -> Tensor:
    import torch
    from torch.nn import functional

    project = state[f"{name}._w_qkv"]
    query = torch.einsum("btw,hdw->bhtd", asking, project[0])
    key, value = (torch.einsum("btw,hdw->bhtd", seen, project[place]) for place in (1, 2))
    mixed = functional.scaled_dot_product_attention(query, key, value)
    return torch.einsum("bhtd,hdw->btw", mixed, state[f"{name}._w_out"])


def _norm(state: Mapping[str, Tensor], name: str, tokens: Tensor) -> Tensor:
    from torch.nn import functional

    return functional.layer_norm(tokens, tokens.shape[-1:], state.get(f"{name}.weight"), state.get(f"{name}.bias"))


def _affine(state: Mapping[str, Tensor], name: str, values: Tensor) -> Tensor:
    from torch.nn import functional

    return functional.linear(values, state[f"{name}.weight"], state[f"{name}.bias"])


def _encoded(
    state: Mapping[str, Tensor], name: str, settings: Mapping[str, Any] | None, values_SxGxF: Tensor, known: int
) -> Tensor:
    """Returns tokens [S, G, W] of groups of features, or of y, which is not-a-number where it is unknown."""
    import torch

    values = values_SxGxF
    if settings is None:
        marks_unknown, scales = name == "y_encoder", name == "encoder"
    else:
        marks_unknown, scales = settings["nan_handling"], settings["variable_num_features_normalization"]
        values = (values - settings["constant_normalization_mean"]) / settings["constant_normalization_std"]
        if settings["train_normalization"]:
            values = _normalised(values, known)
    if scales:
        varies = (values != values[:1]).any(0).sum(-1, keepdim=True).clamp(min=1)
        values = values * torch.sqrt(values.shape[-1] / varies)
    if marks_unknown:
        unknown = values.isnan()
        mean = values[:known].nanmean(0, keepdim=True)
        values = torch.cat([torch.where(unknown, mean, values), UNKNOWN_Y * unknown.to(values.dtype)], dim=-1)
    # The linear layer is the last step of the encoder, whatever precedes it.
    last = next(
        key.removesuffix(".weight") for key in state if key.startswith(f"{name}.") and key.endswith(".layer.weight")
    )
    return _affine(state, last, values)


def _normalised(values_SxGxF: Tensor, known: int) -> Tensor:
    """Draws outliers in and standardises, by the rows of the context."""
    import torch

    values = values_SxGxF
    inside = values[:known]
    low, high = _bounds(inside)
    kept = torch.where((inside > high) | (inside < low), torch.nan, inside)
    low, high = _bounds(kept)
    values = torch.maximum(low - torch.log1p(values.abs()), values)
    values = torch.minimum(high + torch.log1p(values.abs()), values)
    mean, deviation = values[:known].nanmean(0), _deviation(values[:known]) + 1e-20
    if known == 1:
        deviation = torch.ones_like(deviation)
    return ((values - mean) / deviation).clamp(-100, 100)


def _bounds(values: Tensor) -> tuple[Tensor, Tensor]:
    mean, reach = values.nanmean(0), SIGMAS * _deviation(values)
    return mean - reach, mean + reach


def _deviation(values: Tensor) -> Tensor:
    import torch

    count = (~values.isnan()).sum(0)
    return torch.sqrt((values - values.nanmean(0)).square().nansum(0) / (count - 1))
