"""A recipe file as plain mappings and lists: YAML with the numbers of YAML 1.2, and overrides of single keys."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import yaml
from yaml.composer import ComposerError

from offprior.errors import Problem, SettingError, choose_from

RECIPES = Path(__file__).parent / "recipes"
SUFFIXES = (".yaml", ".yml")
DEEPEST = 40


def built_in() -> list[str]:
    """The names of the recipes that come with the package."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def locate(recipe: str | Path) -> tuple[Path, str]:
    """The file of a recipe given by its name or its path, and what to call it in messages.

    Raises:
        SettingError: there is no such recipe.
    """
    path = Path(recipe)
    if path.suffix in SUFFIXES or len(path.parts) > 1:
        return path, str(recipe)
    if str(recipe) in built_in():
        return RECIPES / f"{recipe}.yaml", str(recipe)
    raise SettingError(Problem("", f"there is no recipe of this name; {choose_from(recipe, built_in())}", str(recipe)))


def read_mapping(path: Path, label: str) -> dict[str, Any]:
    """The mapping that a YAML file holds.

    Raises:
        SettingError: it cannot be read, is no YAML, or holds no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingError(Problem("", f"it is not text in UTF-8 (byte {error.start})", label)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SettingError(Problem("", f"it cannot be read: {reason}", label)) from None
    raw = parse(text, label)
    if not isinstance(raw, dict):
        raise SettingError(Problem("", f"it holds {shown(raw)}, a mapping of sections was expected", label))
    return raw


def parse(text: str, label: str, key: str = "") -> Any:
    """YAML to plain values.

    Raises:
        SettingError: it is no YAML; the line is named.
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
    """The mapping with every `a.b.1.c=value` put in its place; values are YAML. `raw` itself is changed.

    Raises:
        SettingError: one or more of them lead nowhere.
    """
    problems: list[Problem] = []
    for override in overrides:
        _, equals, text = override.partition("=")
        key = key_of(override)
        if not equals or not all(key.split(".")):
            problems.append(Problem(override, "it is no override; write --set section.key=value", label))
            continue
        try:
            put(raw, key, parse(text, label, key), label)
        except SettingError as error:
            problems.extend(error.problems)
    if problems:
        raise SettingError(problems)
    return raw


def key_of(override: str) -> str:
    """The dotted key that an override sets."""
    return override.partition("=")[0].strip()


def dump(mapping: dict[str, Any]) -> str:
    """A mapping as YAML that `parse` reads back."""
    return yaml.dump(mapping, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)


def shown(value: Any, most: int = 60) -> str:
    """A value as one short line of a message."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def put(raw: Any, key: str, value: Any, label: str | None = None) -> None:
    """Put a value at its dotted key, into lists and short forms of parts too; `raw` itself is changed.

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
            following = {"name": following}  # the short form of a part: its name alone
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
        raise SettingError(Problem(path, f"{step!r} is no place of a list of {len(here)}; {allowed}", label))
    return int(step)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


class _Loader(yaml.SafeLoader):
    """Plain values only: no dates, no tags, no anchors (a shared node may grow without end), no key twice."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ComposerError(None, None, "anchors and aliases are not read", event.start_mark)
        if getattr(event, "tag", None):
            raise ComposerError(None, None, "tags are not read", event.start_mark)
        self.depth += 1
        if self.depth > DEEPEST:
            raise ComposerError(None, None, "it is nested too deeply", event.start_mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise yaml.constructor.ConstructorError(None, None, "a key has to be a word", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is there twice", key.start_mark)
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
    """Writes what readers of YAML 1.1 and of 1.2 take for the same: what is a number to either is quoted."""

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
