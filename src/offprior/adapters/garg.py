"""Checkpoints of Garg et al. (arXiv 2208.01066, code dtsip/in-context-learning), read into offprior's decoder and back.

A folder has `config.yaml` (under `model`: family gpt2, n_dims, n_positions, n_embd, n_layer, n_head) and `state.pt`
(under `model_state_dict`: the read-in, the backbone of Hugging Face's GPT2Model, the read-out). Their GPT-2 is
offprior's decoder with alternating tokens, causal attention, learned positions, pre-normalisation and a value head: x
and a zero-padded y share the read-in, GELU is the one with a tanh, and GPT-2's matrices are inputs × outputs.
"""

# pyright: reportMissingImports=false

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import yaml
from jaxtyping import Float

from offprior.adapters.declared import Declared
from offprior.adapters.weights import load_weights, state_dict
from offprior.errors import OffpriorError, Problem, SettingError, in_a_line
from offprior.families.linear import Linear
from offprior.laws.normal import Normal
from offprior.mixture import Mixture
from offprior.models.transformer import Transformer, TransformerNetwork
from offprior.networks.decoder import Affine, Block, Normalisation
from offprior.networks.heads import ValueHead
from offprior.predictors.predictor import BatchPrediction, Predictor
from offprior.predictors.pretrained import Pretrained
from offprior.storage.files import beside

CAPTION = "a checkpoint of Garg et al., a folder with config.yaml and state.pt, read into offprior's decoder"
EXAMPLE = "garg:models/linear_regression/pretrained"
NEEDS = ("torch",)
INSTALL = "pip install 'offprior[torch]'"

SIZES = ("n_dims", "n_positions", "n_embd", "n_layer", "n_head")
VOCABULARY = 50257
"""The rows of GPT-2's table of words, which their checkpoints carry and nothing reads."""
SWITCHES = {
    "tokens": "alternating",
    "attention": "causal",
    "positions": "learned",
    "norm": "pre",
    "head": "value",
    "activation": "gelu",
    "instruction": 0,
    "attention_only": False,
}
"""The architecture of their models, in the words of `Transformer`."""


class Garg(Predictor):
    """A model of Garg et al. that also takes inputs of fewer numbers, padded with zeros as in their curriculum."""

    def __init__(self, model: Pretrained, label: str, *, trained: bool = True, seed: int = 0):
        self.model, self.label, self.trained, self.seed = model, label, trained, seed
        self.longest = model.longest

    def __repr__(self) -> str:
        return f"{self.label}: {self.model!r}"

    def predict_batch(
        self,
        x: Float[Any, "B n d"],
        y: Float[Any, "B n"],
        queries: Float[Any, "B m d"],
        lengths: Sequence[int],
    ) -> BatchPrediction:
        """Returns means [B, L, m]; the variance is not-a-number.

        Raises:
            OffpriorError: inputs have more numbers than the model takes, or a context is too long.
        """
        missing = self.model.mixture.dimension - x.shape[2]
        if missing < 0:
            most = self.model.mixture.dimension
            raise OffpriorError(f"{self.label}: takes inputs of up to {most} numbers, got {x.shape[2]}")
        wide = [np.pad(each, ((0, 0), (0, 0), (0, missing))) for each in (x, queries)]
        return self.model.predict_batch(wide[0], y, wide[1], lengths)


def load(rest: str, declared: Declared) -> Garg:
    """Reads the checkpoint in a folder.

    Raises:
        SettingError: there is none, or it is not of this kind.
    """
    folder = Path(rest)
    trained = declared.trained if declared.trained is not None else True
    model = read_garg(folder, trust=declared.trust)
    return Garg(model, folder.resolve().name, trained=trained, seed=declared.seed)


