"""Finds a part by its name: a module of one of the part folders, or another package's entry point.

The folder gives the kind of part, the file's name (underscores as hyphens) is the part's name, and the file holds one
public class of that name. There is no registry: a new file is a new part.
"""

import ast
import contextlib
import functools
import importlib
import importlib.metadata
import inspect
import os
import pkgutil
import re
import sys
import warnings
from pathlib import Path
from typing import Any

from offprior.errors import OffpriorError, Problem, SettingError, choose_from, in_a_line

PART_FOLDERS = ("families", "laws", "input_laws", "models", "predictors", "probes", "figures")
VARIANTS = {"families": ("token_process",), "predictors": ("token_predictor",)}
"""Further modules that define an interface of a folder's parts."""
HERE = Path(__file__).parent


def names(folder: str) -> list[str]:
    """Lists the parts of a folder, including those of other packages, without importing any."""
    return sorted({*built_in(folder), *plugins(folder)})


def built_in(folder: str) -> list[str]:
    """Lists the parts of a folder of this package."""
    _check_folder(folder)
    found = [module.name for module in pkgutil.iter_modules([str(HERE / folder)]) if not module.ispkg]
    return sorted(name.replace("_", "-") for name in found if name not in _abstract(folder) and name[0] != "_")


def plugins(folder: str) -> dict[str, importlib.metadata.EntryPoint]:
    """Returns parts that other packages offer in the entry point group `offprior.<folder>`; they never shadow ours."""
    found: dict[str, importlib.metadata.EntryPoint] = {}
    for entry in _offered().get(f"offprior.{folder}", ()):
        if entry.name in built_in(folder) or entry.name in found:
            message = f"{folder}: {entry.value} is skipped: the name {entry.name!r} is taken"
            warnings.warn(message, stacklevel=2)
        else:
            found[entry.name] = entry
    return found


def _offered() -> dict[str, tuple[importlib.metadata.EntryPoint, ...]]:
    """The entry points of our groups, read again once a folder of `sys.path` has changed.

    Reading them takes 20 ms where 170 packages are installed, and reading a recipe asks for them at every part.
    """
    changed = []
    for folder in sys.path:
        with contextlib.suppress(OSError):
            changed.append((folder, os.stat(folder or ".").st_mtime_ns))
    return _offered_in(tuple(changed))


@functools.lru_cache(maxsize=4)
def _offered_in(changed: tuple[tuple[str, int], ...]) -> dict[str, tuple[importlib.metadata.EntryPoint, ...]]:
    del changed
    found = importlib.metadata.entry_points()
    return {group: tuple(found.select(group=group)) for group in found.groups if group.startswith("offprior.")}


def warn_of_unknown_groups() -> None:
    """Warns of entry points in groups that nothing reads, such as `offprior.family`."""
    known = [f"offprior.{folder}" for folder in (*PART_FOLDERS, "recipes")]
    for group, entries in sorted(_offered().items()):
        if group not in known:
            offered = ", ".join(entry.value for entry in entries)
            warnings.warn(f"{offered} is skipped: unknown group {group!r}; {choose_from(group, known)}", stacklevel=2)


def find(folder: str, name: str) -> type:
    """Returns the class of a part; imports its module and no other part's.

    Raises:
        SettingError: there is no such part, or another package's part fails to import.
    """
    if name in built_in(folder):
        return _public_class(module(folder, name.replace("-", "_")), name)
    offered = plugins(folder)
    if name not in offered:
        raise SettingError(Problem("name", f"{name!r} is not among the {folder}; {choose_from(name, names(folder))}"))
    try:
        return offered[name].load()
    except Exception as error:
        message = f"{folder}: {name} of {offered[name].value} cannot be imported: {in_a_line(error)}"
        warnings.warn(message, stacklevel=2)
        raise SettingError(Problem("", message)) from error


def module(folder: str, name: str) -> Any:
    """Imports a module of a folder of this package, whichever layer it belongs to."""
    return importlib.import_module(f"offprior.{folder}.{name}")


def working(folder: str) -> dict[str, type]:
    """Returns the parts of a folder by name, without those of other packages that fail to import: `find` warns."""
    found = {}
    for name in names(folder):
        try:
            found[name] = find(folder, name)
        except SettingError:
            if name in built_in(folder):
                raise
    return found


def attribute(folder: str, class_: str) -> type:
    """Returns the part whose class is called `class_`, for a folder's module `__getattr__`.

    Raises:
        AttributeError: there is none.
    """
    for name in names(folder) if class_[:1].isupper() else ():
        if class_name(name).lower() == class_.lower():
            return find(folder, name)
    raise AttributeError(f"module 'offprior.{folder}' has no attribute {class_!r}")


def is_ours(part: type) -> bool:
    """Whether a class is one of this package; a class of another package may fail in any way."""
    return part.__module__.startswith("offprior.")


def where(name: str) -> list[str]:
    """Returns the part folders that have a part of this name."""
    return [folder for folder in PART_FOLDERS if name in names(folder)]


def name_of(part: type) -> str:
    """Returns the name under which `find` finds a class, or its own name with hyphens if no package offers it."""
    module = part.__module__.split(".")
    if module[0] == "offprior" and len(module) == 3:
        return module[2].replace("_", "-")
    folder = folder_of(part)
    offered = plugins(folder) if folder is not None else {}
    for name, entry in offered.items():
        # The module of a class that is in use has been imported, so nothing else is imported for the lookup.
        if entry.module in sys.modules and _loaded(entry) is part:
            return name
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", part.__name__).replace("_", "-").lower()


def folder_of(part: type) -> str | None:
    """Returns the folder of a part's class, abstract or not; None for a class that is not a part."""
    for ancestor in part.__mro__:
        pieces = ancestor.__module__.split(".")
        if pieces[0] == "offprior" and len(pieces) == 3 and pieces[1] in PART_FOLDERS:
            return pieces[1]
    return None


def class_name(name: str) -> str:
    """Converts mixture-weight to MixtureWeight."""
    return "".join(piece.capitalize() for piece in name.replace("_", "-").split("-"))


def caption(folder: str, name: str) -> str:
    """Returns the first line of a part's docstring; a part of this package is read, not imported."""
    if name not in built_in(folder):
        try:
            return (inspect.getdoc(find(folder, name)) or "").partition("\n")[0]
        except OffpriorError as error:
            return f"broken: {error}"
    node = _class_definition(folder, name)
    return ((node and ast.get_docstring(node)) or "").partition("\n")[0]


def _class_definition(folder: str, name: str) -> ast.ClassDef | None:
    source = (HERE / folder / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return next((node for node in classes if node.name.lower() == class_name(name).lower()), None)


def _loaded(entry: importlib.metadata.EntryPoint) -> Any:
    try:
        return entry.load()
    except (ImportError, AttributeError):
        return None


def _abstract(folder: str) -> set[str]:
    """Returns the modules that define the interfaces of a folder's parts: for families `family`, and its variants."""
    return {f"{folder[:-3]}y" if folder.endswith("ies") else folder[:-1], *VARIANTS.get(folder, ())}


def _public_class(module: object, name: str) -> type:
    wanted = class_name(name).lower()
    for attribute_name, value in vars(module).items():
        if attribute_name.lower() == wanted and inspect.isclass(value):
            return value
    raise OffpriorError(f"{module.__name__}: the module has no class {class_name(name)}")  # type: ignore[attr-defined]


def _check_folder(folder: str) -> None:
    if folder not in PART_FOLDERS:
        raise SettingError(Problem("", f"{folder!r} is not a folder of parts; {choose_from(folder, PART_FOLDERS)}"))
