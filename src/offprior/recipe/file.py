"""A recipe file as plain mappings and lists: YAML with the numbers of YAML 1.2, and overrides of single keys."""

import importlib
import importlib.metadata
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import yaml
from yaml.composer import ComposerError

from offprior.errors import Problem, SettingError, choose_from, in_a_line

RECIPES = Path(__file__).parents[1] / "recipes"
SUFFIXES = (".yaml", ".yml")
DEEPEST = 40


def built_in() -> list[str]:
    """Lists the names of the recipes in the package."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def offered() -> dict[str, importlib.metadata.EntryPoint]:
    """Recipes of other packages: an entry point of the group `offprior.recipes` is `package:file.yaml`.

    It may also be an object that holds a path.
    """
    found: dict[str, importlib.metadata.EntryPoint] = {}
    for entry in importlib.metadata.entry_points(group="offprior.recipes"):
        if entry.name in built_in() or entry.name in found:
            warnings.warn(f"recipes: {entry.value} is skipped: the name {entry.name!r} is taken", stacklevel=2)
        else:
            found[entry.name] = entry
    return found


def names() -> list[str]:
    """The names of all recipes, those of other packages included; nothing is imported."""
    return sorted({*built_in(), *offered()})


def locate(recipe: str | Path) -> tuple[Path, str]:
    """Returns the file of a recipe given by name or path, and its label in messages.

    Raises:
        SettingError: there is no such recipe.
    """
    path = Path(recipe)
    if path.suffix in SUFFIXES or len(path.parts) > 1:
        return path, str(recipe)
    if str(recipe) in built_in():
        return RECIPES / f"{recipe}.yaml", str(recipe)
    entry = offered().get(str(recipe))
    if entry is None:
        raise SettingError(Problem("", f"no recipe has this name; {choose_from(recipe, names())}", str(recipe)))
    try:
        return _path_of(entry), str(recipe)
    except Exception as error:  # another package may fail in any way
        message = f"{entry.value}, which offers this recipe, returned no path: {in_a_line(error)}"
        raise SettingError(Problem("", message, str(recipe))) from error


def _path_of(entry: importlib.metadata.EntryPoint) -> Path:
    # Read from the text: a file such as my-recipe.yaml is no attribute that Python could name.
    module, _, file = entry.value.partition(":")
    if not file.strip().endswith(SUFFIXES):
        return Path(entry.load())
    package = importlib.import_module(module.strip())
    folder = package.__path__[0] if hasattr(package, "__path__") else Path(str(package.__file__)).parent
    return Path(folder) / file.strip()


def read_mapping(path: Path, label: str) -> dict[str, Any]:
    """Reads the mapping in a YAML file.

    Raises:
        SettingError: the file cannot be read, is not YAML, or holds no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingError(Problem("", f"not UTF-8 text (byte {error.start})", label)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        what = "" if str(path) == label else f"{path} "
        raise SettingError(Problem("", f"{what}cannot be read: {reason}", label)) from None
    raw = parse(text, label)
    if not isinstance(raw, dict):
        raise SettingError(Problem("", f"expected a mapping of sections, got {shown(raw)}", label))
    return raw


def parse(text: str, label: str, key: str = "") -> Any:
    """Parses YAML to plain values.

    Raises:
        SettingError: the text is not YAML; the message names the line.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark is not None else ""
        raise SettingError(Problem(key, f"{line}{error.problem or error.context}", label)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SettingError(Problem(key, _one_line(error), label)) from None


def apply_overrides(raw: dict[str, Any], overrides: Iterable[str], label: str) -> dict[str, Any]:
    """Applies every override `a.b.1.c=value` to the mapping; values are YAML. Modifies `raw` in place.

    Raises:
        SettingError: one or more of them lead nowhere.
    """
    problems: list[Problem] = []
    for override in overrides:
        _, equals, text = override.partition("=")
        key = key_of(override)
        if not equals or not all(key.split(".")):
            problems.append(Problem(override, "not an override; write --set section.key=value", label))
            continue
        try:
            put(raw, key, parse(text, label, key), label)
        except SettingError as error:
            problems.extend(error.problems)
    if problems:
        raise SettingError(problems)
    return raw


def key_of(override: str) -> str:
    """Returns the dotted key that an override sets."""
    return override.partition("=")[0].strip()


def dump(mapping: dict[str, Any]) -> str:
    """Writes a mapping as YAML that `parse` reads back."""
    return yaml.dump(mapping, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)


def shown(value: Any, most: int = 60) -> str:
    """Shortens a value to one line of a message."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def put(raw: Any, key: str, value: Any, label: str | None = None) -> None:
    """Puts a value at its dotted key, also into lists and short forms of parts. Modifies `raw` in place.

    Raises:
        SettingError: the key leads nowhere.
    """
    *steps, last = key.split(".")
    here: Any = raw
    for depth, step in enumerate(steps):
        place = _place(here, step, ".".join(steps[: depth + 1]), label)
        following = here[place] if isinstance(here, list) else here.get(place)
        if following is None:
            following = {}
        elif isinstance(following, str):
            following = {"name": following}  # the short form of a part is its name alone
        here[place] = following
        here = following
    here[_place(here, last, key, label)] = value


def _place(here: Any, step: str, path: str, label: str | None) -> Any:
    if isinstance(here, dict):
        return step
    if not isinstance(here, list):
        raise SettingError(Problem(path, f"nothing can be set inside {shown(here)}", label))
    if not step.isascii() or not step.isdigit() or len(step) > 9 or int(step) >= len(here):
        allowed = f"choose 0 to {len(here) - 1}" if here else "the list is empty"
        raise SettingError(Problem(path, f"{step!r} is not an index of a list of length {len(here)}; {allowed}", label))
    return int(step)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


class _Loader(yaml.SafeLoader):
    """Loads plain values only: no dates, no tags, no anchors (shared nodes may grow without end), no repeated keys."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ComposerError(None, None, "anchors and aliases are not supported", event.start_mark)
        if getattr(event, "tag", None):
            raise ComposerError(None, None, "tags are not supported", event.start_mark)
        self.depth += 1
        if self.depth > DEEPEST:
            raise ComposerError(None, None, "nested too deeply", event.start_mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise yaml.constructor.ConstructorError(None, None, "a key must be a word", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key {key.value!r}", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=True)


# The core schema of YAML 1.2: 1e-3 is a number; yes, no, on, off, 1:30 and dates are words.
CORE = {
    "null": (r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    "bool": (r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    "int": (r"^[-+]?[0-9]+$", list("-+0123456789")),
    "float": (
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+.0123456789"),
    ),
}
_Loader.yaml_implicit_resolvers = {}
for _tag, (_pattern, _first) in CORE.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _integer(loader: Any, node: Any) -> int:
    return int(node.value)


def _real(loader: Any, node: Any) -> float:
    return float(node.value.lower().replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _real)


class _Dumper(yaml.SafeDumper):
    """Writes text that YAML 1.1 and 1.2 read alike: words that either reads as a number are quoted."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {
        first: yaml.SafeDumper.yaml_implicit_resolvers.get(first, []) + _Loader.yaml_implicit_resolvers.get(first, [])
        for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *_Loader.yaml_implicit_resolvers}
    }

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: Any, text: str) -> Any:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