def read_garg(folder: str | Path, mixture: Mixture | None = None, *, trust: bool = False) -> Pretrained:
    """Returns a checkpoint of Garg et al. as a model of offprior.

    Args:
        folder: a folder with `config.yaml` and `state.pt`.
        mixture: what it was pretrained on; linear functions of Gaussian inputs without noise if None.
        trust: whether `state.pt` may run code when it is read.

    Raises:
        SettingError: the folder lacks these files, or they are of another kind.
    """
    folder = Path(folder)
    sizes = _sizes(folder / "config.yaml")
    path = folder / "state.pt"
    arrays = {
        name: np.asarray(value.float()) for name, value in state_dict(load_weights(path, trust=trust), path).items()
    }
    unread = {name for name in arrays if name.startswith(f"_backbone.h.{sizes['n_layer']}.")}
    if unread:
        raise SettingError(Problem("", f"not of the sizes in config.yaml: holds {min(unread)}", str(path)))
    try:
        network = _network(arrays, sizes)
    except KeyError as error:
        raise SettingError(Problem("", f"lacks {error.args[0]}: not a model of Garg et al.", str(path))) from None
    except ValueError as error:
        raise SettingError(Problem("", f"not of the sizes in config.yaml: {error}", str(path))) from None
    if mixture is None:
        mixture = Mixture([Linear(dimension=sizes["n_dims"])], inputs=Normal(0.0, 1.0), noise=0.0)
    pairs = sizes["n_positions"] - 1
    return Pretrained(network, mixture, trained_to=pairs, limit=pairs, label=folder.resolve().name)


