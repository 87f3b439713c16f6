"""Asks things of PyTorch: arrays become tensors, and the answer's tensors become arrays."""

# pyright: reportMissingImports=false

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def asking_tensors(thing: Any) -> Callable[[np.ndarray, np.ndarray, np.ndarray], Any]:
    """Returns a function of arrays that asks a module, or a callable of tensors, without gradients.

    A module is set to evaluation. It is asked by its `predict`, if it has one, on the device and in the number type of
    its parameters; a callable on the processor in single precision.

    Args:
        thing: a module or a callable of x [n, d], y [n] and queries [m, d].
    """
    import torch

    like = torch.zeros(0)
    ask = thing
    if isinstance(thing, torch.nn.Module):
        thing.eval()
        like = next((each for each in thing.parameters() if each.is_floating_point()), like)
        ask = getattr(thing, "predict", thing)
    device, dtype = like.device, like.dtype

    def asked(*arrays: np.ndarray) -> Any:
        with torch.inference_mode():
            return plain(ask(*(torch.as_tensor(array, dtype=dtype, device=device) for array in arrays)))

    return asked


def plain(given: Any) -> Any:
    """Returns an answer in which tensors have become arrays in double precision."""
    import torch

    if isinstance(given, torch.Tensor):
        return given.detach().to("cpu", torch.float64).numpy()
    if isinstance(given, Mapping):
        return {name: plain(value) for name, value in given.items()}
    return tuple(plain(each) for each in given) if isinstance(given, tuple) else given
