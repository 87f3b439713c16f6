"""Arrays of a pytree in a safetensors file, written to a temporary name, then renamed; the file contains no code."""

import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from offprior.errors import OffpriorError
from offprior.storage.files import beside

FORMAT = 3
"""Version of the files' format; increased if older programs cannot read the files."""


class UnreadableError(OffpriorError):
    """A file is missing, torn, changed or of another format; not raised for a file of another model."""


def write_arrays(path: Path, tree: Any, about: dict[str, Any]) -> None:
    """Writes the arrays of `tree`, each under its path in the tree, with `about` (JSON) in the file's header.

    The file appears whole or not at all. Its header holds a checksum of the arrays, which is verified on reading.
    """
    # Not `ascontiguousarray`, which would add an axis to a scalar.
    arrays = {name: np.asarray(jax.device_get(leaf), order="C") for name, leaf in _named(tree)}
    about = {**about, "format": FORMAT, "checksum": _checksum(arrays)}
    about["header"] = _header_checksum(about, arrays)
    data = save(arrays, metadata={"offprior": json.dumps(about, sort_keys=True)})
    with beside(path) as partial:
        partial.write_bytes(data)


def read_about(path: Path) -> dict[str, Any]:
    """Returns the JSON that `write_arrays` put into the header.

    Raises:
        OffpriorError: the file is missing, torn, or not a checkpoint of this program.
    """
    with _opened(path) as file:
        return _about(path, file)


def read_arrays(path: Path, like: Any) -> tuple[Any, dict[str, Any]]:
    """Returns a pytree like `like` with the file's arrays, and the `about` that `write_arrays` was given.

    `like` may hold `jax.ShapeDtypeStruct`s instead of arrays.

    Raises:
        OffpriorError: the file is missing, torn or of another shape; the first parameter that differs is named.
    """
    with _opened(path) as file:
        about = _about(path, file)
        stored = set(file.keys())
        leaves, arrays = [], {}
        for name, leaf in _named(like):
            if name not in stored:
                raise OffpriorError(f"{path}: {name} is missing: a checkpoint of another model")
            array = file.get_tensor(name)
            if array.shape != leaf.shape or array.dtype != leaf.dtype:
                have, want = f"{array.dtype}{list(array.shape)}", f"{leaf.dtype}{list(leaf.shape)}"
                raise OffpriorError(
                    f"{path}: {name} is {have}, but the model needs {want}: a checkpoint of another model"
                )
            stored.remove(name)
            arrays[name] = array
            leaves.append(jnp.asarray(array))
        if stored:
            raise OffpriorError(f"{path}: contains {min(stored)}, which the model lacks: a checkpoint of another model")
        if _checksum(arrays) != about["checksum"]:
            raise UnreadableError(f"{path}: not a readable checkpoint: its numbers are not those that were written")
    arrays, static = eqx.partition(like, _is_array)
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(arrays), leaves), static), about


def _opened(path: Path) -> Any:
    if not path.is_file():
        raise UnreadableError(f"{path}: no such checkpoint")
    try:
        return safe_open(path, framework="numpy")
    except (SafetensorError, OSError) as problem:
        raise UnreadableError(f"{path}: not a readable checkpoint: torn or cut short ({problem})") from None


def _about(path: Path, file: Any) -> dict[str, Any]:
    try:
        about = json.loads((file.metadata() or {})["offprior"])
    except (KeyError, ValueError):
        raise UnreadableError(f"{path}: a safetensors file, but not written by offprior") from None
    if about.get("format") != FORMAT:
        given = about.get("format", "an older one")
        raise UnreadableError(f"{path}: its format is {given}, but this version of offprior reads {FORMAT}")
    if about.get("header") != _header_checksum(about, file.keys()):
        raise UnreadableError(f"{path}: not a readable checkpoint: its header is not what was written")
    return about


def _header_checksum(about: dict[str, Any], names: Iterable[str]) -> int:
    """Returns a checksum of everything but the arrays, so that a changed byte is not mistaken for another model."""
    said = {key: value for key, value in about.items() if key != "header"}
    return zlib.crc32(json.dumps([said, sorted(names)], sort_keys=True).encode())


def _checksum(arrays: dict[str, np.ndarray]) -> int:
    found = 0
    for name in sorted(arrays):
        found = zlib.crc32(arrays[name].tobytes(), found)
    return found


def _is_array(leaf: Any) -> bool:
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def _named(tree: Any) -> list[tuple[str, Any]]:
    """Returns the arrays with their dotted paths, in the tree's order."""
    leaves = jax.tree_util.tree_flatten_with_path(eqx.filter(tree, _is_array))[0]
    return [(jax.tree_util.keystr(path, simple=True, separator="."), leaf) for path, leaf in leaves]