def write_garg(model: Pretrained, folder: str | Path) -> None:
    """Writes a model of offprior as a checkpoint of Garg et al.: `config.yaml` with its sizes, and `state.pt`.

    Their code needs `training` in the configuration for evaluations of its own, which is left to the user.

    Args:
        model: a transformer with their switches, as of the preset `deepmind`.
        folder: the folder to write to.

    Raises:
        SettingError: its architecture is another; every switch that differs is named.
    """
    import torch

    network = model.network
    settings = network.made_by()
    if not isinstance(network, TransformerNetwork) or not isinstance(settings, Transformer):
        raise SettingError(
            f"{type(network).__name__} is not a transformer: there is no checkpoint of Garg et al. for it"
        )
    wrong = [
        Problem(name, f"Garg et al. have {wanted!r}, the model {getattr(settings, name)!r}")
        for name, wanted in SWITCHES.items()
        if getattr(settings, name) != wanted
    ]
    if not settings.attention_only and settings.feedforward != 4 * settings.width:
        wrong.append(Problem("hidden", f"Garg et al. have 4 times the width, the model {settings.feedforward}"))
    if wrong:
        raise SettingError(wrong)
    arrays = _arrays(network)
    tensors = {name: torch.from_numpy(np.array(value, np.float32)) for name, value in arrays.items()}
    # All rows share the memory of one, in the file too: 50,257 rows that nothing reads would outweigh a small model.
    tensors["_backbone.wte.weight"] = torch.zeros(1, settings.width).expand(VOCABULARY, settings.width)
    sizes = {
        "n_dims": int(network.read_in.weight.shape[0]),
        "n_positions": len(arrays["_backbone.wpe.weight"]) // 2,
        "n_embd": settings.width,
        "n_layer": settings.layers,
        "n_head": settings.heads,
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with beside(folder / "config.yaml") as partial:
        partial.write_text(yaml.safe_dump({"model": {"family": "gpt2", **sizes}}, sort_keys=False), encoding="utf-8")
    with beside(folder / "state.pt") as partial:
        torch.save({"model_state_dict": tensors}, partial)


def _sizes(path: Path) -> dict[str, int]:
    if not path.is_file():
        raise SettingError(
            Problem("", "no such file: a checkpoint of Garg et al. has config.yaml and state.pt", str(path))
        )
    try:
        about = yaml.safe_load(path.read_text(encoding="utf-8"))["model"]
        sizes = {name: int(about[name]) for name in SIZES}
    except KeyError as error:
        raise SettingError(Problem("", f"lacks {error.args[0]} under model", str(path))) from None
    except (yaml.YAMLError, TypeError, ValueError) as error:
        raise SettingError(Problem("", f"not a configuration of Garg et al.: {in_a_line(error)}", str(path))) from None
    if about.get("family", "gpt2") != "gpt2":
        raise SettingError(Problem("model.family", f"{about['family']!r} is not gpt2, the one that is read", str(path)))
    return sizes


def _network(arrays: dict[str, np.ndarray], sizes: dict[str, int]) -> TransformerNetwork:
    """Returns the network with the arrays of their state dict.

    Raises:
        KeyError: an array is missing.
        ValueError: an array has another shape.
    """
    hidden = arrays["_backbone.h.0.mlp.c_fc.weight"].shape[1]
    settings = Transformer(
        layers=sizes["n_layer"], heads=sizes["n_head"], width=sizes["n_embd"], hidden=hidden, **SWITCHES
    )
    like = settings.skeleton(dimension=sizes["n_dims"], points=sizes["n_positions"] - 1)
    assert isinstance(like, TransformerNetwork)
    network = TransformerNetwork(
        settings=settings,
        points=like.points,
        read_in=_affine(arrays, "_read_in", is_linear=True),
        y_in=None,
        positions=jnp.asarray(arrays["_backbone.wpe.weight"]),
        blocks=tuple(_block(arrays, f"_backbone.h.{place}", settings) for place in range(settings.layers)),
        final_norm=_norm(arrays, "_backbone.ln_f"),
        head=ValueHead(_affine(arrays, "_read_out", is_linear=True)),
    )
    _check(network, like)
    return network


def _check(network: TransformerNetwork, like: TransformerNetwork) -> None:
    """Compares shapes with those of a network of the same settings.

    Raises:
        ValueError: one differs.
    """
    for has, wants in zip(_leaves(network), _leaves(like), strict=True):
        if has.shape != wants.shape:
            raise ValueError(f"an array is {list(has.shape)}, expected {list(wants.shape)}")


def _leaves(network: Any) -> list[Any]:
    import jax

    return jax.tree.leaves(eqx.filter(network, lambda leaf: hasattr(leaf, "shape")))


def _affine(arrays: dict[str, np.ndarray], name: str, is_linear: bool = False) -> Affine:
    weight = arrays[f"{name}.weight"]
    # torch.nn.Linear has outputs × inputs, GPT-2's Conv1D inputs × outputs.
    return Affine(jnp.asarray(weight.T if is_linear else weight), jnp.asarray(arrays[f"{name}.bias"]))


def _norm(arrays: dict[str, np.ndarray], name: str) -> Normalisation:
    return Normalisation(jnp.asarray(arrays[f"{name}.weight"]), jnp.asarray(arrays[f"{name}.bias"]))


def _block(arrays: dict[str, np.ndarray], name: str, settings: Transformer) -> Block:
    weight, bias = arrays[f"{name}.attn.c_attn.weight"], arrays[f"{name}.attn.c_attn.bias"]
    return Block(
        attention_norm=_norm(arrays, f"{name}.ln_1"),
        projections=Affine(
            jnp.asarray(np.stack(np.split(weight, 3, axis=1))), jnp.asarray(np.stack(np.split(bias, 3)))
        ),
        output=_affine(arrays, f"{name}.attn.c_proj"),
        feedforward_norm=_norm(arrays, f"{name}.ln_2"),
        up=_affine(arrays, f"{name}.mlp.c_fc"),
        down=_affine(arrays, f"{name}.mlp.c_proj"),
        heads=settings.heads,
        norm="pre",
        activation="gelu",
    )


def _arrays(network: TransformerNetwork) -> dict[str, np.ndarray]:
    """Returns their state dict of a network, without the table of words."""
    found: dict[str, Any] = {}

    def put(name: str, part: Any, is_linear: bool = False) -> None:
        weight = part.scale if isinstance(part, Normalisation) else part.weight
        found[f"{name}.weight"], found[f"{name}.bias"] = weight.T if is_linear else weight, part.bias

    head = network.head
    assert isinstance(head, ValueHead)
    put("_read_in", network.read_in, is_linear=True)
    found["_backbone.wpe.weight"] = network.positions
    for place, block in enumerate(network.blocks):
        name = f"_backbone.h.{place}"
        put(f"{name}.ln_1", block.attention_norm)
        found[f"{name}.attn.c_attn.weight"] = np.concatenate(np.asarray(block.projections.weight), axis=1)
        found[f"{name}.attn.c_attn.bias"] = np.asarray(block.projections.bias).reshape(-1)
        put(f"{name}.attn.c_proj", block.output)
        put(f"{name}.ln_2", block.feedforward_norm)
        put(f"{name}.mlp.c_fc", block.up)
        put(f"{name}.mlp.c_proj", block.down)
    put("_backbone.ln_f", network.final_norm)
    put("_read_out", head.read_out, is_linear=True)
    return {name: np.asarray(value) for name, value in found.items()}
