"""`offprior describe`: the text and settings of a part or of a recipe."""

import inspect
from typing import Any

from rich.table import Table
from rich.text import Text

from offprior import catalog
from offprior.analysis.metric_names import METRICS
from offprior.console.output import Console
from offprior.errors import Problem, SettingError, choose_from
from offprior.recipe import file as recipe_file

SECTIONS = ("recipe", "mixture", "training", "evaluation", "study")
"""A whole recipe file, and the sections of it that are settings of one class."""


def print_description(name: str, console: Console | None = None) -> None:
    """Prints what a name stands for.

    For a part, its docstring and parameters; for a recipe, its text and settings; for a section, its settings; for a
    metric, its definition.

    Raises:
        SettingError: nothing has this name.
    """
    console = console or Console()
    folders = catalog.where(name)
    if name in recipe_file.names():
        _describe_recipe(name, console)
    elif name.upper() in METRICS:
        _describe_metric(name.upper(), console)
    elif name in SECTIONS:
        _describe_section(name, console)
    elif not folders:
        parts = [part for folder in catalog.PART_FOLDERS for part in catalog.names(folder)]
        known = [*parts, *recipe_file.names(), *SECTIONS, *METRICS]
        raise SettingError(Problem("", f"unknown name; {choose_from(name, known)}", name))
    for folder in folders:
        _describe(catalog.find(folder, name), name, folder, console)


def _describe_recipe(name: str, console: Console) -> None:
    mapping = recipe_file.read_mapping(*recipe_file.locate(name))
    console.print(Text.assemble((name, "bold"), f" (recipe): {mapping.pop('title')}\n"))
    for key in ("paper", "text", "expected", "cost"):
        if mapping.get(key):
            console.print(Text.assemble((key, "cyan"), f"\n{_unwrapped(mapping.pop(key))}\n"))
    if mapping.get("unverified"):
        lines = "\n".join(f"- {line}" for line in mapping.pop("unverified"))
        console.print(Text.assemble(("unverified", "cyan"), f"\n{lines}\n"))
    mapping.pop("name", None)
    console.print(recipe_file.dump(mapping))


def _describe_metric(code: str, console: Console) -> None:
    metric = METRICS[code]
    console.print(Text.assemble((code, "bold"), f" (metric): {metric.name}\n\n{metric.definition}"))
    if metric.reading:
        console.print(Text.assemble(("read as", "cyan"), f"\n{metric.reading}"))


def _describe_section(section: str, console: Console) -> None:
    from offprior.recipe.recipe import SECTIONS as CLASSES
    from offprior.recipe.recipe import Recipe, settings_class
    from offprior.recipe.study import Study

    if section in CLASSES:
        _describe(settings_class(section), section, "section of a recipe", console)
        return
    model = Recipe if section == "recipe" else Study
    sort = "a recipe file" if section == "recipe" else "section of a recipe"
    console.print(Text.assemble((section, "bold"), f" ({sort})\n{_unwrapped(inspect.getdoc(model) or '')}\n"))
    table = Table("key", "meaning", box=None, pad_edge=False)
    for name, field in model.model_fields.items():
        needed = " (needed)" if field.is_required() else ""
        named = f"offprior describe {name}" if name in SECTIONS else ""
        table.add_row(name, f"{field.description or named}{needed}")
    console.print(table)


def _describe(part: type, name: str, sort: str, console: Console) -> None:
    from offprior.parameter import fields_of
    from offprior.recipe.parts import plain

    text = inspect.getdoc(part) or ""
    console.print(Text.assemble((name, "bold"), f" ({sort.replace('_', ' ')})\n{_unwrapped(text)}\n"))
    infos = fields_of(part) if hasattr(part, "__dataclass_fields__") else ()
    if infos:
        table = Table("parameter", "default", "meaning", box=None, pad_edge=False)
        for info in infos:
            allowed = ", ".join(info.choices) or str(info.bounds)
            meaning = f"{info.doc} ({allowed})" if allowed else info.doc
            table.add_row(info.name, _written(plain(info.default)), meaning)
        console.print(table)
    for preset, settings in getattr(part, "presets", {}).items():
        written = ", ".join(f"{key} {value}" for key, value in settings.items())
        console.print(f"preset {preset}: {written}")


def _written(value: Any) -> str:
    """Formats a default as in a recipe."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_written(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(_written(item) for item in value)}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _unwrapped(text: str) -> str:
    """Joins the lines of each paragraph, for the console to wrap at its own width."""
    paragraphs = text.strip().split("\n\n")
    return "\n\n".join(part if part.startswith((" ", "-")) else " ".join(part.split()) for part in paragraphs)
